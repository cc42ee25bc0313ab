"""Pictures of figures that have not changed: ``pictures/<dashboard>/<fingerprint>``.  Losing them costs only time."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Collection
from pathlib import Path

#: Of one dashboard, the last ones used.
MOST_PICTURES = 256
_UNUSED_SECONDS = 30 * 86400.0
_DISTRUSTED = "distrusted"
_TEMPORARY = ".new-"


class PictureFolder:
    """The folder of pictures; safe for threads and processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, dashboard: str, fingerprint: str) -> bytes | None:
        """What was kept; it counts as used now."""
        path = self.folder / dashboard / fingerprint
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def keep(self, dashboard: str, fingerprint: str, data: bytes) -> None:
        """Keep it in place of the one that was used least recently; where nothing can be written, do without."""
        folder = self.folder / dashboard
        if (folder / _DISTRUSTED).exists():
            return
        temporary = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_bytes(data)
            os.replace(temporary, folder / fingerprint)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        for path in _by_use(folder)[:-MOST_PICTURES]:
            path.unlink(missing_ok=True)

    def distrust(self, dashboard: str) -> None:
        """Forget all of a dashboard's, and keep no more."""
        folder = self.folder / dashboard
        for path in _by_use(folder):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (folder / _DISTRUSTED).touch()

    def collect(self, dashboards: Collection[str]) -> None:
        """Remove those of other dashboards, and those that were not used for long."""
        limit = time.time() - _UNUSED_SECONDS
        for folder in self.folder.glob("*"):
            if folder.name not in dashboards:
                shutil.rmtree(folder, ignore_errors=True)
            for path in _by_use(folder):
                if _used_at(path) < limit:
                    path.unlink(missing_ok=True)


def _by_use(folder: Path) -> list[Path]:
    """The pictures in it, the one used least recently first."""
    with contextlib.suppress(OSError):
        return sorted((path for path in folder.iterdir() if path.name != _DISTRUSTED), key=_used_at)
    return []


def _used_at(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0
