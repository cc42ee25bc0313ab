"""The server that is loaded, as a process with a real engine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from tests.load.clients import Address, request_of, talk
from tests.ports import own_port
from tests.served import Served

SMALL = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]); plt.show()"
#: Noise does not compress: the page is as large as its picture in base64.
BIG = """import io, numpy as np, matplotlib.image
from IPython.display import Image, display
picture = io.BytesIO()
matplotlib.image.imsave(picture, np.random.default_rng(0).random((1150, 1150, 3)), format="png")
display(Image(picture.getvalue()))"""
WAIT = "import pathlib, time\nwhile pathlib.Path('wait').exists():\n    time.sleep(0.02)"
NOTEBOOKS = {"small": [SMALL], "big": [BIG], "joined": [WAIT, SMALL]}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
PORT = own_port(8770)


class Site:
    """``nbdash serve`` of a folder, started and stopped at will."""

    def __init__(self, root: Path, *, port: int = PORT) -> None:
        self.folder, self.data = root / "notebooks", root / "data"
        self.folder.mkdir()
        self._port = port
        self.start()

    def start(self) -> None:
        """Starts the server; what is kept from before stays."""
        self.served = Served(self.folder, self.data, port=self._port, keep=100_000, page_mib=16)
        parts = urlsplit(self.served.url)
        assert parts.hostname and parts.port
        self.address: Address = (parts.hostname, parts.port)

    def stop(self) -> None:
        """Stops it."""
        self.served.stop()

    def publish_all(self, *names: str) -> None:
        """Writes the notebooks, and waits until each has run."""
        for name in names or NOTEBOOKS:
            notebook = new_notebook(metadata={"kernelspec": KERNEL})
            notebook.cells = [new_code_cell(source, id=f"c{n}") for n, source in enumerate(NOTEBOOKS[name])]
            notebook.cells[-1].metadata["tags"] = ["dash"]
            for cell in notebook.cells[:-1]:
                cell.metadata["tags"] = ["dash-setup"]
            nbformat.write(notebook, self.folder / f".{name}")
            (self.folder / f".{name}").replace(self.folder / f"{name}.ipynb")
        for name in names or NOTEBOOKS:
            self.wait_until_fresh(name)

    def wait_until_fresh(self, slug: str) -> None:
        """Returns once the dashboard's newest run has succeeded."""
        for _ in range(2400):
            answer = talk(self.address, request_of(f"/api/v1/dashboards/{slug}"))
            if b" 200 " in answer[:15] and json.loads(answer.partition(b"\r\n\r\n")[2])["state"] == "fresh":
                return
            time.sleep(0.05)
        raise AssertionError(f"{slug}: {answer!r}")

    @property
    def web(self) -> psutil.Process:
        """The process that answers: the one with the listening socket that has grown."""
        below = psutil.Process(self.served.process.pid).children(recursive=True)
        listening = [each for each in below if any(c.status == "LISTEN" for c in each.net_connections("tcp"))]
        return max(listening, key=lambda each: each.memory_info().rss)
