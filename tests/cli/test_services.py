"""``service``: the unit as systemd reads it, and what is said to systemd."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nbdash.cli.units import MARK, Unit, is_ours
from nbdash.errors import OptionError
from tests.cli.conftest import Invoke
from tests.ports import own_port

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is on Linux")

ODD = "/srv/my $HOME 50% \"x\" 'y' \\ ü"
#: A systemctl that writes down what it is told; what is in ``refused`` it does not do.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$SYSTEMCTL_LOG"
case "$*" in *is-active*) exit 3;; *show*) echo LoadState=loaded; echo ActiveState=active; echo SubState=running;; esac
[ -z "$SYSTEMCTL_FAILS" ]
"""


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the unit of a user whose configuration is empty would lie."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NBDASH_PORT")
    monkeypatch.setenv("PATH", "/nowhere")
    return tmp_path / "config" / "systemd" / "user" / "nbdash.service"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemd that answers; the file holds what it is told."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("SYSTEMCTL_LOG", str(tmp_path / "told"))
    return tmp_path / "told"


def commands(told: Path) -> list[str]:
    said = told.read_text().replace("--user --no-pager ", "")
    told.unlink()
    return said.splitlines()


def sections(text: str) -> configparser.ConfigParser:
    """A unit's sections; a key that comes twice, or a line that is none, is an error."""
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def arguments_of(command: str) -> list[str]:
    """The words of a unit's command, as systemd.service(5) says it reads them."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', command)
    plain = [re.sub(r"\\(.)", r"\1", quoted) if quoted else bare for quoted, bare in words]
    return [each.replace("%%", "%").replace("$$", "$") for each in plain]


def test_the_unit_runs_this_python_with_any_path() -> None:
    made = Unit(name="nbdash", python=sys.executable, data=Path(ODD), paths=[Path("/a b"), Path("/c")], environment={})
    service = sections(made.text())["Service"]
    expected = [sys.executable, "-m", "nbdash", "serve", "--data", ODD, "/a b", "/c"]
    assert arguments_of(service["ExecStart"]) == expected
    assert service["WorkingDirectory"] == f"-{ODD.replace('%', '%%')}"
    assert "Environment" not in service


def test_the_unit_stops_in_order_and_starts_again() -> None:
    text = Unit(
        name="nbdash", python="/p", data=Path("/d"), environment={"VIRTUAL_ENV": "/my env", "HOME": "/h"}
    ).text()
    unit = sections(text)
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert unit["Install"]["WantedBy"] == "default.target"
    wanted = {
        "Restart": "on-failure",
        "KillMode": "mixed",
        "NoNewPrivileges": "yes",
        "Delegate": "yes",
        "OOMPolicy": "continue",
        "UMask": "0077",
        "Environment": '"VIRTUAL_ENV=/my env"',
    }
    assert wanted.items() <= dict(unit["Service"]).items()
    assert int(unit["Service"]["TimeoutStopSec"]) > 2 * 20, "the server waits for its worker, which waits for runs"


def test_a_path_that_no_unit_holds_is_refused() -> None:
    with pytest.raises(OptionError, match="cannot hold the path"):
        Unit(name="nbdash", python="/p", data=Path("/a\nExecStartPre=/bin/false"), environment={}).text()


def test_print_writes_nothing(unit: Path, own_data: Path, invoke: Invoke) -> None:
    answer = invoke("service", "install", "--user", "--print")
    assert answer.status == 0 and str(own_data) in sections(answer.out)["Service"]["ExecStart"]
    assert not unit.parent.exists()


def test_install_and_remove_tell_systemd(unit: Path, told: Path, tmp_path: Path, invoke: Invoke) -> None:
    answer = invoke("service", "install", "--user", tmp_path)
    assert (answer.status, answer.out) == (0, f"{unit}\n")
    assert str(tmp_path) in arguments_of(sections(unit.read_text())["Service"]["ExecStart"])
    assert "loginctl enable-linger" in answer.err
    expected = ["daemon-reload", "is-active nbdash.service", "enable nbdash.service", "restart nbdash.service"]
    assert commands(told) == expected
    answer = invoke("service", "status", "--user")
    assert str(unit) in answer.out and "active (running), not enabled" in answer.out and "none runs" in answer.out
    commands(told)
    assert invoke("service", "remove", "--user").status == 0
    assert commands(told) == ["disable --now nbdash.service", "daemon-reload"]
    assert not unit.exists()


def test_where_systemd_does_not_answer_the_rest_is_told(
    unit: Path, told: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = "systemctl --user daemon-reload && systemctl --user enable --now nbdash"
    monkeypatch.setenv("SYSTEMCTL_FAILS", "1")
    assert by_hand in invoke("service", "install", "--user").err
    monkeypatch.setenv("PATH", "/nowhere")
    assert by_hand in invoke("service", "install", "--user").err
    assert is_ours(unit)
    assert "does not answer" in invoke("service", "status", "--user").out
    assert "nbdash stop" in invoke("service", "remove", "--user").err
    assert not unit.exists()


def test_what_is_set_in_this_shell_only_is_told(unit: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBDASH_KEEP", "9")
    assert "does not see NBDASH_KEEP" in invoke("service", "install", "--user", "--print").err


def test_a_unit_of_somebody_else_stays(unit: Path, invoke: Invoke) -> None:
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert "give --yes" in invoke("service", "install", "--user").err
    assert "remove it by hand" in invoke("service", "remove", "--user").err
    assert unit.read_text().startswith("[Service]")
    assert invoke("service", "install", "--user", "--yes").status == 0
    assert unit.read_text().startswith(MARK.format(name="nbdash"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["install"], "Give --user"),
        (["install", "--user", "--name", "../x"], "is no name"),
        (["install", "--user", "absent"], "'absent'"),
        (["remove", "--user"], "There is no service"),
    ],
)
def test_bad_input_is_a_sentence(arguments: list[str], said: str, unit: Path, invoke: Invoke) -> None:
    answer = invoke("service", *arguments)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1) and said in answer.err


def test_the_units_own_command_serves_and_ends_well(unit: Path, own_data: Path, invoke: Invoke) -> None:
    """As systemd would: the command alone, hardly an environment, and SIGTERM to end it."""
    text = invoke("service", "install", "--user", "--print").out
    (own_data / "nbdash.toml").parent.mkdir()
    (own_data / "nbdash.toml").write_text(f"port = {own_port(8870)}\n")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    command = arguments_of(sections(text)["Service"]["ExecStart"])
    with subprocess.Popen(command, cwd=own_data, env=environment, stdin=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (own_data / "server.json").exists():
            assert process.poll() is None and time.monotonic() < deadline, shlex.join(command)
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(45) == 0
    assert not (own_data / "server.json").exists()
