"""Request safety, all of it: what may come in, checked before every view, and what every answer carries.

The order is method → host → length → origin → who may: cheap checks first, and nothing of a body is read
before all have passed.  Who may ask for what is a table; an endpoint that is in none is not served.
"""

from __future__ import annotations

import re

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from nbdash.web.inputs import is_loopback_peer
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site

MAX_BODY = 64 * 1024
MAX_ADDRESS = 8 * 1024
METHODS = ("GET", "HEAD", "OPTIONS", "POST")

#: Everybody who can reach the server, under a trusted host name.
VIEWER_ENDPOINTS = frozenset(
    {
        "routes.index",
        "routes.dashboard",
        "routes.rerun",
        "routes.history",
        "routes.run",
        "routes.cancel",
        "routes.card",
        "routes.frame",
        "routes.latest_figure",
        "routes.run_figure",
        "api.dashboards",
        "api.dashboard",
        "api.run",
        "system.health",
        "system.static_file",
        "system.favicon",
        "system.become_author",
    }
)
#: To all others these do not exist.
AUTHOR_ENDPOINTS = frozenset({"routes.log"})
#: For the author, and for whoever asks from this machine itself.
LOCAL_ENDPOINTS = frozenset({"system.metrics"})

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'"
)
#: A frame's document is the notebook's own HTML: it may draw, and reach nothing.
FRAME_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; "
    "connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
#: For bytes that are looked at, never executed, even when opened alone.
BYTES_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?P<port>\d{1,5}))?")
_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})
#: What a proxy adds: with any of these, a peer on loopback says nothing about who asks.
_FORWARDING = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")


def guard(app: Flask) -> None:
    """Puts the checks before every view, and the headers on every answer."""
    app.before_request(check_request)
    app.after_request(complete_answer)


def check_request() -> None:
    """Raises what a bad request is answered with."""
    _check_method()
    _check_host()
    _check_length()
    if request.method == "POST":
        _check_origin()
    _check_right()


def complete_answer(response: Response) -> Response:
    """The headers that every answer carries, whatever its status."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers.setdefault("Cache-Control", "private, no-store")
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    current_site().requests.count(request.endpoint, response.status_code)
    return response


def is_author() -> bool:
    """Whether the author's cookie or token came with the request."""
    key = current_site().author
    return key.accepts_cookie(request.cookies.get(key.cookie_name, "")) or has_token()


def has_token() -> bool:
    """Whether the author's token came as a bearer."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and current_site().author.accepts_token(token.strip())


def is_local() -> bool:
    """Whether the request certainly comes from this machine, not through a proxy on it."""
    return (
        is_loopback_peer()
        and _host_name(request.headers.get("Host", "")) in LOOPBACK_NAMES
        and not any(name in request.headers for name in _FORWARDING)
    )


def _check_method() -> None:
    if request.method not in METHODS:
        raise MethodNotAllowed(METHODS)


def _check_host() -> None:
    header = request.headers.get("Host", "").lower()
    name = _host_name(header)
    settings = current_site().settings
    trusted = {host.lower() for host in settings.trusted_hosts}
    if settings.host not in _ANY_ADDRESS:
        trusted.add(f"[{settings.host}]" if ":" in settings.host else settings.host.lower())
    if name is None or not (name in LOOPBACK_NAMES or name in trusted or header in trusted):
        raise Refusal(400, "bad_host", "This server does not answer to that name: see trusted_hosts.")


def _host_name(header: str) -> str | None:
    """The name in a Host header; None if the header is not a name with perhaps a port."""
    match = _HOST.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65535:
        return None
    return match["name"]


def _check_length() -> None:
    if len(request.path) + len(request.query_string) > MAX_ADDRESS:
        raise Refusal(414, "too_long", "This address is too long.")
    if "Transfer-Encoding" in request.headers:
        # Chunks that break off look like a body that ended; no client needs them for so little.
        raise Refusal(411, "length_required", "A request's body must have a Content-Length.")
    if (request.content_length or 0) > MAX_BODY:
        raise Refusal(413, "too_large", f"This request is larger than {MAX_BODY // 1024} KiB.")


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
    endpoint = request.endpoint
    if endpoint is None or endpoint in VIEWER_ENDPOINTS:
        return
    if endpoint in AUTHOR_ENDPOINTS and is_author():
        return
    if endpoint in LOCAL_ENDPOINTS and (is_local() or is_author()):
        return
    raise NotFound
