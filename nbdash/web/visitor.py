"""Who is asking, and what they may do.

Four things open a dashboard: to be its author, to come from this machine itself, to hold one of its share
links, or to have an account in one of its groups; besides, a dashboard may be public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache

from flask import Response, g, request

from nbdash.errors import NotFoundError
from nbdash.model import Account, Audience, Dashboard, GroupRole, RerunBy, Share
from nbdash.publisher.sharing import digest_of
from nbdash.web.accounts import current_account
from nbdash.web.cookies import LONGEST_SECONDS, cookie_name, give_cookie
from nbdash.web.inputs import is_loopback_peer
from nbdash.web.site import current_site

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?P<port>\d{1,5}))?")
#: What a proxy adds, as WSGI spells it: with any of these, a peer on loopback says nothing about who asks.
_FORWARDING = frozenset(
    f"HTTP_{name}"
    for name in ("FORWARDED", "VIA", "X_FORWARDED_FOR", "X_FORWARDED_HOST", "X_FORWARDED_PROTO", "X_REAL_IP")
)
#: Share cookies looked up for one request.
MAX_SHARES = 50


class Right(Enum):
    """What a request asks to do."""

    REACH = "reach"  #: everybody who can reach the server, under a trusted name
    LOOK = "look"
    RERUN = "rerun"
    MANAGE = "manage"  #: log, source, settings: the author's
    PUBLISH = "publish"  #: with a token of the author's or of one's own
    MEASURE = "measure"  #: numbers about the server, for the author and this machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who asks."""

    is_author: bool  #: of the data directory: nothing is hidden from them
    is_local: bool
    person: str | None = None  #: the name of the token of one's own that they hold
    account: Account | None = None

    def may(self, right: Right, dashboard: Dashboard) -> bool:
        """Whether they may do that with this dashboard. One that is not listed is its author's alone."""
        if self.owns(dashboard):
            return True
        if right is Right.MANAGE or not dashboard.listed:
            return False
        is_invited = self.is_local or dashboard.public or self._is_in(dashboard, GroupRole.VIEWERS)
        share = None if is_invited else _share_for(dashboard)
        if not (is_invited or share):
            return False
        is_open = dashboard.rerun_by is RerunBy.VIEWERS and (share is None or share.may_rerun)
        return right is Right.LOOK or is_open

    def owns(self, dashboard: Dashboard) -> bool:
        """Whether they are its author."""
        if self.is_author or (self.person is not None and dashboard.owner == self.person):
            return True
        return self._is_in(dashboard, GroupRole.AUTHORS)

    def _is_in(self, dashboard: Dashboard, role: GroupRole) -> bool:
        """Whether their account is in one of the groups that have this role."""
        if self.account is None:
            return False
        return not self.account.groups.isdisjoint(current_site().store.groups(dashboard.id, role))

    @property
    def owner(self) -> str | None:
        """As whom they publish; None: they may not."""
        return "" if self.is_author else self.person

    @property
    def sees_all(self) -> bool:
        """Whether every listed dashboard is theirs to look at."""
        return self.is_author or self.is_local

    def audience(self) -> Audience | None:
        """Which dashboards a list shows them; None: all."""
        if self.sees_all:
            return None
        return Audience(
            shared=frozenset(share.dashboard_id for share in _shares()),
            owner=self.person,
            groups=self.account.groups if self.account else frozenset(),
        )


def current_visitor() -> Visitor:
    """Who asks now; found out once a request."""
    if "visitor" not in g:
        g.visitor = _recognise()
    visitor: Visitor = g.visitor
    return visitor


def named_dashboard() -> Dashboard | None:
    """The dashboard that the address is about; looked for once a request."""
    if "dashboard" not in g:
        g.dashboard = _find_dashboard(request.view_args or {})
    dashboard: Dashboard | None = g.dashboard
    return dashboard


def _find_dashboard(named: Mapping[str, str]) -> Dashboard | None:
    site = current_site()
    try:
        if "slug" in named:
            return site.pages.find_dashboard(named["slug"])
        return site.store.dashboard_by_id(site.store.run(named["run_id"]).dashboard_id)
    except NotFoundError:
        return None


def _recognise() -> Visitor:
    """A bearer token comes before a cookie, as it was put into this very request."""
    site = current_site()
    token, cookie = bearer(), request.cookies.get(cookie_name(site.author.cookie_name), "")
    is_known = bool(token or cookie)
    is_author = is_known and (site.author.accepts_token(token) or site.author.accepts_cookie(cookie))
    person = None
    if is_known and not is_author:
        found = site.store.find_token(digest_of(token or cookie), is_cookie=not token)
        person = found.name if found else None
    return Visitor(is_author=is_author, is_local=is_local(), person=person, account=current_account())


def bearer() -> str:
    """The token in the Authorization header; empty if there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def has_token() -> bool:
    """Whether a valid token came as a bearer: no other site can make a browser send one."""
    token = bearer()
    site = current_site()
    return bool(token) and (site.author.accepts_token(token) or site.store.find_token(digest_of(token)) is not None)


def is_local() -> bool:
    """Whether the request certainly comes from this machine, not through a proxy on it."""
    return (
        not current_site().settings.proxy_hops
        and is_loopback_peer()
        and host_name(request.headers.get("Host", "")) in LOOPBACK_NAMES
        and _FORWARDING.isdisjoint(request.environ)
    )


@lru_cache(64)
def host_name(header: str) -> str | None:
    """The name in a Host header; None if the header is not a name with perhaps a port."""
    match = _HOST.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65535:
        return None
    return match["name"]


# --- share links ---


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
