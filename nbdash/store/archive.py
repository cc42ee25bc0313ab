"""What a backup is: one tar file, with the manifest first, the table of contents last, and between them what is kept.

::

    nbdash-backup.json     the manifest: what made it, and when
    nbdash.sqlite          the database, as it was at one moment
    nbdash.toml …          the settings and the secrets, those that there are
    blobs/ab/cdef…         every blob that a row names
    received/3/9f…/…       the folders that published notebooks run in
    contents.json          the digests of all files but the blobs, which are named by theirs

An archive without its last file was cut off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from nbdash.store.folder import BLOBS, DATABASE, RECEIVED
from nbdash.store.token import SESSION_NAME, TOKEN_NAME

FORMAT = 1
MANIFEST_NAME = "nbdash-backup.json"
CONTENTS_NAME = "contents.json"
#: Files of the data directory that are no less needed than the database, where there are any.
OWN_FILES = ("nbdash.toml", TOKEN_NAME, SESSION_NAME)
_BLOB = re.compile(rf"{BLOBS}/([0-9a-f]{{2}})/([0-9a-f]{{62}})")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a backup says of itself, first of all."""

    format: int
    nbdash: str  #: the version of nbdash that made it
    schema: str  #: the database's
    created_at: str  #: ISO 8601, UTC
    blobs: int  #: how many there are


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a backup says of itself, last of all."""

    files: dict[str, str]  #: name → SHA-256 in hex, of all but the blobs
    blobs: int  #: how many there are in truth
    damages: tuple[str, ...] = ()  #: what could not be kept, since it was damaged already; a sentence each


def blob_name(digest: str) -> str:
    """A blob's place in the archive, and in the data directory."""
    return f"{BLOBS}/{digest[:2]}/{digest[2:]}"


def blob_digest(name: str) -> str | None:
    """The digest in a blob's name; None for anything else."""
    found = _BLOB.fullmatch(name)
    return found and found[1] + found[2]


def is_fit_name(name: str) -> bool:
    """Whether a backup may hold a file or folder of this name: it has a place in a data directory."""
    if name in (DATABASE, *OWN_FILES) or blob_digest(name):
        return True
    parts = PurePosixPath(name).parts
    return len(parts) > 2 and parts[0] == RECEIVED and ".." not in parts and str(PurePosixPath(name)) == name
