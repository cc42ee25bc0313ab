"""Ports of this test process's own: several may run side by side."""

from __future__ import annotations

import os

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def own_port(number: int) -> int:
    """``number`` in the first test process, and a thousand further on in each next one."""
    return number + 1000 * _WORKER
