"""Where a server cannot run as it would like to: it says so in a sentence, or it runs."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbdash.store import open_store
from nbdash.web.server import bounds
from tests.ports import own_port
from tests.reliability import disk_actor
from tests.reliability.deployment import SLUG, Deployment, write_notebook
from tests.reliability.invariants import page_fault

PAGE = 4096
FILES = 64
CLIENTS = 40


def serve(data: Path, *, port: int = own_port(8900)) -> subprocess.CompletedProcess[str]:
    """A server that is expected to refuse."""
    command = [sys.executable, "-m", "nbdash", "serve", "--data", str(data), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def overwritten(path: Path, first: int, last: int | None = None) -> None:
    """Pages of a database replaced by noise."""
    data = bytearray(path.read_bytes())
    pages = range(len(data) // PAGE)[first:last]
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = os.urandom(PAGE)
    path.write_bytes(data)


def as_folder(path: Path) -> None:
    """Something else where the database was."""
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut to half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut to a page": lambda path: os.truncate(path, PAGE),
    "cut within a page": lambda path: os.truncate(path, path.stat().st_size - 100),
    "first page": lambda path: overwritten(path, 0, 1),
    "all but the first page": lambda path: overwritten(path, 1),
    "last pages": lambda path: overwritten(path, -3),
    "a folder": as_folder,
    "text": lambda path: path.write_text("What is this?\n" * 1000),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a dashboard that has run often."""
    data = tmp_path_factory.mktemp("filled") / "data"
    with open_store(data) as store:
        for _ in range(10):
            disk_actor.act(store)
    return data


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_refused_in_a_sentence(
    filled: Path, tmp_path: Path, damage: str, is_long: bool, tally: Counter[str]
) -> None:
    if not is_long and damage not in ("emptied", "last pages"):
        pytest.skip("in the long form (--trials)")
    data = tmp_path / "data"
    shutil.copytree(filled, data)
    DAMAGES[damage](data / "nbdash.sqlite")
    before = {path: path.read_bytes() for path in data.glob("blobs/*/*")}
    refused = serve(data)
    tally["damaged databases"] += 1
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1 and "nbdash.sqlite' is" in refused.stderr, refused.stderr
    assert {path: path.read_bytes() for path in data.glob("blobs/*/*")} == before


def test_a_read_only_directory_is_refused_in_a_sentence(small_disk: Path, tally: Counter[str]) -> None:
    with open_store(small_disk / "used"):
        pass
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for data in (small_disk / "used", small_disk / "new"):
        refused = serve(data)
        tally["read-only directories"] += 1
        assert refused.returncode == 2 and refused.stderr.count("\n") == 1
        assert "Read-only file system" in refused.stderr and "--data" in refused.stderr


def test_with_its_port_taken_and_few_files_a_server_serves_many(tmp_path: Path, tally: Counter[str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    write_notebook(tmp_path / "notebooks")
    limited = tmp_path / "limited"
    limited.write_text(f'#!/bin/sh\nulimit -n {FILES}\nexec "{sys.executable}" "$@"\n')
    limited.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        patch.setattr("tests.served.sys.executable", str(limited))
        deployed = Deployment(tmp_path, port=port)
    tally["servers with 64 files, and their port taken"] += 1
    try:
        assert not deployed.server.url.endswith(f":{port}/")
        assert deployed.find("serve")[0].rlimit(resource.RLIMIT_NOFILE)[1] == FILES < soft <= hard
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda _: deployed.ask(f"/d/{SLUG}"), range(5 * CLIENTS)))
        assert [fault for status, page in answers if (fault := page_fault(status, page))] == []
        deployed.rerun()
        deployed.settle()
        assert deployed.violations() == []
    finally:
        deployed.stop()


def test_a_second_server_for_the_directory_is_refused(deployment: Deployment) -> None:
    refused = serve(deployment.data)
    assert refused.returncode == 2 and "runs already" in refused.stderr


def test_a_server_is_found_when_the_clock_has_been_put_right(deployment: Deployment) -> None:
    """A step of the clock moves the moments at which all processes seem to have begun."""
    info = deployment.data / "server.json"
    before = info.read_text()
    created = str(deployment.find("serve")[0].create_time())
    assert created in before
    info.write_text(before.replace(created, "1000000.0"))
    try:
        assert deployment.server.run("status").startswith(deployment.server.url)
    finally:
        info.write_text(before)


def test_threads_and_connections_fit_into_the_files_there_are() -> None:
    assert bounds(48, 65536) == (48, 4096)
    for files in (30, 64, 256, 1024):
        threads, connections = bounds(48, files)
        assert 1 <= threads <= connections and 3 * threads + connections <= max(4, files - 24)
