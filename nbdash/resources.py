"""The one locator of the files that nbdash ships: ``templates`` and ``notebooks``.

In a wheel they lie inside the package; in a checkout (and an editable install) beside it.
"""

from __future__ import annotations

from pathlib import Path

from nbdash.errors import StoreError

PACKAGE = Path(__file__).resolve().parent


def data_dir(name: str) -> Path:
    """The folder of shipped files called ``name``; raises StoreError if the installation lacks it."""
    for parent in (PACKAGE, PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise StoreError(f"This installation of nbdash lacks its {name!r} folder: install it again.")
