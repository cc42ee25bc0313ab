"""Servers that are stopped and started under load, and publishing that is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from nbdash.model import RunState
from nbdash.store import open_store
from tests.reliability.deployment import LEASE, Deployment, write_notebook
from tests.reliability.invariants import find_violations

#: How long a server runs between its start and its stop.
UP_SECONDS = 3.0
#: Runs that wait or are under way, at most: the suite is to end.
WAITING = 5


def test_a_server_restarted_every_three_seconds_under_load_loses_nothing(
    deployment: Deployment, is_long: bool, tally: Counter[str]
) -> None:
    """R8: all that was accepted succeeds, and no attempt is lost."""
    before = set(deployment.accepted)
    is_over = threading.Event()

    def load() -> None:
        while not is_over.wait(0.1):
            deployment.rerun_default()
            if sum(deployment.unfinished().values()) < WAITING:
                deployment.rerun(seconds=0.3)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        with deployment.readers():
            for _ in range(40 if is_long else 1):
                time.sleep(UP_SECONDS)
                deployment.server.stop()
                tally["server restarted under load"] += 1
                assert find_violations(deployment.data, deployment.accepted, lease=LEASE) == []
                deployment.restart()
    finally:
        is_over.set()
        loader.join()
    deployment.settle()
    assert deployment.violations() == []
    with open_store(deployment.data) as store:
        ended = [store.run(run_id) for run_id in deployment.accepted - before]
    assert ended and {(run.state, run.attempt) for run in ended} == {(RunState.SUCCEEDED, 1)}


def test_publishing_killed_at_any_moment_is_all_or_nothing(
    deployment: Deployment, tmp_path: Path, trials: int, tally: Counter[str]
) -> None:
    """R5: a dashboard whose publishing was killed is whole or is not there; publishing again makes it whole."""
    notebooks = tmp_path / "elsewhere"
    for number in range(max(1, trials // 20)):
        path = write_notebook(notebooks, name=f"n{number}.ipynb")
        command = [sys.executable, "-m", "nbdash", "publish", str(path), "--data", str(deployment.data)]
        publishing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            publishing.wait(random.Random(number).uniform(0.3, 2.5))
        except subprocess.TimeoutExpired:
            os.kill(publishing.pid, signal.SIGKILL)
            publishing.wait()
        tally["publishing killed"] += 1
        deployment.settle()
        assert deployment.violations() == []
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        assert deployment.ask(f"/d/n{number}")[0] == 200
    with open_store(deployment.data) as store:
        assert {len(store.versions(store.dashboard(f"n{each}").id)) for each in range(number + 1)} == {1}


def test_two_who_publish_one_name_at_once_make_one_dashboard(
    deployment: Deployment, tmp_path: Path, tally: Counter[str]
) -> None:
    """R5: the name is one notebook's, and the other one is told."""
    paths = [write_notebook(tmp_path / folder, name="same.ipynb") for folder in ("a", "b")]
    command = [sys.executable, "-m", "nbdash", "publish", "--slug", "same", "--data", str(deployment.data)]
    both = [subprocess.Popen([*command, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for path in paths]
    said = [each.communicate(timeout=120)[1].decode() for each in both]
    tally["published at once"] += 1
    assert sorted(each.returncode for each in both) == [0, 2], said
    assert sum("belongs to the dashboard of" in words for words in said) == 1
    assert deployment.violations() == []
