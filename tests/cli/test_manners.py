"""What holds for every command: quick help with an example, one sentence per error, exit statuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from nbdash import __version__
from nbdash.cli import COMMANDS, cli
from nbdash.errors import NbdashError, RunFailedError, ServerError, ServerUnreachableError
from tests.cli.conftest import Invoke

HEAVY = ("flask", "pandas", "matplotlib", "sqlalchemy", "IPython", "nbformat", "granian", "jinja2")


def test_help_imports_nothing_heavy() -> None:
    script = f"""
import sys
from nbdash.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(f"  {name} " in done.stdout for name in COMMANDS if name != "worker")


def test_check_and_init_import_neither_the_web_nor_the_store() -> None:
    script = "import sys, nbdash.cli.authoring; print([n for n in ('flask', 'sqlalchemy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_documented_options(name: str, invoke: Invoke) -> None:
    answer = invoke(name, "-h")
    assert answer.status == 0
    assert f"Example: nbdash {name}" in answer.out
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_version_is_told(invoke: Invoke) -> None:
    assert invoke("--version").out.strip() == f"nbdash, version {__version__}"


def test_without_a_command_there_is_help(invoke: Invoke) -> None:
    answer = invoke()
    assert (answer.status, answer.out) == (0, invoke("--help").out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publsh"], "No such command 'publsh'. Did you mean 'publish'?"),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["run"], "Missing argument 'NB'."),
        (["completion"], "Missing argument 'SHELL'. Choose from: bash, zsh, fish. See 'nbdash completion --help'."),
        (["check", "--cells", "some", "x.ipynb"], "'some' is not one of 'needed', 'all', 'tagged'"),
        (["run", "absent.ipynb"], "'absent.ipynb'"),
        (["serve", "absent"], "'absent'"),
        (["serve", "--host", "192.0.2.1"], "an address of this machine"),
        (["publish", "absent.ipynb"], "'absent.ipynb'"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments: list[str], said: str, invoke: Invoke) -> None:
    answer = invoke(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("nbdash: ") and answer.err.count("\n") == 1
    assert said in answer.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NbdashError("Bad."), 2),
        (RunFailedError("It failed."), 1),
        (ServerError("Refused."), 3),
        (ServerUnreachableError("Nobody answers."), 4),
        (ZeroDivisionError("of our own"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_is_an_exit_status_without_a_traceback(
    error: BaseException, status: int, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("list")
    def failing() -> None:
        raise error

    monkeypatch.setattr("nbdash.cli.listing.list_command", failing)
    answer = invoke("list")
    assert answer.status == status
    assert len(answer.err.strip().splitlines()) == 1 and str(error) in answer.err


def test_debug_shows_the_traceback_wherever_it_stands(invoke: Invoke, tmp_path: Path) -> None:
    for arguments in (["--debug", "check"], ["check", "--debug"]):
        answer = invoke(*arguments, tmp_path / "absent.ipynb")
        assert answer.status == 2 and "Traceback" in answer.err


def test_a_reader_that_leaves_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "nbdash", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
