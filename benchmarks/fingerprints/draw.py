"""One process: execute scripts, each in a fork of a warm process, and tell each figure's fingerprint and picture."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from nbdash.engine.host import fingerprint

_SECONDS = 120


def main(results: str, *scripts: str) -> None:
    """Append a line of JSON for each figure to ``results``."""
    _warm_up()
    fingerprint.take_snapshot()
    for script in scripts:
        pid = os.fork()
        if pid == 0:
            _execute(Path(script), results)
        os.waitpid(pid, 0)


def _warm_up() -> None:
    """What a zygote has imported and drawn."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with contextlib.suppress(ImportError):
        import pandas  # noqa: F401
    figure, axes = plt.subplots()
    axes.plot([1, 2], label="$x^2$")
    axes.legend()
    figure.canvas.draw()
    plt.close("all")


def _execute(script: Path, results: str) -> None:
    signal.alarm(_SECONDS)
    os.chdir(script.parent)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    warnings.simplefilter("ignore")
    with open(results, "a", encoding="utf-8") as file:
        try:
            source = compile(script.read_text(encoding="utf-8"), str(script), "exec")
            main_module = type(sys)("__main__")
            sys.modules["__main__"] = main_module
            exec(source, vars(main_module))
        except BaseException as error:
            print(json.dumps({"script": script.name, "error": repr(error)[:200]}), file=file)
        for place, line in enumerate(_figures()):
            print(json.dumps({"script": script.name, "figure": place, **line}), file=file, flush=True)
    os._exit(0)


def _figures() -> Any:
    import matplotlib.pyplot as plt

    figures = [plt.figure(number) for number in plt.get_fignums()]
    told = [_told(figure) for figure in figures]
    for figure, about in zip(figures, told, strict=True):
        before = time.process_time()
        try:
            figure.canvas.draw()
            stream = io.BytesIO()
            figure.canvas.print_figure(stream, format="png", bbox_inches="tight", dpi=figure.dpi)
            picture = hashlib.sha256(stream.getvalue()).hexdigest()[:16]
        except Exception:
            picture = "failed " + traceback.format_exc()[-100:]
        yield {**about, "picture": picture, "draw_seconds": time.process_time() - before}


def _told(figure: Any) -> dict[str, Any]:
    """The fingerprint, or why there is none, and what it took."""
    before = time.process_time()
    try:
        found, why = fingerprint.compute_fingerprint(figure, {"format": "png", "bbox_inches": "tight"}), None
    except Exception as error:
        found, why = None, f"{type(error).__name__}: {error}"[:300]
    seconds = time.process_time() - before
    if why and "not what it was" in why:
        why += " " + "; ".join(each[:200] for each in fingerprint._taken[0].library.changes()[:4])
    return {"fingerprint": found, "why": why, "seconds": seconds}


if __name__ == "__main__":
    main(*sys.argv[1:])
