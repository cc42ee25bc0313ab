"""A backup of a data directory, made while it is in use.

The database is copied at one moment; the blobs and folders that this copy names are then made young, so
that nothing of them is collected before they are in the archive.  Until it is whole and on the disk, the
archive lies under another name.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from sqlalchemy import select

import nbdash
from nbdash.errors import StoreError
from nbdash.store.archive import CONTENTS_NAME, FORMAT, MANIFEST_NAME, OWN_FILES, Contents, Manifest, blob_name
from nbdash.store.base import utc_now
from nbdash.store.blobs import BlobFolder, sync_folder
from nbdash.store.database import BUSY_SECONDS, Database
from nbdash.store.folder import BLOBS, DATABASE
from nbdash.store.maintenance import referenced_blobs
from nbdash.store.schema import find_schema, prepare_schema, refuse_unknown
from nbdash.store.tables import SCHEMA, versions

#: Called with how many blobs are kept, of how many.
OnBlob = Callable[[int, int], None]

_DRAFTS = ".nbdash-backup-"
_DRAFT_LIFE = 24 * 3600.0
_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that was made."""

    path: Path
    blobs: int
    size: int  #: bytes of the archive
    damages: tuple[str, ...]  #: what could not be kept, since it was damaged already; a sentence each


def make_backup(data: Path, target: Path, *, on_blob: OnBlob = lambda done, of: None) -> Backup:
    """Writes a backup of the data directory to ``target``, which is replaced at the very end.

    Raises StoreError if there is nothing to back up, the database is damaged or a newer nbdash's, or
    ``target`` cannot be written.  A damaged blob is no reason to keep nothing: it is told.
    """
    if not (data / DATABASE).is_file():
        raise StoreError(f"There is nothing to back up in '{data}': give its data directory with --data.")
    try:
        with _draft_folder(target) as draft:
            snapshot = _take_snapshot(data, draft)
            contents = _write_archive(draft / "archive", data, snapshot, on_blob)
            os.replace(draft / "archive", target)
        sync_folder(target.parent)
        return Backup(path=target, blobs=contents.blobs, size=target.stat().st_size, damages=contents.damages)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"The backup '{target}' cannot be made ({reason}: '{error.filename or target}'): check its space and owner."
        ) from error


@contextmanager
def _draft_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target for what is not finished; what a killed backup left there goes with time."""
    for left in target.parent.glob(f"{_DRAFTS}*"):
        if left.stat().st_mtime < time.time() - _DRAFT_LIFE:
            shutil.rmtree(left, ignore_errors=True)
    draft = tempfile.mkdtemp(prefix=_DRAFTS, dir=target.parent)
    try:
        yield Path(draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# --- what is to be kept -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Snapshot:
    """The database at one moment, and what its rows name."""

    database: Path
    schema: str
    digests: list[str]
    folders: list[str]  #: relative to the data directory


def _take_snapshot(data: Path, draft: Path) -> _Snapshot:
    """A copy of the database of which all blobs are there and stay.

    Between the copy and making them young a run may be pruned with its blobs: then a newer copy is taken,
    which does not name them.  What the last one lacks was lost before.
    """
    for _ in range(_TRIES):
        copy = _copy_database(data / DATABASE, draft / DATABASE)
        snapshot = _read_snapshot(data / DATABASE, copy)
        blobs = BlobFolder(data / BLOBS)
        there = [blobs.keep(digest) for digest in snapshot.digests]
        there += [_keep_folder(data / folder) for folder in snapshot.folders]
        if all(there):
            break
    return snapshot


def _keep_folder(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        os.utime(folder)
    return folder.is_dir()


def _copy_database(source: Path, copy: Path) -> Path:
    """Copies in one step, under SQLite's own lock, and looks the copy over. Raises StoreError."""
    copy.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as original, closing(sqlite3.connect(copy)) as new:
            original.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # all of it in one file
            (report,) = new.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        report = str(error)
    if report != "ok":
        raise StoreError(
            f"The database '{source}' could not be copied whole ({report}): "
            "free some space, look it over with 'nbdash doctor', or restore an earlier backup."
        )
    return copy


def _read_snapshot(source: Path, copy: Path) -> _Snapshot:
    """What the rows of a copied database name; one of an older schema stays as it is."""
    schema = find_schema(copy)
    if schema is None:
        raise StoreError(f"There is nothing to back up: the database '{source}' is empty.")
    refuse_unknown(source, schema)
    readable = copy
    if schema != SCHEMA:
        readable = copy.with_name("migrated.sqlite")
        shutil.copyfile(copy, readable)
        prepare_schema(readable)
    database = Database(readable)
    try:
        with database.read() as connection:
            digests = referenced_blobs(connection)
            folders = connection.scalars(select(versions.c.folder).where(versions.c.folder.is_not(None)).distinct())
            return _Snapshot(database=copy, schema=schema, digests=sorted(digests), folders=sorted(map(str, folders)))
    finally:
        database.close()


# --- the archive ------------------------------------------------------------------------------------


def _write_archive(path: Path, data: Path, snapshot: _Snapshot, on_blob: OnBlob) -> Contents:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            writer = _Writer(tar, path.parent)
            writer.add_json(MANIFEST_NAME, _manifest_of(snapshot))
            writer.add_file(DATABASE, snapshot.database)
            for name in OWN_FILES:
                with contextlib.suppress(FileNotFoundError):
                    writer.add_file(name, data / name)
            writer.add_blobs(BlobFolder(data / BLOBS), snapshot.digests, on_blob)
            for folder in snapshot.folders:
                writer.add_folder(folder, data / folder)
            contents = writer.contents()
            writer.add_json(CONTENTS_NAME, contents)
        file.flush()
        os.fsync(file.fileno())
    return contents


def _manifest_of(snapshot: _Snapshot) -> Manifest:
    return Manifest(
        format=FORMAT,
        nbdash=nbdash.__version__,
        schema=snapshot.schema,
        created_at=utc_now().isoformat(timespec="seconds"),
        blobs=len(snapshot.digests),
    )


@dataclass
class _Writer:
    """Adds to an archive, and remembers what."""

    tar: tarfile.TarFile
    spool: Path  #: a folder for copies of files that may change while they are read
    _files: dict[str, str] = field(default_factory=dict)
    _blobs: int = 0
    _damages: list[str] = field(default_factory=list)

    def contents(self) -> Contents:
        """What was added so far."""
        return Contents(files=dict(self._files), blobs=self._blobs, damages=tuple(self._damages))

    def add_json(self, name: str, record: Manifest | Contents) -> None:
        """The archive's words about itself."""
        content = json.dumps(asdict(record), indent=1).encode("ascii")
        self._add(name, io.BytesIO(content), size=len(content), mtime=time.time())

    def add_file(self, name: str, path: Path) -> None:
        """A file, as long as it is at this moment; a cell may be writing to it."""
        copy = self.spool / "file"
        shutil.copyfile(path, copy)
        stat = path.stat()
        mode = stat.st_mode & 0o777 if "/" in name else 0o600
        with copy.open("rb") as file:
            self._files[name] = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            self._add(name, file, size=size, mtime=stat.st_mtime, mode=mode)

    def add_folder(self, name: str, path: Path) -> None:
        """Folders and plain files; what vanishes meanwhile was a cell's own."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o700
        self.tar.addfile(entry)
        try:
            children = sorted(os.scandir(path), key=lambda child: child.name)
        except FileNotFoundError:
            self._damages.append(f"The folder {name!r} is missing.")
            return
        for child in children:
            with contextlib.suppress(FileNotFoundError):
                if child.is_dir(follow_symlinks=False):
                    self.add_folder(f"{name}/{child.name}", Path(child.path))
                elif child.is_file(follow_symlinks=False):
                    self.add_file(f"{name}/{child.name}", Path(child.path))

    def add_blobs(self, blobs: BlobFolder, digests: list[str], on_blob: OnBlob) -> None:
        """All blobs that are undamaged."""
        for done, digest in enumerate(digests, start=1):
            if damage := blobs.find_damage(digest):
                self._damages.append(damage)
            else:
                content = blobs.read(digest)
                self._add(blob_name(digest), io.BytesIO(content), size=len(content), mtime=time.time())
                self._blobs += 1
            on_blob(done, len(digests))

    def _add(self, name: str, content: IO[bytes], *, size: int, mtime: float, mode: int = 0o600) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, mtime, mode
        self.tar.addfile(entry, content)
