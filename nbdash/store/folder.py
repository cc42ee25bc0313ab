"""The data directory: created for its owner alone, refused with advice where it cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

from nbdash.errors import StoreError

DATABASE = "nbdash.sqlite"
BLOBS = "blobs"
#: Of figures that may be used again.
PICTURES = "pictures"
#: The folders that notebooks published from elsewhere run in.
RECEIVED = "received"


def prepare_folder(data: Path) -> None:
    """Creates the directory with an empty database file and a folder for blobs, where they are missing."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / BLOBS).mkdir(mode=0o700, exist_ok=True)
        _touch_private(data / DATABASE)
    except OSError as error:
        raise StoreError(_advice(data, error)) from error
    _refuse_emptied(data)


def _touch_private(path: Path) -> None:
    """The file itself opened for writing: SQLite would tell of a read-only one only at the first write."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))


def _advice(data: Path, error: OSError) -> str:
    path = error.filename or data
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"The data directory '{data}' cannot be used, '{path}' is a file: choose another with --data."
    if isinstance(error, IsADirectoryError):
        return f"The database '{path}' is a directory: move it away, or choose another data directory."
    reason = error.strerror or "error"
    return (
        f"The data directory '{data}' cannot be written ({reason}: '{path}'): "
        "check its owner, or choose another with --data."
    )


def _refuse_emptied(data: Path) -> None:
    """An empty database beside blobs was truncated; going on would collect them all."""
    if (data / DATABASE).stat().st_size == 0 and any((data / BLOBS).iterdir()):
        raise StoreError(
            f"The database '{data / DATABASE}' is empty though there are stored figures: "
            "restore a backup, or remove it to begin anew."
        )
