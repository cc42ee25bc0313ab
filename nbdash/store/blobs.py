"""Content-addressed files: ``blobs/ab/cdef…``, named by the SHA-256 of their bytes.

A blob is whole or absent: written to a temporary name, synced, renamed, and the folder synced.
Blobs are put before the rows that name them, so a row never names a blob that a crash lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from nbdash.errors import NotFoundError, StoreError

_HEX = frozenset("0123456789abcdef")
_TEMPORARY = ".new-"
_TRASH = ".old-"


class BlobFolder:
    """The folder of blobs; safe for threads and processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keeps ``data`` and returns its digest.

        Put a blob again before each new row that names it: that makes it young, and only old blobs
        are collected.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        try:
            if not _refresh(path):
                _write(path, data)
        except OSError as error:
            raise StoreError(
                f"Cannot write to '{self.folder}' ({error.strerror}): check its space and owner."
            ) from error
        return digest

    def keep(self, digest: str) -> bool:
        """Makes a blob young, so that it is not collected for a while; False if there is none."""
        path = self._path(digest)
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        except OSError:  # where nothing can be written, nothing is collected either
            return path.exists()
        return True

    def read(self, digest: str) -> bytes:
        """The bytes; raises NotFoundError."""
        if len(digest) != 64 or not _HEX.issuperset(digest):
            raise NotFoundError(f"{digest!r} is not a blob's digest.")
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"There is no blob {digest!r} in '{self.folder}'.") from None
        except OSError as error:
            raise StoreError(f"Cannot read '{self._path(digest)}' ({error.strerror}): check its owner.") from error

    def find_damage(self, digest: str) -> str | None:
        """What is wrong with a blob, in one sentence; None if it is as it was put."""
        try:
            data = self.read(digest)
        except NotFoundError:
            return f"Blob {digest!r} is missing."
        except StoreError as error:
            return str(error)
        if hashlib.sha256(data).hexdigest() != digest:
            return f"Blob {digest!r} is damaged: its bytes have another digest."
        return None

    def collect(self, referenced: Collection[str], min_age_seconds: float) -> int:
        """Removes the blobs not in ``referenced`` and last put longer ago than this; returns how many."""
        limit = time.time() - min_age_seconds
        self._restore_trash()
        return sum(self._collect_file(path, referenced, limit) for path in self._files())

    def _collect_file(self, path: Path, referenced: Collection[str], limit: float) -> bool:
        if not _is_older(path, limit):
            return False
        if path.name.startswith(_TEMPORARY):  # left by a process that was killed
            path.unlink(missing_ok=True)
            return False
        return path.parent.name + path.name not in referenced and _discard(path, limit)

    def _restore_trash(self) -> None:
        """What a collector that was killed had set aside goes back, to be judged again."""
        for path in self.folder.glob(f"*/{_TRASH}*"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, path.with_name(path.name.removeprefix(_TRASH)))

    def _files(self) -> Iterator[Path]:
        yield from (path for path in self.folder.glob("*/*") if path.is_file())

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]


def _refresh(path: Path) -> bool:
    """Makes an existing blob young; False if there is none."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    sync_folder(path.parent)  # another process may have renamed it this moment
    return True


def _write(path: Path, data: bytes) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    temporary = path.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        with open(temporary, "xb", opener=_open_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Makes a rename in ``folder`` durable, where the platform can (Windows cannot open folders)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_older(path: Path, limit: float) -> bool:
    try:
        return path.stat().st_mtime < limit
    except FileNotFoundError:
        return False


def _discard(path: Path, limit: float) -> bool:
    """Removes a blob, unless it is being put again at this moment.

    It is renamed first: a put that comes later finds nothing and writes; one that came just before
    has made the file young, and it goes back.
    """
    trash = path.with_name(f"{_TRASH}{path.name}")
    with contextlib.suppress(FileNotFoundError):
        os.replace(path, trash)
        if _is_older(trash, limit):
            trash.unlink()
            return True
        os.replace(trash, path)
    return False
