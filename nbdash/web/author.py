"""Who the author is: whoever holds the data directory's token, or the cookie that was got with it."""

from __future__ import annotations

import hashlib
import hmac

from nbdash.publisher.tokens import cookie_of


class AuthorKey:
    """Recognises the author by the token, or by the cookie that was got with it."""

    def __init__(self, token: str) -> None:
        self._token = _digest(token)
        #: Tells this data directory's cookies from others': servers on other ports of a host see the same ones.
        self.site = _digest(f"name {token}").hex()[:8]
        self.cookie = cookie_of(token)
        self.cookie_name = f"nbdash-author-{self.site}"
        self._cookie = _digest(self.cookie)

    def accepts_token(self, token: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(_digest(token), self._token)

    def accepts_cookie(self, cookie: str) -> bool:
        """Whether this is the cookie."""
        return hmac.compare_digest(_digest(cookie), self._cookie)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
