"""``doctor``: one line per thing, and what to do."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from nbdash.cli.doctor import Health, examine
from nbdash.config import load_settings
from nbdash.service import ServerInfo
from nbdash.store import open_store
from tests.cli.conftest import Invoke

THINGS = ["python", "kernels", "engine", "data", "sqlite", "store", "port", "server", "fonts", "clock"]


def report_on(thing: str) -> Any:
    return next(report for report in examine(load_settings()) if report.thing == thing)


def test_a_sound_installation_is_all_ok(invoke: Invoke, own_data: Path) -> None:
    open_store(own_data).close()
    answer = invoke("doctor", "--json")
    reports = json.loads(answer.out)
    assert answer.status == 0
    assert [report["thing"] for report in reports] == THINGS
    assert [report for report in reports if report["health"] == "error"] == []


def test_people_read_a_line_per_thing(invoke: Invoke) -> None:
    answer = invoke("doctor")
    assert answer.status == 0
    assert [line.split()[1] for line in answer.out.splitlines() if line[:1] != " "] == THINGS


def test_a_damaged_store_is_an_error(invoke: Invoke, own_data: Path) -> None:
    open_store(own_data).close()
    database = own_data / "nbdash.sqlite"
    database.write_bytes(b"no database" * 1000)
    answer = invoke("doctor")
    assert answer.status == 1 and "error  store" in answer.out and "Traceback" not in answer.err


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_a_data_directory_open_to_all_is_a_warning(own_data: Path) -> None:
    own_data.mkdir()
    own_data.chmod(0o777)
    report = report_on("data")
    assert report.health is Health.WARN and f"chmod 700 {own_data}" in report.fix


def test_a_port_in_use_is_a_warning() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", load_settings().port))
        taken.listen()
        report = report_on("port")
    assert report.health is Health.WARN and "in use" in report.message


def test_another_version_of_the_server_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    info = ServerInfo(url="http://127.0.0.1:1/", pid=1, created=0, data_dir="", version="0.0.1")
    monkeypatch.setattr("nbdash.service.find_server", lambda _: info)
    monkeypatch.setattr("nbdash.service.is_healthy", lambda _: True)
    report = report_on("server")
    assert report.health is Health.WARN and "0.0.1" in report.message and "nbdash stop" in report.fix


def test_a_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    info = ServerInfo(url="http://127.0.0.1:1/", pid=1, created=0, data_dir="", version="0.0.1")
    monkeypatch.setattr("nbdash.service.find_server", lambda _: info)
    assert report_on("server").health is Health.ERROR


def test_a_clock_that_was_never_set_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbdash.cli.doctor.time.time", lambda: 0.0)
    assert report_on("clock").health is Health.ERROR
