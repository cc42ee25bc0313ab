"""Which engine executes a job."""

from __future__ import annotations

from nbdash.engine.base import Engine
from nbdash.engine.kernel import KernelEngine
from nbdash.errors import OptionError

ENGINE_NAMES = ("fork", "kernel")


def make_engine(name: str = "") -> Engine:
    """The engine of that name; an empty name means the platform's default.

    Raises OptionError for another name, and for ``fork`` where forking is not safe.
    """
    if name == "kernel":
        return KernelEngine()
    if name not in ("", "fork"):
        raise OptionError(
            f"There is no engine {name!r}; there are: {', '.join(ENGINE_NAMES)}.", field="engine"
        )
    return KernelEngine()
