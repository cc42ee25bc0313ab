"""The end of a run's process: what an interpreter does on its way out, without taking itself apart."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import threading
from typing import Any


def finish_process() -> None:
    """Wait for threads, call ``atexit`` functions, flush open files, end.  The engine does not wait long."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for each in _open_files():
        with contextlib.suppress(BaseException):
            each.flush()
    os._exit(0)


def _open_files() -> list[Any]:
    """What writes into files and may hold some of it back."""
    objects: list[Any] = gc.get_objects()
    kinds = {kind for kind in set(map(type, objects)) if issubclass(kind, (io.TextIOWrapper, io.BufferedWriter))}
    return [each for each in objects if type(each) in kinds]
