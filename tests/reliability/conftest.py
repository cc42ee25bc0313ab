"""How many trials, on what disks, and the tally of what was tried."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nbdash.publisher.publication import FREE_BYTES
from tests.conftest import require
from tests.ports import own_port
from tests.reliability.deployment import Deployment

#: Trials of each kind in a run that names no number.
SAMPLE = 5
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


@pytest.fixture(scope="session")
def trials(request: pytest.FixtureRequest) -> int:
    """How many random trials to make."""
    return trials_of(request.config)


@pytest.fixture(scope="session")
def is_long(trials: int) -> bool:
    """Whether everything is to be tried."""
    return trials > SAMPLE


@pytest.fixture(scope="session")
def tally() -> Counter[str]:
    """Counts trials by their kind, for the summary."""
    return _tally


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server of one dashboard that has run; each test leaves it running."""
    deployed = Deployment(tmp_path_factory.mktemp("deployment"), port=own_port(8800))
    yield deployed
    deployed.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB: less than a server wants to have free."""
    with mounted(tmp_path, 8) as disk:
        yield disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a server."""
    with mounted(tmp_path, FREE_BYTES // 1024**2 + 32) as disk:
        yield disk


@contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many MiB, while it is needed."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        require("mount", why=f"a disk that is full is mounted ({done.stderr.strip()})")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
