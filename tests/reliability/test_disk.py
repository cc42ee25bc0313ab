"""A full disk: a sentence instead of damage, the last good page instead of none, and on it goes with new space."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.ports import own_port
from tests.reliability.deployment import LEASE, SLUG, Deployment, wait_until, write_notebook
from tests.reliability.invariants import find_violations, page_fault

ACTOR = Path(__file__).with_name("disk_actor.py")
#: What a disk is filled in units of.
BLOCK = 4096
EVERY_IN_SAMPLE = 8
MOST_BLOCKS = 400
#: Looks at the page while there is no space: enough for whatever tries to write to find out.
READS = 40


def fill(disk: Path, *, free: int = 0) -> Path:
    """A file that leaves so many blocks of the disk."""
    filler = disk / "filler"
    status = os.statvfs(disk)
    blocks = status.f_bavail * status.f_frsize // BLOCK - free
    with filler.open("ab", buffering=0) as file:
        with contextlib.suppress(OSError):  # somebody else took the last one
            while blocks > 0:
                blocks -= file.write(b"x" * BLOCK * min(blocks, 256)) // BLOCK
    return filler


@contextlib.contextmanager
def kept_full(disk: Path) -> Iterator[None]:
    """A disk on which what is given back is gone at once."""
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.wait(0.002):
            fill(disk)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()
        (disk / "filler").unlink()


def act(data: Path) -> subprocess.CompletedProcess[str]:
    """Publishes, runs, shows and tidies up, all with the store's own methods, in a process of its own."""
    return subprocess.run([sys.executable, str(ACTOR), str(data)], capture_output=True, text=True, check=False)


def test_a_disk_that_is_full_at_each_block_in_turn(
    small_disk: Path, tmp_path: Path, is_long: bool, tally: Counter[str]
) -> None:
    """Whatever needs another block fails at every one of them once; with space again it is done."""
    template, data = tmp_path / "template", small_disk / "data"
    assert act(template).stdout == "done\n"
    ended = False
    for free in range(0, MOST_BLOCKS, 1 if is_long else EVERY_IN_SAMPLE):
        shutil.copytree(template, data)
        filler = fill(small_disk, free=free)
        refused = act(data)
        filler.unlink()
        assert refused.returncode == 0, refused.stderr
        tally["disk full at the n-th block"] += 1
        assert find_violations(data, (), lease=LEASE) == [], free
        again = act(data)
        assert again.stdout == "done\n", again.stderr
        assert find_violations(data, (), lease=LEASE, grace=-1.0) == [], free
        shutil.rmtree(data)
        ended = refused.stdout == "done\n"
        if ended:
            break
        assert "free some space" in refused.stdout or "check its space" in refused.stdout, refused.stdout
    assert ended, "there was never space enough"


def test_a_server_on_a_full_disk_shows_what_it_has_and_goes_on(disk: Path, tmp_path: Path, tally: Counter[str]) -> None:
    deployed = Deployment(tmp_path, port=own_port(8920), data=disk / "data")
    try:
        with deployed.readers():
            (deployed.folder / "hold").touch()
            deployed.rerun_default()
            wait_until(lambda: deployed.find("run"), "a run")
            with kept_full(disk):
                (deployed.folder / "hold").unlink()  # it ends where nothing can be written
                write_notebook(deployed.folder, extra="# saved while there is no space")
                reads = deployed.reads
                wait_until(lambda: deployed.reads > reads + READS, "readers")
                assert page_fault(*deployed.ask(f"/d/{SLUG}")) is None
            deployed.settle()
            wait_until(lambda: deployed.state() == "fresh", lambda: f"the saved notebook: {deployed.tail()}")
            deployed.rerun()
            deployed.settle()
        tally["disk full under a server"] += 1
        assert deployed.violations() == []
    finally:
        deployed.stop()
