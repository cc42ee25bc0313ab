"""``script.py NOTEBOOK FOLDER``: the cells as a plain script, figures saved into FOLDER at each cell's end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from cells import execute_cells

notebook, folder = Path(sys.argv[1]), Path(sys.argv[2])
os.chdir(notebook.parent)
for number, picture in enumerate(execute_cells(notebook)):
    (folder / f"{number}.png").write_bytes(picture)
