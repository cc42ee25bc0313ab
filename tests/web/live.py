"""A real server as a process, for what no test client can send."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from web_site import Server, make_server_at

from nbdash.model import Run

PROGRAM = """
import sys
from pathlib import Path
from nbdash.config import Settings
from nbdash.web.server import run_web

if __name__ == "__main__":
    settings = Settings(data=Path(sys.argv[1]), port=int(sys.argv[2]), threads=16, long_polls=4)
    run_web(settings, on_ready=lambda: print("ready", flush=True))
"""


class Live:
    """A server process on a data directory with a finished and a queued run."""

    def __init__(self, folder: Path) -> None:
        self.site: Server = make_server_at(folder / "data")
        self.site.publish()
        self.site.perform()
        self.queued: Run = self.site.publisher.submit("sales", {"year": 2023})
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        program = folder / "serve.py"
        program.write_text(PROGRAM)
        command = [sys.executable, str(program), str(folder / "data"), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    @property
    def web(self) -> psutil.Process:
        """The process that answers."""
        return max(psutil.Process(self.process.pid).children(), key=lambda each: each.memory_info().rss)

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection on which this was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(sent)
        return connection

    def talk(self, sent: bytes) -> bytes:
        """All that comes back until the server closes."""
        received = b""
        with self.connect(sent) as connection:
            while part := connection.recv(65536):
                received += part
        return received

    def get(self, path: str) -> Any:
        """A whole answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.read()

    def stop(self, how: str = "terminate") -> None:
        """Ends the server."""
        getattr(self.process, how)()
        self.process.communicate(timeout=20)
        self.site.store.close()
