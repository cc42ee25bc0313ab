"""Fixtures of the engine's tests: engines, and a detector of processes left over."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import psutil
import pytest

from nbdash.engine.base import Engine
from nbdash.engine.forked import ForkEngine
from nbdash.engine.kernel import KernelEngine

MAKERS = {"fork": ForkEngine, "kernel": KernelEngine}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine that executes; it is closed at the end of the module, with nothing left over."""
    if request.param == "fork" and sys.platform != "linux":
        pytest.skip("the fork engine is for Linux")
    before = children()
    engine = MAKERS[request.param]()
    yield engine
    engine.close()
    assert children() <= before, "processes outlived their engine"


def children() -> set[psutil.Process]:
    """Every living process below this one."""
    found = psutil.Process().children(recursive=True)
    return {process for process in found if process.is_running() and process.status() != "zombie"}
