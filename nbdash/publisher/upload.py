"""A notebook that was sent from elsewhere, with the data files it reads."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO

from nbdash.errors import OptionError
from nbdash.store.folder import RECEIVED

MAX_FILES = 1000
MAX_DEPTH = 16
MAX_NAME_BYTES = 200
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|\ud800-\udfff]")
#: Names that Windows keeps for devices, whatever their suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(kw_only=True)
class Upload:
    """What is being received: the notebook's bytes, and its data files in a folder that becomes the run's.

    A context manager: what is not settled when the block ends is removed.
    """

    name: str  #: the notebook's file name
    notebook: bytes
    draft: Path

    @classmethod
    def begin(cls, name: str, notebook: bytes, into: Path) -> Upload:
        """An upload without files yet, drafted below ``into``. Raises OptionError for a name that is none."""
        if not (name.endswith(".ipynb") and _is_plain(name) and "/" not in name):
            raise OptionError(f"{name[:80]!r} is no notebook's file name: send an .ipynb.", field="notebook")
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(name=name, notebook=notebook, draft=Path(tempfile.mkdtemp(prefix="draft-", dir=into)))

    def add(self, name: str, content: IO[bytes]) -> None:
        """One data file, at its path relative to the notebook. Raises OptionError for a path that leads elsewhere."""
        path = self.draft / checked_path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise OptionError(f"The data file {name[:80]!r} is sent twice.", field="data") from None

    def settle(self, holder: Path) -> Path:
        """The folder to run in, below ``holder``, named by its content: equal files are kept once."""
        folder = holder / _digest(self.draft)
        if folder.is_dir():
            os.utime(folder)
        else:
            holder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                os.utime(self.draft)  # young until its version is kept
                self.draft.replace(folder)
            except OSError:  # the same was sent twice at once
                if not folder.is_dir():
                    raise
        return folder

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.draft, ignore_errors=True)


def collect_received(data: Path, referenced: Collection[str], min_age_seconds: float) -> None:
    """Remove the folders that no version runs in, and drafts that a crash has left, once they are this old."""
    old = time.time() - min_age_seconds
    root = data / RECEIVED
    drafts, settled = root.glob("draft-*"), root.glob("*/*")
    for folder in [*drafts, *(each for each in settled if not each.parent.name.startswith("draft-"))]:
        if folder.relative_to(data).as_posix() not in referenced and folder.stat().st_mtime < old:
            shutil.rmtree(folder, ignore_errors=True)


def checked_path(name: str) -> PurePosixPath:
    """``name`` as a relative path that stays below its folder on every platform. Raises OptionError."""
    path = PurePosixPath(name)
    fits = (
        not path.is_absolute()
        and 0 < len(path.parts) <= MAX_DEPTH
        and str(path) == name
        and all(_is_plain(part) for part in path.parts)
    )
    if not fits:
        raise OptionError(
            f"{name[:80]!r} is no path for a data file: send files that lie beside the notebook or below.",
            field="data",
        )
    return path


def _is_plain(part: str) -> bool:
    return (
        part not in (".", "..")
        and not _UNFIT.search(part)
        and not _DEVICES.fullmatch(part)
        and not part.endswith((".", " "))
        and len(part.encode()) <= MAX_NAME_BYTES
    )


def _digest(folder: Path) -> str:
    """A SHA-256 over the paths and contents below a folder, in hex."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return whole.hexdigest()
