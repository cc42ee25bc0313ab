"""Request safety, all of it: what may come in, checked before every view, and what every answer carries.

The order is method → host → length → origin → who may: cheap checks first, and nothing of a body is read
before all have passed.  Who may ask for what is a table; an endpoint that is in none is not served.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from nbdash.network import ANY_ADDRESS
from nbdash.page.frames import FRAME_SOURCES
from nbdash.web.inputs import MAX_BODY, wants_json
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site
from nbdash.web.visitor import (
    LOOPBACK_NAMES,
    Right,
    Visitor,
    current_visitor,
    has_token,
    host_name,
    is_local,
    named_dashboard,
)

MAX_ADDRESS = 8 * 1024
METHODS = ("GET", "HEAD", "OPTIONS", "POST")

#: What each endpoint asks for.
RIGHTS: Mapping[str, Right] = {
    "routes.index": Right.REACH,
    "routes.open_share": Right.REACH,
    "routes.dashboard": Right.LOOK,
    "routes.history": Right.LOOK,
    "routes.run": Right.LOOK,
    "routes.card": Right.LOOK,
    "routes.frame": Right.LOOK,
    "routes.latest_figure": Right.LOOK,
    "routes.run_figure": Right.LOOK,
    "routes.rerun": Right.RERUN,
    "routes.cancel": Right.RERUN,
    "managing.log": Right.MANAGE,
    "managing.settings": Right.MANAGE,
    "managing.change_settings": Right.MANAGE,
    "managing.source": Right.MANAGE,
    "accounts.log_in": Right.REACH,
    "accounts.come_back": Right.REACH,
    "accounts.log_out": Right.REACH,
    "api.dashboards": Right.REACH,
    "api.dashboard": Right.LOOK,
    "api.run": Right.LOOK,
    "api.publish": Right.PUBLISH,
    "api.whoami": Right.PUBLISH,
    "system.health": Right.REACH,
    "system.static_file": Right.REACH,
    "system.favicon": Right.REACH,
    "system.become_author": Right.REACH,
    "system.metrics": Right.MEASURE,
}

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'"
)
#: A frame's document is the notebook's own HTML: it may draw, and reach nothing.
FRAME_POLICY = f"sandbox allow-scripts; {FRAME_SOURCES}; frame-ancestors 'self'"
FRAME_HEADERS = {
    "Content-Security-Policy": FRAME_POLICY,
    # What that policy leaves open: WebRTC, and connections made ahead of requests that are then refused.
    "Connection-Allowlist": "()",
}
#: For bytes that are looked at, never executed, even when opened alone.
BYTES_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def guard(app: Flask) -> None:
    """Puts the checks before every view, and the headers on every answer."""
    app.before_request(check_request)
    app.after_request(complete_answer)


def check_request() -> None:
    """Raises what a bad request is answered with."""
    _check_method()
    _check_host()
    _check_length()
    if request.method == "POST" and RIGHTS.get(request.endpoint or "") is not Right.PUBLISH:
        _check_origin()  # a token in the request itself is proof enough
    _check_right()


def complete_answer(response: Response) -> Response:
    """The headers that every answer carries, whatever its status."""
    headers = response.headers
    headers.extend(HEADERS)  # which no view sets
    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    headers.setdefault("Cache-Control", "private, no-store")
    vary = headers.get("Vary")
    headers["Vary"] = f"{vary}, Cookie" if vary else "Cookie"
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    current_site().requests.count(request.endpoint, response.status_code)
    return response


def _check_method() -> None:
    if request.method not in METHODS:
        raise MethodNotAllowed(METHODS)


def _check_host() -> None:
    """A name that leads here by somebody else's doing must not be answered: its site would read the answer."""
    header = request.headers.get("Host", "").lower()
    name = host_name(header)
    site = current_site()
    trusted = {host.lower() for host in site.settings.trusted_hosts} | site.own_names
    is_own = name in LOOPBACK_NAMES or name in trusted or header in trusted
    if name is None or not (is_own or (site.settings.host in ANY_ADDRESS and _is_address(name))):
        raise Refusal(400, "bad_host", "This server does not answer to that name: see trusted_hosts.")


def _is_address(name: str) -> bool:
    """Whether the host is an IP address: no name server can make one lead elsewhere."""
    try:
        return not ipaddress.ip_address(name.strip("[]")).is_unspecified
    except ValueError:
        return False


def _check_length() -> None:
    if len(request.path) + len(request.query_string) > MAX_ADDRESS:
        raise Refusal(414, "too_long", "This address is too long.")
    if "Transfer-Encoding" in request.headers:
        # Chunks that break off look like a body that ended; no client needs them for so little.
        raise Refusal(411, "length_required", "A request's body must have a Content-Length.")
    limit = current_site().settings.upload_mib * 1024**2 if request.endpoint == "api.publish" else MAX_BODY
    if (request.content_length or 0) > limit:
        raise Refusal(413, "too_large", f"This request is larger than {limit // 1024} KiB.")


def _check_origin() -> None:
    """Other sites must not act through a viewer's browser (the rule of Go's CrossOriginProtection).

    A browser says where a request comes from; a program says nothing, and must then come from this
    machine without cookies, or with the token.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    elif origin is not None:
        allowed = origin == f"{request.scheme}://{request.headers.get('Host', '')}"
    else:
        allowed = has_token() or (is_local() and "Cookie" not in request.headers)
    if not allowed:
        raise Refusal(403, "cross_site", "This request came from elsewhere: open the dashboard itself and try again.")


def _check_right() -> None:
    """Unknown, forbidden and unlisted are told apart by nobody: all are 404."""
    if request.endpoint is None:  # no such address, or not with this method
        return
    right, visitor = RIGHTS.get(request.endpoint), current_visitor()
    if right is Right.REACH or (right is Right.MEASURE and visitor.sees_all):
        return
    if right is Right.PUBLISH:
        _check_token(visitor)
        return
    if right is None or right is Right.MEASURE:
        raise NotFound
    dashboard = named_dashboard()
    if dashboard is not None and visitor.may(right, dashboard):
        return
    if dashboard is not None and right is Right.RERUN and visitor.may(Right.LOOK, dashboard):
        raise Refusal(403, "may_not_rerun", "This dashboard is rerun by its author: ask there for newer figures.")
    raise NotFound(response=_way_to_login(visitor) if right is Right.LOOK else None)


def _way_to_login(visitor: Visitor) -> Response | None:
    """Where people have accounts, a page that is not there for them, or not there at all, asks who they are."""
    is_page = request.endpoint == "routes.dashboard" and request.method in ("GET", "HEAD") and not wants_json()
    if not (is_page and current_site().settings.oidc_issuer and visitor.account is None):
        return None
    response = Response(status=303)
    response.headers["Location"] = f"../-/login?to={(request.view_args or {}).get('slug', '')}"
    return response


def _check_token(visitor: Visitor) -> None:
    """Publishing takes a token in the request itself: what a browser keeps is not enough."""
    if visitor.owner is None or not has_token():
        raise Refusal(
            401, "bad_token", "This server does not know this token: get one from its author, then 'nbdash login'."
        )
