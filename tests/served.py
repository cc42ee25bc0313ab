"""A real server of a folder, as a process, for tests that come in through the front door."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.ports import own_port


class Served:
    """``nbdash serve FOLDER`` with a data directory of its own; ``settings`` come as NBDASH_*."""

    def __init__(self, folder: Path, data: Path, *, port: int = own_port(8790), **settings: object) -> None:
        self.folder = folder
        self.data = data
        self.log = data.with_suffix(".log")
        command = [sys.executable, "-m", "nbdash", "serve", str(folder), "--data", str(data)]
        environment = {f"NBDASH_{name.upper()}": str(value) for name, value in settings.items()}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=log, env=os.environ | environment
            )
        try:
            self.url = str(self._info()["url"])
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _info(self) -> dict[str, object]:
        for _ in range(2400):
            with contextlib.suppress(FileNotFoundError):
                info: dict[str, object] = json.loads((self.data / "server.json").read_text())
                if info["pid"] == self.process.pid:  # not what a killed one has left
                    return info
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def run(self, *arguments: str) -> str:
        """What ``nbdash …`` says on stdout, for this server's data directory."""
        command = [sys.executable, "-m", "nbdash", *arguments, "--data", str(self.data)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def stop(self) -> None:
        """End the server as Ctrl-C would."""
        self.process.terminate()
        self.process.wait(30)
