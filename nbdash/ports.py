"""The port that a server listens on, and nobody else."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nbdash.errors import ServerError

PORTS_TRIED = 50


@contextmanager
def claimed_port(host: str, first: int) -> Iterator[int]:
    """``first``, or the next port on which ``host`` can listen, while no other nbdash may have it.

    Raises ServerError if there is none.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with contextlib.ExitStack() as claims:
            try:
                claims.enter_context(_claim_of(host, port))
                with socket.socket(family) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((host, port))
            except OSError:
                continue
            yield port
            return
    raise ServerError(
        f"No port from {first} to {first + PORTS_TRIED - 1} is free on {host}: choose another with --port."
    )


@contextmanager
def _claim_of(host: str, port: int) -> Iterator[None]:
    """A name that one process at a time can have: Granian's sockets (SO_REUSEPORT) can share a port.

    Of two servers that start at the same moment, both would find it free. Raises OSError if the name is taken.
    """
    if sys.platform != "linux":  # names of sockets without a file
        yield
        return
    with socket.socket(socket.AF_UNIX) as claim:
        claim.bind(f"\0nbdash {host}:{port}")
        yield
