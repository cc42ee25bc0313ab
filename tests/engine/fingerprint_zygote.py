"""A process as warm as a zygote: forks for each line of JSON on stdin, executes its code, fingerprints ``fig``."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import traceback
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from nbdash.engine.host import fingerprint


def main(*fonts: str) -> None:
    """Serve; ``fonts`` are known from the start."""
    for font in fonts:
        matplotlib.font_manager.fontManager.addfont(font)
    figure, axes = plt.subplots()
    axes.plot([1, 2], label="$x^2$")
    axes.legend()
    figure.canvas.draw()
    plt.close("all")
    fingerprint.take_snapshot()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            sys.__stdout__.write(json.dumps(_answer(json.loads(line))) + "\n")
            sys.__stdout__.flush()
            os._exit(0)
        os.waitpid(pid, 0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    cell = type(sys)("__main__")
    sys.modules["__main__"] = cell
    vars(cell).update(plt=plt, np=np, pd=pd, matplotlib=matplotlib, sys=sys, os=os)
    try:
        exec(compile(request["code"], "<cell>", "exec"), vars(cell))
    except Exception:
        return {"error": traceback.format_exc()}
    figure = vars(cell).get("fig") or plt.gcf()
    answer: dict[str, Any] = {"fingerprint": fingerprint.fingerprint_of(figure, request["options"]), "why": None}
    if answer["fingerprint"] is None:
        answer["why"] = _reason(figure, request["options"])
    if request["draws"]:
        answer["picture"] = _picture(figure)
    return answer


def _reason(figure: Any, options: Any) -> str:
    try:
        fingerprint.compute_fingerprint(figure, options)
    except Exception as error:
        changes = [
            each for snapshot in fingerprint._taken for each in snapshot.library.changes(snapshot.canonicalizer.roots)
        ]
        return f"{type(error).__name__}: {error} {changes[:3]}"[:1000]
    return "the second time it has one"


def _picture(figure: Any) -> str:
    """As a kernel: all figures are drawn, then saved."""
    figure.canvas.draw()
    stream = io.BytesIO()
    figure.canvas.print_figure(stream, format="png", bbox_inches="tight", dpi=figure.dpi)
    return base64.b64encode(stream.getvalue()).decode()


if __name__ == "__main__":
    main(*sys.argv[1:])
