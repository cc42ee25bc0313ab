"""How many trials, on what disks, and the tally of what was tried."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.reliability.deployment import Deployment

#: Trials of each kind in a run that names no number.
SAMPLE = 8
_tally: Counter[str] = Counter()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--trials 1000``: the long form."""
    parser.addoption("--trials", type=int, default=SAMPLE, help="Random kills in the reliability suite.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here bears the mark, and the long form takes as long as it takes."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("reliability")
            item.add_marker(pytest.mark.timeout(0 if trials_of(item.config) > SAMPLE else 180))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried, and how often."""
    if _tally:
        terminalreporter.section("reliability trials")
        for what, count in sorted(_tally.items()):
            terminalreporter.write_line(f"{count:6} {what}")
        terminalreporter.write_line(f"{sum(_tally.values()):6} in all")


def trials_of(config: pytest.Config) -> int:
    """The number asked for; without this folder on the command line the option is not known."""
    return int(config.getoption("--trials", default=SAMPLE))


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> int:
    """How many random trials to make."""
    return trials_of(request.config)


@pytest.fixture
def is_long(trials: int) -> bool:
    """Whether everything is to be tried."""
    return trials > SAMPLE


@pytest.fixture
def tally() -> Counter[str]:
    """Counts trials by their kind, for the summary."""
    return _tally


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A server of one dashboard that has run once."""
    deployed = Deployment(tmp_path, port=8800)
    yield deployed
    deployed.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        require("mount", why=f"a disk that is full is mounted ({mounted.stderr.strip()})")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
