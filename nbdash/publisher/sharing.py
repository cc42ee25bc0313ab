"""Share links: what an author hands to colleagues, and takes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from nbdash.errors import NotFoundError, OptionError
from nbdash.model import Share
from nbdash.store import Store

SECRET_BYTES = 16
#: How long a link may be given to last on a page: value and text.
LIFETIMES = (("", "never"), ("1d", "in a day"), ("7d", "in a week"), ("4w", "in four weeks"))
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LIFETIME = re.compile(r"([1-9]\d{0,4})([mhdw])")


class Sharing:
    """The links of one data directory's dashboards.

    A link's secret is derived from a nonce in the database and from the author's token, which lies in a
    file of its own: the database alone opens no dashboard, and the author can be told the link again.
    """

    def __init__(self, store: Store, author_token: str) -> None:
        self._store = store
        self._key = author_token.encode()

    def share(self, slug: str, *, lifetime: timedelta | None = None, may_rerun: bool = True) -> Share:
        """A new link. Raises NotFoundError."""
        dashboard = self._store.dashboard(slug)
        nonce = secrets.token_hex(SECRET_BYTES)
        return self._store.add_share(
            dashboard.id,
            digest=digest_of(self._secret(nonce)),
            nonce=nonce,
            may_rerun=may_rerun,
            expires_at=datetime.now(UTC) + lifetime if lifetime is not None else None,
        )

    def standing_share(self, slug: str) -> Share:
        """The dashboard's oldest link that does not expire and allows a rerun, else a new one."""
        for share in self.shares(slug):
            if share.may_rerun and share.expires_at is None and self.is_ours(share):
                return share
        return self.share(slug)

    def shares(self, slug: str) -> list[Share]:
        """The dashboard's links, oldest first. Raises NotFoundError."""
        return self._store.shares(self._store.dashboard(slug).id)

    def secret(self, share: Share) -> str:
        """The last part of the link: 128 bits as 22 characters."""
        return self._secret(self._store.share_nonce(share.id))

    def revoke(self, slug: str, share_id: int) -> None:
        """End a link of this dashboard. Raises NotFoundError."""
        if share_id not in {share.id for share in self.shares(slug)}:
            raise NotFoundError(f"Dashboard {slug!r} has no share link {share_id}: 'nbdash share {slug} --list'.")
        self._store.revoke_share(share_id)

    def is_ours(self, share: Share) -> bool:
        """Whether the link was made with the present author's token: else it works, but cannot be told."""
        return self._store.find_share(digest_of(self.secret(share)), touch=False) == share

    def _secret(self, nonce: str) -> str:
        derived = hmac.digest(self._key, f"share {nonce}".encode(), "sha256")[:SECRET_BYTES]
        return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


def lifetime_from(text: str) -> timedelta | None:
    """``90m``, ``12h``, ``7d`` or ``4w``; None for an empty text. Raises OptionError."""
    if not text:
        return None
    match = _LIFETIME.fullmatch(text.strip())
    if match is None:
        raise OptionError(f"{text[:80]!r} is no time: write 90m, 12h, 7d or 4w.", field="expires")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
