"""How a peer is asked: a line with a notebook's path comes in, a line of JSON with the seconds it took goes out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter


def answer_each(run: Callable[[Path], dict[str, object]]) -> None:
    """Answers until its input ends; what cells print does not come between the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        began = perf_counter()
        result = run(Path(line.strip()))
        print(json.dumps({"seconds": perf_counter() - began, **result}), file=answers, flush=True)
