"""This machine's names and addresses, as others on the network know them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil

from nbdash.config import Settings

ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what an operator may ask for
#: Documentation addresses (RFC 5737, RFC 3849): asking for the way there sends nothing.
_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def is_loopback(host: str) -> bool:
    """Whether who listens on ``host`` is reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def own_names(settings: Settings) -> frozenset[str]:
    """What a Host header may say of a server with these settings, in lower case; addresses in brackets if IPv6."""
    names = {urlsplit(settings.public_url).hostname or ""}
    if settings.host in ANY_ADDRESS:
        name = socket.gethostname().lower()
        names |= {name, name.partition(".")[0], f"{name.partition('.')[0]}.local", socket.getfqdn().lower()}
    else:
        names.add(bracketed(settings.host.lower()))
    return frozenset(names - {""})


def shared_url(settings: Settings) -> str | None:
    """Where others reach the server, with a final slash; None: nowhere but on this machine."""
    if settings.public_url:
        return f"{settings.public_url.rstrip('/')}/"
    if is_loopback(settings.host):
        return None
    host = lan_address() if settings.host in ANY_ADDRESS else settings.host
    return f"http://{bracketed(host)}:{settings.port}{settings.base_url}/"


def local_host(host: str) -> str:
    """Where this machine itself reaches a server that listens on ``host``."""
    if host in ANY_ADDRESS:
        return "::1" if host == "::" else "127.0.0.1"
    return host


def lan_address() -> str:
    """The address under which most others reach this machine; its name if it has no network."""
    for family, far in _FAR:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((far, 9))  # a datagram socket only looks up the route
                return str(probe.getsockname()[0])
            except OSError:
                continue
    return next(_interface_addresses(), None) or socket.gethostname()


def _interface_addresses() -> Iterator[str]:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not is_loopback(address.address):
                yield address.address


def bracketed(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
