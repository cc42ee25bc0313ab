"""``serve``, ``status`` and ``stop`` beside a real server, and a server that does not come up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nbdash.cli.serving import _address
from nbdash.config import load_settings
from nbdash.errors import OptionError, ServerUnreachableError
from nbdash.ports import claimed_port
from nbdash.service import WorkerKeeper, ensure_server
from tests.cli.conftest import Invoke
from tests.ports import own_port


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.1.2.3", "127.1.2.3"), ("[::1]", "::1"), ("0.0.0.0", "0.0.0.0"), ("::", "::")],
)
def test_addresses_of_this_machine_are_served(host: str, address: str) -> None:
    assert _address(host) == address


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "", "127.0.0.1.example.org", "0.0.0.0/0"])
def test_no_other_address_is(host: str) -> None:
    with pytest.raises(OptionError, match="address of this machine"):
        _address(host)


def test_a_host_from_the_settings_is_held_to_the_same(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBDASH_HOST", "192.0.2.1")
    answer = invoke("serve")
    assert answer.status == 2 and "'192.0.2.1'" in answer.err


def test_nothing_runs_at_first(invoke: Invoke) -> None:
    assert "No server runs" in invoke("status").out
    stopped = invoke("stop")
    assert (stopped.status, stopped.out) == (0, "") and "No server runs" in stopped.err


def test_a_server_that_does_not_come_up_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        monkeypatch.setattr("nbdash.service._start_in_background", lambda _: process)
        monkeypatch.setattr("nbdash.service.START_SECONDS", 0.1)
        with pytest.raises(ServerUnreachableError, match="did not start"):
            ensure_server(load_settings())
        assert process.wait(20) != 0


def test_a_worker_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = threading.Event()
    popen = subprocess.Popen

    def refuse(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(subprocess, "Popen", again)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    def again(*_: object, **options: object) -> object:
        tried.set()
        return popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    keeper = WorkerKeeper(load_settings(), [])
    keeper.start()
    assert tried.wait(30)
    time.sleep(0.2)
    keeper.stop()
    assert "The worker cannot be started" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="accounts without a home are of POSIX")
def test_an_account_without_a_home_gets_the_usual_one(own_data: Path) -> None:
    script = """
import os, pwd, sys
def nobody(_): raise KeyError
pwd.getpwuid = nobody
os.environ.pop("HOME", None)
from nbdash.cli import main
main(["doctor", "--data", sys.argv[1]])
"""
    done = subprocess.run([sys.executable, "-c", script, own_data], capture_output=True, text=True)
    assert "home directory" not in done.stdout + done.stderr and "ok     kernels" in done.stdout


def test_two_that_start_at_once_do_not_share_a_port() -> None:
    with claimed_port("127.0.0.1", own_port(8890)) as one, claimed_port("127.0.0.1", own_port(8890)) as other:
        assert one != other
    with claimed_port("127.0.0.1", own_port(8890)) as again:
        assert again == one
