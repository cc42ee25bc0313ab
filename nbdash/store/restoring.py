"""A data directory from a backup: all of it or nothing.

Everything is unpacked and checked in a folder inside the data directory (which may be a volume of its own), and
moved to its place at the end, the database last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from nbdash.errors import ConflictError, StoreError
from nbdash.store.archive import CONTENTS_NAME, FORMAT, MANIFEST_NAME, Contents, Manifest, blob_digest, is_fit_name
from nbdash.store.backup import OnBlob
from nbdash.store.blobs import sync_folder
from nbdash.store.folder import BLOBS, DATABASE
from nbdash.store.schema import is_known
from nbdash.store.tables import SCHEMA

_DRAFTS = ".restoring-"
#: A volume's own folder, and the lock that whoever restores holds.
_IGNORED = ("lost+found", "server.lock")
_CHUNK = 1 << 20
_Record = TypeVar("_Record", Manifest, Contents)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was restored, and what it lacks."""

    manifest: Manifest
    blobs: int
    damages: tuple[str, ...]


def restore_backup(archive: Path, data: Path, *, on_blob: OnBlob = lambda done, of: None) -> Restored:
    """Makes the data directory from a backup; call it while no server can start there.

    Raises ConflictError if there is something in it, and StoreError for what is no backup, a damaged one, or one
    of a newer nbdash; then nothing is left behind.
    """
    with _opened(archive) as members:
        manifest = _read_manifest(archive, members)
        try:
            refuse_used(data)
            return _restore(members, manifest, data, on_blob)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(
                f"The data directory '{data}' cannot be made ({reason}: '{error.filename or data}'): "
                "check its space and owner, or choose another with --data."
            ) from error


def check_backup(archive: Path) -> Manifest:
    """What a backup says of itself. Raises StoreError unless it looks like one that can be restored."""
    with _opened(archive) as members:
        return _read_manifest(archive, members)


def refuse_used(data: Path) -> None:
    """Raises ConflictError unless a data directory is missing or empty."""
    if data.exists() and not data.is_dir():
        raise ConflictError(f"'{data}' is a file: choose another data directory with --data.")
    names = [path.name for path in data.iterdir()] if data.exists() else []
    if used := [name for name in names if name not in _IGNORED and not name.startswith(_DRAFTS)]:
        raise ConflictError(
            f"The data directory '{data}' is not empty (there is '{min(used)}'): "
            "move it away first, or choose another with --data."
        )


# --- reading the archive ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Member:
    """One file or folder of the archive; its content is to be read before the next."""

    name: str
    mode: int
    mtime: float
    content: IO[bytes] | None  #: None for a folder


class _DamagedError(Exception):
    """Why an archive cannot be trusted."""


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[_Member]]:
    """The archive's members, in order; what is wrong with it is one sentence."""
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield _members(tar)
    except (_DamagedError, tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise StoreError(
            f"'{archive}' is no whole backup of nbdash ({error}): take another one; nothing was restored."
        ) from error
    except OSError as error:
        raise StoreError(f"The backup '{archive}' cannot be read ({error.strerror}): check its path.") from error


def _members(tar: tarfile.TarFile) -> Iterator[_Member]:
    for entry in tar:
        content = tar.extractfile(entry) if entry.isreg() else None
        if content is None and not entry.isdir():
            raise _DamagedError(f"'{entry.name}' is neither a file nor a folder")
        yield _Member(name=entry.name, mode=entry.mode & 0o777, mtime=entry.mtime, content=content)


def _read_manifest(archive: Path, members: Iterator[_Member]) -> Manifest:
    first = next(members, None)
    if first is None or first.name != MANIFEST_NAME:
        raise _DamagedError(f"it does not begin with '{MANIFEST_NAME}'")
    words = _read_json(first)
    try:
        number, version, schema = int(words["format"]), str(words["nbdash"]), str(words["schema"])
    except (KeyError, TypeError, ValueError):
        raise _DamagedError(f"its '{MANIFEST_NAME}' is not nbdash's") from None
    if number > FORMAT or not is_known(schema):
        raise StoreError(
            f"The backup '{archive}' was made by a newer nbdash ({version}, schema {schema}; this one knows {SCHEMA}): "
            "upgrade nbdash, then restore it."
        )
    return _record_from(Manifest, first.name, words)


def _read_json(member: _Member) -> dict[str, Any]:
    try:
        words = json.load(member.content) if member.content else None
    except ValueError:
        words = None
    if not isinstance(words, dict):
        raise _DamagedError(f"its '{member.name}' cannot be read")
    return words


def _record_from(kind: Callable[..., _Record], name: str, words: dict[str, Any]) -> _Record:
    try:
        return kind(**words)
    except TypeError:
        raise _DamagedError(f"its '{name}' is not nbdash's") from None


# --- unpacking --------------------------------------------------------------------------------------


def _restore(members: Iterator[_Member], manifest: Manifest, data: Path, on_blob: OnBlob) -> Restored:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in data.glob(f"{_DRAFTS}*"):  # of one that was killed
        shutil.rmtree(left)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFTS, dir=data))
    try:
        contents = _Unpacking(draft, manifest.blobs, on_blob).unpack(members)
        refuse_used(data)
        _move_all(draft, data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Restored(manifest=manifest, blobs=contents.blobs, damages=tuple(contents.damages))


@dataclass
class _Unpacking:
    """Writes members below a folder, and checks each."""

    draft: Path
    expected: int  #: blobs
    on_blob: OnBlob
    _files: dict[str, str] = field(default_factory=dict)
    _blobs: int = 0

    def unpack(self, members: Iterator[_Member]) -> Contents:
        """Everything up to the table of contents, which must agree. Raises _DamagedError."""
        (self.draft / BLOBS).mkdir(mode=0o700)
        for member in members:
            if member.name == CONTENTS_NAME:
                contents = _record_from(Contents, member.name, _read_json(member))
                if contents.files != self._files or contents.blobs != self._blobs or DATABASE not in self._files:
                    raise _DamagedError("it does not hold what it says")
                return contents
            self._unpack(member)
        raise _DamagedError("it is cut off")

    def _unpack(self, member: _Member) -> None:
        if not is_fit_name(member.name):
            raise _DamagedError(f"'{member.name}' has no place in it")
        path = self.draft / member.name
        if member.content is None:
            _make_folder(path)
            return
        _make_folder(path.parent)
        digest = _write(path, member)
        expected = blob_digest(member.name)
        if expected is None:
            self._files[member.name] = digest
            return
        if digest != expected:
            raise _DamagedError(f"'{member.name}' has other bytes than it had")
        self._blobs += 1
        self.on_blob(self._blobs, self.expected)


def _make_folder(path: Path) -> None:
    """A folder and those above it, its owner's alone (``parents=True`` would give these the usual mode)."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(mode=0o700)


def _write(path: Path, member: _Member) -> str:
    """Writes a member's content to the disk; its SHA-256 in hex."""
    assert member.content is not None
    whole = hashlib.sha256()
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        while chunk := member.content.read(_CHUNK):
            whole.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(member.mode)
    if blob_digest(member.name) is None:  # blobs are young: what no row names any more is collected later
        os.utime(path, (member.mtime, member.mtime))
    return whole.hexdigest()


def _move_all(draft: Path, data: Path) -> None:
    """Moves what was unpacked to its place; the database last, so that what is half there is not taken for whole."""
    moved: list[Path] = []
    try:
        for path in sorted(draft.iterdir(), key=lambda path: path.name == DATABASE):
            moved.append(data / path.name)
            path.rename(data / path.name)
        sync_folder(data)
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
