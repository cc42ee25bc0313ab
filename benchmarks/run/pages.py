"""Looking at a stored page with five figures: requests per second, one processor for the server.

The load generator has the other processor, and is the same for all who can take it.  nginx and a bare WSGI callable
under the server that nbdash uses send the very bytes that nbdash sends; Voilà and a view that draws take seconds for a
page, so they are asked a few times, one request after the other.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.run.bench import NOTEBOOKS, PEERS, Bench, peer_environment, require, running
from benchmarks.run.product import Product
from benchmarks.run.samples import Samples, in_rounds

CONNECTIONS = 16
SECONDS = 4
START_SECONDS = 60
_GZIP = {"Accept-Encoding": "gzip"}
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; types {{ }}
  default_type "text/html; charset=utf-8";
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}; add_header Content-Encoding gzip; }}
}}
"""


def measure(bench: Bench) -> dict[str, Samples]:
    """Requests per second of each contender: the page of the figure-heavy notebook, and a small one without the slow.

    The size of the page in bytes besides.
    """
    heavy, light = NOTEBOOKS / "rivers.ipynb", NOTEBOOKS / "light.ipynb"
    return {"page": measure_page(bench, heavy, slow=True), "small page": measure_page(bench, light, slow=False)}


def measure_page(bench: Bench, notebook: Path, *, slow: bool) -> Samples:
    """Requests per second of each contender; with ``slow`` of Voilà and a view that draws too."""
    with contextlib.ExitStack() as stack:
        product = stack.enter_context(Product(bench, prefix=bench.server))
        address = f"{product.url}d/{product.publish(notebook)}"
        page = _get(address, _GZIP)
        nginx = stack.enter_context(serving_file(bench, page))
        bare = stack.enter_context(serving_bare(bench, bench.scratch / "page"))
        assert _get(nginx, _GZIP) == _get(bare, _GZIP) == page
        loaded = {"nbdash": address, "nginx": nginx, "bare WSGI": bare}
        contenders = {name: _loader(bench, url) for name, url in loaded.items()}
        if slow:
            contenders["Voilà"] = _asker(stack.enter_context(serving_voila(bench, notebook))[0])
            contenders["Flask view"] = _asker(stack.enter_context(serving_flask(bench, notebook)))
        return {**in_rounds(bench.rounds, contenders), "bytes": [float(len(page))]}


def load(bench: Bench, url: str, *headers: str) -> float:
    """Requests per second over connections that are kept. Every answer must be a good one."""
    command = [*bench.client, require("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s"]
    for header in ("Accept-Encoding: gzip", *headers):
        command += ["-H", header]
    told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise AssertionError(told)
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


@contextlib.contextmanager
def serving_file(bench: Bench, page: bytes) -> Iterator[str]:
    """Nginx with these bytes as a file."""
    folder, port = bench.scratch / "nginx", free_port()
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    (folder / "page").write_bytes(page)
    (bench.scratch / "page").write_bytes(page)
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, port=port), encoding="utf-8")
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    with running([*bench.server, require("nginx", "nginx"), "-c", str(settings), *user]):
        yield _awaited(f"http://127.0.0.1:{port}/page")


@contextlib.contextmanager
def serving_bare(bench: Bench, page: Path) -> Iterator[str]:
    """The least that the server of nbdash can do: a callable that returns these bytes."""
    with _serving(bench, [str(PEERS / "bare.py"), str(page)]) as url:
        yield url


@contextlib.contextmanager
def serving_flask(bench: Bench, notebook: Path) -> Iterator[str]:
    """A view that draws at each request."""
    with _serving(bench, [str(PEERS / "flask_view.py"), str(notebook)]) as url:
        yield url


@contextlib.contextmanager
def serving_voila(bench: Bench, notebook: Path) -> Iterator[tuple[str, int]]:
    """Voilà as it is set by default: its URL and its process."""
    port = free_port()
    command = [*bench.server, bench.python, "-m", "voila", str(notebook), "--no-browser", f"--port={port}"]
    with running(command, env=peer_environment(bench.python)) as process:
        yield _awaited(f"http://127.0.0.1:{port}/"), process.pid


@contextlib.contextmanager
def _serving(bench: Bench, command: list[str]) -> Iterator[str]:
    port = free_port()
    with running([*bench.server, bench.python, *command, str(port)], env=peer_environment(bench.python)):
        yield _awaited(f"http://127.0.0.1:{port}/")


def _loader(bench: Bench, url: str) -> Callable[[], float]:
    return lambda: load(bench, url)


def _asker(url: str) -> Callable[[], float]:
    def ask() -> float:
        began = time.perf_counter()
        _get(url, _GZIP)
        return 1 / (time.perf_counter() - began)

    return ask


def _get(url: str, headers: dict[str, str]) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=START_SECONDS) as answer:
        body: bytes = answer.read()
        return body


def _awaited(url: str) -> str:
    """The URL, once somebody listens there."""
    port = int(url.split(":")[2].split("/")[0])
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return url
        time.sleep(0.05)
    raise AssertionError(f"Nobody listens at {url}.")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
