"""What reaches a terminal: progress lines, and text of others made safe."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from nbdash.cli.plans import column
from nbdash.cli.progress import ProgressLines, Step
from nbdash.cli.terminal import coloured, plain, width_of
from nbdash.page.pictures import Picture
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


def test_a_column_counts_what_a_terminal_shows() -> None:
    assert [width_of("数"), width_of("e\u0301"), width_of("é")] == [2, 1, 1]
    assert [column("数字", 3), column("数", 3), column("a\tb\nc", 6)] == ["数…", "数 ", "a b c "]


# --- progress ---


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """The lines as a person sees them: what comes after a carriage return is written over."""
        return screen_of(self.getvalue())


def screen_of(text: str) -> list[str]:
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """From now on (pytest puts its own back between a fixture and its test) standard error is a terminal."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return terminal


def step(title: str, cell: int = 1, of: int = 2) -> Step:
    return Step(cell=cell, of=of, title=title)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def picture(width: int, height: int) -> Picture:
    return Picture(mime="image/png", width=width, height=height, data=b"")


def test_progress_lines_are_whole_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ProgressLines()
    lines.begin(step("Load"), at=ago(5), usual=7)
    lines.tick()
    lines.end(step("Load"), 1.25)
    lines.end(step("Plot", 2), 0.5, pictures=[picture(1600, 900)])
    lines.end(step("Plots", 2), 0.5, pictures=[picture(16, 9), picture(4, 3)])
    lines.end(step("Bad", 2), 0.5, ok=False, pictures=[picture(16, 9)])
    lines.close()
    assert [line.split() for line in capsys.readouterr().err.splitlines()] == [
        ["[1/2]", "Load", "1.2", "s"],
        ["[2/2]", "Plot", "0.5", "s", "1600×900"],
        ["[2/2]", "Plots", "0.5", "s", "16×9,", "4×3"],
        ["[2/2]", "Bad", "0.5", "s", "failed"],
    ]


def test_the_present_cell_counts_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    lines = ProgressLines()
    lines.begin(step("Forecast"), at=ago(0), usual=20)
    assert terminal.screen()[-1].split() == ["[1/2]", "Forecast", "…", "usually", "20", "s"]
    lines.begin(step("Forecast"), at=ago(12.2), usual=20)
    said = terminal.getvalue()
    lines.tick()
    assert terminal.getvalue() == said, "a line that stays the same is not written again"
    assert terminal.screen()[-1].split() == ["[1/2]", "Forecast", "12", "s", "usually", "20", "s"]
    lines.end(step("Forecast"), 12.5)
    assert [line.split() for line in terminal.screen()] == [["[1/2]", "Forecast", "12.5", "s"], []]


def test_what_takes_no_time_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    ProgressLines().begin(step("Load"), at=ago(0), usual=0.3)
    assert "usually" not in terminal.getvalue()


@pytest.mark.parametrize("of", [3, 34])
def test_lines_fit_a_narrow_terminal(of: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")
    title = "数字 A title that is far too long for such a terminal"
    lines = ProgressLines()
    lines.begin(step(title, of=of), at=ago(100), usual=200)
    assert terminal.screen()[0].endswith("100 s  ~200 s")
    lines.end(step(title, of=of), 100, pictures=[picture(1600, 1200)])
    lines.end(step(title, of=of), 100, pictures=[picture(1600, 1200)] * 2)
    lines.end(step(title, of=of), 100, pictures=[picture(1600, 1200)] * 20)
    lines.end(step(title, of=of), 100, ok=False)
    shown = terminal.screen()
    assert [line.split(" s")[-1].strip() for line in shown] == ["1600×1200", "2 figures", "", "failed", ""]
    assert all("…" in line and width_of(line) < 40 for line in shown[:4])


def test_what_follows_a_cell_that_did_not_end_begins_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    lines = ProgressLines()
    lines.begin(step("Forecast"), at=ago(3))
    lines.close()
    lines.close()
    lines.tick()
    assert len(terminal.screen()) == 2 and terminal.getvalue().endswith(" s\n")


def test_a_terminal_that_cannot_go_back_is_not_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    lines = ProgressLines()
    lines.begin(step("Forecast"), at=ago(3))
    lines.end(step("Forecast"), 3)
    assert "\r" not in terminal.getvalue() and terminal.getvalue().count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_run_at_a_narrow_terminal_leaves_a_line_per_cell(no_color: str, make_notebook: MakeNotebook) -> None:
    import fcntl
    import pty
    import termios

    plot = "#| title: A figure with a long title\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    path = make_notebook("a = 1", plot)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = subprocess.run(
        [sys.executable, "-m", "nbdash", "run", str(path), "-o", "-"],
        stdout=subprocess.PIPE,  # the width is that of the terminal where the lines go
        stderr=theirs,
        env=environment | {"NO_COLOR": no_color, "TERM": "xterm"},
    )
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    first, second, *_ = screen_of(said)
    assert done.returncode == 0 and "\x1b" not in said
    assert first.split()[:3] == ["[1/2]", "cell", "1"] and second.split()[:3] == ["[2/2]", "A", "figure"]
    assert re.search(r"… +\d+\.\d s  \d{3,4}×\d{3,4}$", second) and width_of(second) < 40


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
