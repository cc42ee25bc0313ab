"""The shipped static files, read once: no path from a URL ever reaches the file system."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbdash.resources import data_dir

#: What is served, by suffix; other files are not. Our own table: the machine's may say anything.
MIME_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file, compressed once."""

    gzipped: bytes
    mime: str
    digest: str


def load_assets(templates: Path | None) -> dict[str, Asset]:
    """Name → file: the shipped ones, and in front of them those in ``templates/static``."""
    folders = [data_dir("templates"), *([templates] if templates else [])]
    return {path.name: _asset(path) for folder in folders for path in _files(folder / "static")}


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.iterdir()) if path.suffix in MIME_TYPES and path.is_file())


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(
        gzipped=gzip.compress(data, 9, mtime=0),
        mime=MIME_TYPES[path.suffix],
        digest=hashlib.sha256(data).hexdigest(),
    )
