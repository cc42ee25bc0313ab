"""Tokens of people who publish from elsewhere, and the browser's cookie that stands for a token."""

from __future__ import annotations

import hashlib
import secrets

from nbdash.publisher.sharing import digest_of
from nbdash.store import Store


def make_token(store: Store, name: str) -> str:
    """A new token for ``name``: told once, kept as hashes only. Raises ConflictError."""
    secret = secrets.token_urlsafe(32)
    store.add_token(name, digest=digest_of(secret), cookie_digest=digest_of(cookie_of(secret)))
    return secret


def cookie_of(token: str) -> str:
    """The cookie that is got with a token: made from it, without telling it."""
    return hashlib.sha256(f"cookie {token}".encode("utf-8", "surrogatepass")).hexdigest()
