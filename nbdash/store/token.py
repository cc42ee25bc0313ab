"""The secrets of a data directory: whoever can read the author's token is its author."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

from nbdash.errors import StoreError

TOKEN_NAME = "author.token"  # noqa: S105 - a file's name
SESSION_NAME = "session.key"
_SHORTEST = 32
_TRIES = 20
_PAUSE_SECONDS = 0.05


def author_token(data: Path) -> str:
    """The author's token of a data directory, made at its first use. Raises StoreError.

    Processes that start together get the same one: whoever creates the file writes it, the others read.
    """
    return _secret_in(data, TOKEN_NAME)


def session_key(data: Path) -> str:
    """The key that signs logins, made at its first use; removing its file ends all logins. Raises StoreError."""
    return _secret_in(data, SESSION_NAME)


def _secret_in(data: Path, name: str) -> str:
    path = data / name
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_TRIES):
            token = _create(path) or _read(path)
            if token:
                return token
            time.sleep(_PAUSE_SECONDS)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be used ({error}): check it, or remove it.") from None
    raise StoreError(f"{path} holds no secret of nbdash's: remove it, and a new one is made.")


def _create(path: Path) -> str | None:
    """A new token in a new file; None if there is a file already."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return None
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)
    return token


def _read(path: Path) -> str | None:
    """The file's token; None while its maker has not written it yet."""
    token = path.read_text(encoding="ascii").strip()
    if len(token) < _SHORTEST:
        return None
    path.chmod(0o600)
    return token
