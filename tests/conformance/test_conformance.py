"""The fork engine against a Jupyter kernel: same outputs, same pixels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import nbformat
import pytest
from comparison import differences, run_engine, run_oracle
from features import SESSIONS

from nbdash.engine.forked import ForkEngine
from nbdash.resources import data_dir

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux"),
    # Plain nbclient's own: it leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
EXAMPLES = sorted(data_dir("notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkEngine]:
    engine = ForkEngine()
    yield engine
    engine.close()


@pytest.mark.parametrize("name", SESSIONS)
def test_features_are_as_in_a_kernel(
    fork: ForkEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # below pytest, ipykernel does not read subprocesses' text
    cells = [nbformat.v4.new_code_cell(source) for source in SESSIONS[name].values()]
    document = nbformat.v4.new_notebook(cells=cells)

    def new_folder() -> Path:
        return Path(mkdtemp(dir=tmp_path))

    expected = run_oracle(document, new_folder())
    actual = run_engine(fork, document, new_folder())
    found = differences(expected, actual, lambda: run_oracle(document, new_folder()))
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_as_in_a_kernel(fork: ForkEngine, path: Path) -> None:
    document = nbformat.read(path, as_version=4)
    expected = run_oracle(document, path.parent)
    actual = run_engine(fork, document, path.parent)
    found = differences(expected, actual, lambda: run_oracle(document, path.parent))
    assert not found, "\n\n".join(found)
