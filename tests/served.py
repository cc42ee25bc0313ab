"""A real server of a folder, as a process, for tests that come in through the front door."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path


class Served:
    """``nbdash serve FOLDER`` with a data directory of its own."""

    def __init__(self, folder: Path, data: Path, *, port: int = 8790) -> None:
        self.folder = folder
        self.data = data
        self.log = data.with_suffix(".log")
        command = [sys.executable, "-m", "nbdash", "serve", str(folder), "--data", str(data)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=log
            )
        self.url = self._url()

    def _url(self) -> str:
        for _ in range(600):
            if (info := self.data / "server.json").exists():
                return str(json.loads(info.read_text())["url"])
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        """End the server as Ctrl-C would."""
        self.process.terminate()
        self.process.wait(30)
