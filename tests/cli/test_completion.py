"""``completion``, and what a shell is told at the press of Tab: quickly, and never an error."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nbdash.store import open_store
from tests.cli.conftest import Invoke
from tests.cli.test_manners import HEAVY

SCRIPT = f"""
import sys
from nbdash.cli import main
try:
    main([])
finally:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


@pytest.fixture
def dashboards(own_data: Path) -> Path:
    """A data directory with three dashboards; returns the database."""
    with open_store(own_data) as store:
        for slug in ("sales", "sales-2", "weather"):
            store.create_dashboard(slug, title=f"About\n{slug}", source_path="/nowhere", listed=slug == "sales")
    return own_data / "nbdash.sqlite"


def press_tab(*words: str | Path, shell: str = "bash") -> list[str]:
    """What the shell's script is told of the last word; it must come without a word on stderr."""
    asked = {
        "_NBDASH_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(map(str, ["nbdash", *words])),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=os.environ | asked, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_clicks_own(shell: str, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = invoke("completion", shell)
    assert answer.status == 0
    monkeypatch.setenv("_NBDASH_COMPLETE", f"{shell}_source")
    assert answer.out.strip() == invoke().out.strip() != ""


def test_help_says_where_to_put_it(invoke: Invoke) -> None:
    said = " ".join(invoke("completion", "--help").out.split())
    for place in (
        "~/.local/share/bash-completion/completions/nbdash",
        "$fpath",
        "~/.config/fish/completions/nbdash.fish",
    ):
        assert place in said


@pytest.mark.parametrize("command", ["open", "rerun", "log", "rollback", "remove", "share"])
def test_names_of_dashboards_are_completed(command: str, dashboards: Path) -> None:
    assert press_tab(command, "sal") == ["plain,sales", "plain,sales-2"]


def test_names_come_with_their_titles(dashboards: Path) -> None:
    assert press_tab("log", "w", shell="zsh") == ["plain", "weather", "About weather"]


def test_names_come_from_the_data_directory_that_is_typed(dashboards: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "other") as store:
        store.create_dashboard("elsewhere", title="E", source_path="/nowhere", listed=True)
    assert press_tab("log", "--data", tmp_path / "other", "") == ["plain,elsewhere"]


def test_commands_and_options_are_completed() -> None:
    assert set(press_tab("re")) == {"plain,rerun", "plain,remove", "plain,restore"}
    assert "plain,--debug" in press_tab("--")
    assert "plain,--no-wait" in press_tab("rerun", "--no")


def test_a_first_use_has_no_names_and_makes_nothing(own_data: Path) -> None:
    assert press_tab("log", "") == []
    assert not own_data.exists()


def test_trouble_is_no_error(dashboards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert press_tab("rerum", "sal") == []
    dashboards.write_bytes(b"no database" * 1000)
    assert press_tab("log", "") == []
    monkeypatch.setenv("NBDASH_KEEP", "many")
    assert press_tab("log", "") == []


def test_a_database_in_use_is_not_waited_for(dashboards: Path) -> None:
    with closing(sqlite3.connect(dashboards, isolation_level=None)) as busy:
        busy.execute("PRAGMA locking_mode = EXCLUSIVE")
        busy.execute("BEGIN EXCLUSIVE")
        press_tab("log", "")
