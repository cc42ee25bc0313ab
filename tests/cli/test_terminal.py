"""What reaches a terminal: progress lines, and text of others made safe."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from nbdash.cli.plans import column
from nbdash.cli.progress import ProgressLines
from nbdash.cli.terminal import coloured, plain
from tests.cli.conftest import Invoke
from tests.conftest import MakeNotebook


@pytest.mark.parametrize(
    ("text", "shown", "with_colours"),
    [
        ("naïve – 数 ✓\t", "naïve – 数 ✓\t", "naïve – 数 ✓\t"),
        ("\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m"),
        ("a\x1b[2Jb\x1b[?25l", "ab", "ab"),
        ("\x1b]52;c;aGk=\x07x", "]52;c;aGk=x", "]52;c;aGk=x"),
        ("a\rb\x08\x9bc", "abc", "abc"),
        ("gpj\u202egnp.\ud800", "gpjgnp.", "gpjgnp."),
    ],
)
def test_text_of_others_cannot_move_the_cursor(text: str, shown: str, with_colours: str) -> None:
    assert (plain(text), coloured(text)) == (shown, with_colours)


def test_a_column_is_as_wide_as_it_says() -> None:
    assert [column("abc", 3), column("abcd", 3), column("a\x1b[1m", 3)] == ["abc", "ab…", "a  "]


def test_progress_lines_are_whole_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ProgressLines()
    lines.begin(1, 2, "Load")
    lines.end(1, 2, "Load", 1.25)
    lines.end(2, 2, "Plot", 0.5, ok=False)
    assert [line.split() for line in capsys.readouterr().err.splitlines()] == [
        ["[1/2]", "Load", "1.2", "s"],
        ["[2/2]", "Plot", "0.5", "s", "failed"],
    ]


def test_the_present_cell_is_live_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    lines = ProgressLines()
    lines.begin(1, 1, "A title that is far too long for such a terminal")
    assert "…" in terminal.getvalue() and "\n" not in terminal.getvalue()
    lines.end(1, 1, "A title that is far too long for such a terminal", 100)
    shown = terminal.getvalue().rsplit("\x1b[K", 1)[1]
    assert shown.endswith("100.0 s\n") and len(shown) <= 40


def test_a_title_with_control_characters_is_harmless(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    answer = invoke("check", make_notebook(("#| title: \x1b]0;owned\x07\nprint(1)", ["dash"])))
    assert "\x1b" not in answer.out and "\x07" not in answer.out


def test_a_poor_encoding_is_no_error(make_notebook: MakeNotebook) -> None:
    path = make_notebook(("#| title: Größe – 数\nprint(1)", ["dash"]))
    done = subprocess.run(
        [sys.executable, "-m", "nbdash", "check", str(path)],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        encoding="latin-1",
    )
    assert (done.returncode, done.stderr) == (0, "") and "Größe ? ?" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize(("no_color", "has_colour"), [("", True), ("1", False)])
def test_colours_are_for_terminals_and_can_be_refused(
    no_color: str, has_colour: bool, make_notebook: MakeNotebook
) -> None:
    import pty

    ours, theirs = pty.openpty()
    path = make_notebook(("print(absent)", ["dash"]))
    done = subprocess.run(
        [sys.executable, "-m", "nbdash", "check", str(path)],
        stdout=theirs,
        env=os.environ | {"NO_COLOR": no_color, "TERM": "xterm"},
    )
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1 and "NB001" in said
    assert ("\x1b[31m" in said) is has_colour
