"""A warm nbclient: executes each notebook it is told of in a fresh kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from talking import answer_each


def run(path: Path) -> dict[str, object]:
    """The number of figures."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return {"figures": sum("image/png" in output.get("data", {}) for output in outputs)}


answer_each(run)
