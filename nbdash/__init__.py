"""nbdash: publish the tagged cells of a Jupyter notebook as a dashboard."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """Register ``%nbdash`` (called by ``%load_ext nbdash``)."""
    from nbdash.jupyter.magics import register_magics

    register_magics(shell)
