"""``python -m nbdash``: the same command line as ``nbdash``."""

from __future__ import annotations

from nbdash.cli import main

if __name__ == "__main__":
    main()
