"""The end of a run's process: what an interpreter does on its way out, without taking itself apart."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import threading


def finish_process() -> None:
    """Wait for threads, call ``atexit`` functions, flush open files, end.  The engine does not wait long."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for each in gc.get_objects():
        if isinstance(each, io.TextIOWrapper | io.BufferedWriter):
            with contextlib.suppress(BaseException):
                each.flush()
    os._exit(0)
