"""nbdash as a whole: a server with its worker, asked over HTTP as its pages ask."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.run.bench import Bench, peer_environment

START_SECONDS = 60


class Product:
    """A server on a data directory of its own; ``settings`` come as ``nbdash.toml`` has them."""

    def __init__(self, bench: Bench, *, prefix: list[str] | None = None, **settings: int) -> None:
        self._bench = bench
        self._data = bench.scratch / f"data-{time.monotonic_ns()}"
        self._data.mkdir(parents=True)
        limits = {"reruns_per_minute": 100000, **settings}
        text = "".join(f"{name} = {value}\n" for name, value in limits.items())
        (self._data / "nbdash.toml").write_text(text, encoding="utf-8")
        self._prefix = prefix or []
        self._slugs: dict[Path, str] = {}

    def __enter__(self) -> Product:
        self.process = subprocess.Popen(
            [*self._prefix, *self._command("serve")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=peer_environment(self._bench.python) | {"PYTHONPATH": str(Path.cwd())},
        )
        self.url = self._wait_for_url()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def publish(self, path: Path, slug: str | None = None) -> str:
        """Publishes a notebook that runs whole; its slug."""
        slug = slug or path.stem
        command = self._command("publish", str(path), "--cells", "all", "--python", self._bench.python, "--slug", slug)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr)
        return slug

    def timed_rerun(self, path: Path) -> tuple[float, int]:
        """Seconds from the request to the end of its run as the page learns of it; and the run's figures."""
        if path not in self._slugs:
            self._slugs[path] = self.publish(path)
        began = time.perf_counter()
        run = self.finish(self.rerun(self._slugs[path]))
        seconds = time.perf_counter() - began
        if run["state"] != "succeeded":
            raise AssertionError(f"{path.name}: the run {run['state']}")
        return seconds, len(run["figures"])

    def rerun(self, slug: str) -> dict[str, Any]:
        """What the Rerun button asks for; the run."""
        return self.ask(f"d/{slug}/runs", method="POST")

    def finish(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run at its end, followed with long polls."""
        seen = 0
        while run["state"] in ("queued", "running"):
            answer = self.ask(f"api/v1/runs/{run['id']}?png=0&after={seen}&wait=20")
            run, seen = answer["run"], answer["next"]
        return run

    def ask(self, path: str, method: str = "GET") -> dict[str, Any]:
        """A JSON answer."""
        answer: dict[str, Any] = json.loads(self.fetch(path, method, {"Accept": "application/json"}))
        return answer

    def fetch(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> bytes:
        """A body."""
        address = urlsplit(self.url)
        with contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=120)) as connection:
            connection.request(method, address.path + path, headers=headers or {})
            answer = connection.getresponse()
            body = answer.read()
        if answer.status >= 400:
            raise AssertionError(f"{method} {path} is answered {answer.status}: {body[:200]!r}")
        return body

    def _command(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "nbdash", name, *arguments, "--data", str(self._data)]

    def _wait_for_url(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                return str(json.loads((self._data / "server.json").read_text())["url"])
            time.sleep(0.05)
        raise AssertionError("The server does not start.")
