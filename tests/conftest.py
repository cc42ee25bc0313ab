"""Fixtures that every part of the tests may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbdash.config import Settings
from nbdash.store import Store, open_store

#: A cell as tests write it: source, tags; a source that starts with ``md:`` is Markdown.
CellText = tuple[str, Sequence[str]] | str
MakeNotebook = Callable[..., Path]


def require(what: str, *, why: str) -> None:
    """Skip visibly for want of ``what``; fail where everything is required (CI)."""
    if os.environ.get("NBDASH_TEST_REQUIRE") in ("all", what):
        pytest.fail(f"{what} is required here: {why}")
    pytest.skip(f"needs {what}: {why}")


@pytest.fixture
def make_notebook(tmp_path: Path) -> MakeNotebook:
    """Writes a notebook of ``(source, tags)`` cells into ``tmp_path`` and returns its path."""

    def make(*cells: CellText, name: str = "sales.ipynb", **metadata: Any) -> Path:
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        document = new_notebook(metadata={"kernelspec": spec, "language_info": {"name": "python"}, **metadata})
        for number, cell in enumerate(cells):
            source, tags = (cell, ()) if isinstance(cell, str) else cell
            make_cell = new_markdown_cell if source.startswith("md:") else new_code_cell
            entry = make_cell(source.removeprefix("md:"), id=f"c{number}")
            if tags:
                entry.metadata["tags"] = list(tags)
            document.cells.append(entry)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(document, path)
        return path

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings for a data directory of the test's own."""
    return Settings(data=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The store of ``settings``."""
    with open_store(settings.data) as opened:
        yield opened


@pytest.fixture(scope="module")
def without_fork() -> Iterator[None]:
    """What a module's tests start executes notebooks as macOS and Windows do: in kernels, without forking."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBDASH_ENGINE", "kernel")
        yield


def engines_of(data: Path) -> set[str]:
    """The engines that have executed the runs of a data directory."""
    with open_store(data) as opened:
        dashboards = opened.list_dashboards(include_unlisted=True)
        return {run.engine for each in dashboards for run in opened.runs(each.id) if run.engine}
