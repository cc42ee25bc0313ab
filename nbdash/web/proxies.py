"""What a proxy says about a request, believed only if it comes from an address that proxies have."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from nbdash.config import Settings
from nbdash.errors import OptionError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where a trusted proxy's word about the account stands in the environment: no request can set these keys.
ACCOUNT_KEY = "nbdash.account"
GROUPS_KEY = "nbdash.groups"


def believe_proxies(app: Flask, settings: Settings) -> None:
    """Takes the client, scheme and host from the last ``proxy_hops`` proxies, and the account from the nearest.

    Raises OptionError for settings that would let anybody name an account.
    """
    if settings.account_header and not settings.proxy_hops:
        raise OptionError("account_header needs a proxy that sets it: give proxy_hops too.", field="account_header")
    for field in ("account_header", "groups_header"):
        _check_header(field, getattr(settings, field))
    if settings.proxy_hops:
        app.wsgi_app = _Proxied(app.wsgi_app, settings)  # type: ignore[method-assign]


class _Proxied:
    """WSGI middleware."""

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        hops = settings.proxy_hops
        self._plain = app
        self._fixed = ProxyFix(app, x_for=hops, x_proto=hops, x_host=hops)
        self._networks = [_network(text) for text in settings.proxy_from]
        self._account = _key(settings.account_header)
        self._groups = _key(settings.groups_header)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Believes the proxy, or nobody."""
        if not self._is_proxy(environ.get("REMOTE_ADDR", "")):
            return self._plain(environ, start_response)
        told = {ACCOUNT_KEY: environ.get(self._account, ""), GROUPS_KEY: environ.get(self._groups, "")}
        return self._fixed(environ | told, start_response)

    def _is_proxy(self, address: str) -> bool:
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in network for network in self._networks)


def _check_header(field: str, name: str) -> None:
    """WSGI spells ``Remote-User`` and ``Remote_User`` alike, and a proxy that sets one may let the other pass."""
    if name and not (name.isascii() and name.isalpha()):
        raise OptionError(
            f"{field} is {name[:80]!r}: use a name of letters only, such as Remoteuser, which has one spelling.",
            field=field,
        )


def _key(header: str) -> str:
    return f"HTTP_{header.upper()}" if header else ""


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise OptionError(
            f"proxy_from has {text[:80]!r}, which is no address or network.", field="proxy_from"
        ) from None
