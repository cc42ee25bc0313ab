"""Parts of the host that need no process: frames, text pipes, the events they become, the process tree."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbdash.engine.frames import event_from_frame
from nbdash.engine.host import tree
from nbdash.engine.host.wire import FRAME_BYTES, FrameReader, WireError, pack_body, pack_frame
from nbdash.engine.pipes import TextPipe
from nbdash.model import CellEnded, OutputAdded, OutputCleared

TOKEN = b"0123456789abcdef"
MESSAGES: list[dict[str, Any]] = [{"kind": "a"}, {"text": "ä" * 1000}, {}]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_frames_survive_any_cut(size: int) -> None:
    data = b"".join(pack_frame(each, TOKEN) for each in MESSAGES)
    reader = FrameReader(TOKEN)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [message for piece in pieces for message in reader.feed(piece)] == MESSAGES


@pytest.mark.parametrize(
    "data",
    [
        pack_frame({}, b"x" * 16),
        b"garbage" * 10,
        pack_body(b"{", TOKEN),
        pack_body(b"[1]", TOKEN),
        pack_body(b"\xff", TOKEN),
        pack_body(b"[" * 100_000, TOKEN),
        (FRAME_BYTES + 1).to_bytes(4, "big") + TOKEN,
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        FrameReader(TOKEN).feed(data)


@pytest.fixture
def pipe() -> Iterator[tuple[TextPipe, Callable[[bytes], int]]]:
    reading, writing = os.pipe()
    yield TextPipe("stdout", reading, TOKEN), lambda data: os.write(writing, data)
    os.close(reading)
    os.close(writing)


def mark(number: int) -> bytes:
    return b"\0" + TOKEN + number.to_bytes(8, "big")


def test_text_is_told_apart_by_marks(pipe: tuple[TextPipe, Callable[[bytes], int]]) -> None:
    text, write = pipe
    write(b"one" + mark(1) + b"two" + mark(2) + b"three")
    assert [text.take_until(1), text.take_until(2), text.take_free()] == ["one", "two", "three"]


def test_text_that_waits_for_its_message_is_not_free(pipe: tuple[TextPipe, Callable[[bytes], int]]) -> None:
    text, write = pipe
    write(b"one" + mark(1) + b"two")
    text.read()
    assert text.take_free() == "one"
    assert text.take_free() == ""
    assert text.take_until(1) == ""
    assert text.take_free() == "two"


def test_a_message_is_announced(pipe: tuple[TextPipe, Callable[[bytes], int]]) -> None:
    text, write = pipe
    for data, is_announced in ((b"one", False), (b"two" + mark(1), True)):
        write(data)
        text.read()
        assert text.announces is is_announced
    text.take_until(1)
    assert not text.announces


def test_half_a_mark_is_not_text(pipe: tuple[TextPipe, Callable[[bytes], int]]) -> None:
    text, write = pipe
    for cut in range(1, 25):
        write(b"\0x" + mark(cut)[:cut])
        text.read()
        seen = text.take_free()
        write(mark(cut)[cut:])
        text.read()
        assert seen + text.take_until(cut) == "\0x"


def test_a_mark_that_never_comes_does_not_block(pipe: tuple[TextPipe, Callable[[bytes], int]]) -> None:
    text, write = pipe
    write(b"lost")
    assert text.take_until(1) == "lost"


def test_a_flood_without_a_mark_does_not_block(
    pipe: tuple[TextPipe, Callable[[bytes], int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = pipe
    monkeypatch.setattr(os, "read", lambda fd, size: b"x" * size)
    assert text.take_until(1).startswith("x")


def test_a_character_in_two_reads_is_one(pipe: tuple[TextPipe, Callable[[bytes], int]]) -> None:
    text, write = pipe
    write("é".encode()[:1])
    text.read()
    assert text.take_free() == ""
    write("é".encode()[1:] + b"\xff")
    text.read()
    assert text.take_free() == "é\ufffd"


def test_frames_become_events() -> None:
    output = {"output_type": "display_data", "data": {}, "metadata": {}, "own": 1}
    about = {"title": "T", "alt": ""}
    added = event_from_frame({"kind": "output", "index": 2, "output": output, "about": about})
    assert isinstance(added, OutputAdded)
    assert (added.index, added.title, added.alt, "own" in added.output) == (2, "T", None, False)
    assert event_from_frame({"kind": "clear", "index": 0, "wait": 1}) == OutputCleared(index=0, wait=True)
    error = {"ename": "E", "evalue": "", "traceback": ["t"]}
    ended = event_from_frame({"kind": "end", "index": 0, "seconds": 1, "execution_count": 3, "error": error})
    assert isinstance(ended, CellEnded) and ended.error is not None and ended.error.traceback == ("t",)


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"kind": "start"},
        {"kind": "start", "index": "x"},
        {"kind": "forged", "index": 0},
        {"kind": "output", "index": 0, "output": None},
        {"kind": "output", "index": 0, "output": {"output_type": "stream", "text": "x"}},
        {"kind": "output", "index": 0, "output": {"output_type": "display_data", "data": [], "metadata": {}}},
        {"kind": "output", "index": 0, "about": [], "output": {"output_type": []}},
        {"kind": "update", "index": 0, "display_id": "d", "output": {"output_type": "error"}},
        {"kind": "end", "index": 0, "seconds": 0, "execution_count": 1, "error": []},
    ],
)
def test_forged_frames_are_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        event_from_frame(frame)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_tree_is_found_and_killed() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600 & wait"]) as parent:
        deadline = time.monotonic() + 10
        while len(children := tree.descendants_of(parent.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(children) == 2
        assert set(tree.children_of(os.getpid())) >= {parent.pid}
        assert set(children) == set(tree._scan(parent.pid))
        assert tree.resident_bytes(parent.pid) >= tree.proportional_bytes(parent.pid) > 0
        tree.kill_tree(parent.pid)
        parent.wait()
    assert [tree.resident_bytes(pid) for pid in children] == [0, 0]
    assert tree.descendants_of(parent.pid) == []


def test_everything_imports_without_unix() -> None:
    """As on Windows; what Python's and others' own modules import of it was imported before."""
    code = (
        "import IPython.core.interactiveshell, psutil, sys\n"
        "sys.modules['fcntl'] = sys.modules['resource'] = None\n"
        "import nbdash.engine.forked, nbdash.engine.host.zygote, nbdash.engine.host.ending"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
