"""Who is asking, and what they may do.

Three things open a dashboard: to be its author, to come from this machine itself, or to hold one of its
share links; besides, a dashboard may be public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from flask import Response, g, request

from nbdash.model import Dashboard, RerunBy, Share
from nbdash.publisher.sharing import digest_of
from nbdash.web.inputs import is_loopback_peer
from nbdash.web.site import current_site

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?P<port>\d{1,5}))?")
#: What a proxy adds: with any of these, a peer on loopback says nothing about who asks.
_FORWARDING = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")
#: Browsers keep no cookie longer than this.
LONGEST_SECONDS = 400 * 24 * 3600
#: Share cookies looked up for one request.
MAX_SHARES = 50


class Right(Enum):
    """What a request asks to do."""

    REACH = "reach"  #: everybody who can reach the server, under a trusted name
    LOOK = "look"
    RERUN = "rerun"
    MANAGE = "manage"  #: log, source, settings: the author's
    MEASURE = "measure"  #: numbers about the server, for the author and this machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who asks."""

    is_author: bool
    is_local: bool

    def may(self, right: Right, dashboard: Dashboard) -> bool:
        """Whether they may do that with this dashboard. One that is not listed is its author's alone."""
        if self.is_author:
            return right is Right.MANAGE or dashboard.listed
        if right is Right.MANAGE or not dashboard.listed:
            return False
        share = None if self.is_local or dashboard.public else _share_for(dashboard)
        if not (self.is_local or dashboard.public or share):
            return False
        is_open = dashboard.rerun_by is RerunBy.VIEWERS and (share is None or share.may_rerun)
        return right is Right.LOOK or is_open

    @property
    def sees_all(self) -> bool:
        """Whether every listed dashboard is theirs to look at."""
        return self.is_author or self.is_local

    def shared(self) -> set[int]:
        """The ids of the dashboards whose share links they hold."""
        return {share.dashboard_id for share in _shares()}


def current_visitor() -> Visitor:
    """Who asks now; found out once a request."""
    if "visitor" not in g:
        g.visitor = Visitor(is_author=is_author(), is_local=is_local())
    visitor: Visitor = g.visitor
    return visitor


def is_author() -> bool:
    """Whether the author's cookie or token came with the request."""
    key = current_site().author
    return key.accepts_cookie(request.cookies.get(cookie_name(key.cookie_name), "")) or has_token()


def has_token() -> bool:
    """Whether the author's token came as a bearer."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and current_site().author.accepts_token(token.strip())


def is_local() -> bool:
    """Whether the request certainly comes from this machine, not through a proxy on it."""
    return (
        not current_site().settings.proxy_hops
        and is_loopback_peer()
        and host_name(request.headers.get("Host", "")) in LOOPBACK_NAMES
        and not any(name in request.headers for name in _FORWARDING)
    )


def host_name(header: str) -> str | None:
    """The name in a Host header; None if the header is not a name with perhaps a port."""
    match = _HOST.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65535:
        return None
    return match["name"]


# --- cookies ---


def cookie_name(name: str) -> str:
    """Under TLS a name that no other host and no plain connection can set."""
    return f"__Host-{name}" if request.is_secure else name


def give_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie for this server alone, which no script reads and no other site's form brings along."""
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=min(seconds, LONGEST_SECONDS),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def give_share(response: Response, share: Share, secret: str) -> None:
    """The share link's cookie: it opens one dashboard, whatever else its holder may open."""
    seconds = LONGEST_SECONDS
    if share.expires_at is not None:
        seconds = int((share.expires_at - datetime.now(UTC)).total_seconds())
    give_cookie(response, f"{_share_prefix()}{share.dashboard_id}", secret, seconds)


def _share_for(dashboard: Dashboard) -> Share | None:
    secret = request.cookies.get(cookie_name(f"{_share_prefix()}{dashboard.id}"))
    share = current_site().store.find_share(digest_of(secret)) if secret else None
    return share if share is not None and share.dashboard_id == dashboard.id else None


def _shares() -> Iterator[Share]:
    """The valid ones among the share links that came as cookies."""
    prefix = cookie_name(_share_prefix())
    secrets = [value for name, value in request.cookies.items() if name.startswith(prefix)]
    for secret in secrets[:MAX_SHARES]:
        share = current_site().store.find_share(digest_of(secret))
        if share is not None:
            yield share


def _share_prefix() -> str:
    """Of its own per data directory: servers on other ports of a host see the same cookies."""
    return f"nbdash-share-{current_site().author.site}-"
