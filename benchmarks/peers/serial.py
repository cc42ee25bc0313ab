"""A warm process: executes each notebook it is told of, cell by cell, and draws its figures one after the other."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from cells import execute_cells
from talking import answer_each


def run(path: Path) -> dict[str, object]:
    """The number of figures."""
    os.chdir(path.parent)
    return {"figures": len(execute_cells(path))}


answer_each(run)
