"""A view as one writes it first: each request executes the cells, draws, and puts the figures in as base64."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from cells import execute_cells
from flask import Flask
from granian.constants import Interfaces
from granian.server import Server

app = Flask(__name__)
NOTEBOOK = Path(sys.argv[1])


@app.get("/")
def view() -> str:
    """The page."""
    pictures = (base64.b64encode(picture).decode() for picture in execute_cells(NOTEBOOK))
    return "".join(f'<img src="data:image/png;base64,{picture}">' for picture in pictures)


if __name__ == "__main__":
    os.chdir(NOTEBOOK.parent)
    # One thread: pyplot is not safe with several.
    Server("flask_view:app", port=int(sys.argv[2]), interface=Interfaces.WSGI, blocking_threads=1).serve()
