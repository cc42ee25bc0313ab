"""The example notebooks: what a new user sees first has to be complete, small and clean."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbdash.model import CardOptions, CellKind, Role
from nbdash.notebook.reader import read_notebook

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DATA = NOTEBOOKS / "data"
EXAMPLES = sorted(NOTEBOOKS.glob("*.ipynb"))
KILOBYTE = 1000

each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def document_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def sources_of(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in document_of(path)["cells"])


def data_read_by(path: Path) -> set[str]:
    return set(re.findall(r'"(data/[^"]+)"', sources_of(path)))


def card_options(path: Path, kind: CellKind) -> list[CardOptions]:
    cells = read_notebook(path).cells
    return [cell.options for cell in cells if cell.role is Role.CARD and cell.kind is kind]


def test_there_are_at_least_four_examples() -> None:
    assert len(EXAMPLES) >= 4


@each_example
def test_is_valid_nbformat_4_5(path: Path) -> None:
    document = document_of(path)
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    nbformat.validate(document)


@each_example
def test_holds_no_trace_of_a_run(path: Path) -> None:
    code = [cell for cell in document_of(path)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@each_example
def test_names_its_kernel_and_its_title(path: Path) -> None:
    metadata = document_of(path)["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert read_notebook(path).title == metadata["title"]


@each_example
def test_every_code_card_has_a_title_and_two_have_alt_text(path: Path) -> None:
    options = card_options(path, CellKind.CODE)
    assert all(option.title for option in options)
    assert sum(1 for option in options if option.alt) >= 2


@each_example
def test_reads_only_data_that_ships_and_is_described(path: Path) -> None:
    described = (DATA / "README.md").read_text(encoding="utf-8")
    for name in data_read_by(path):
        assert (NOTEBOOKS / name).is_file()
        rows = [line for line in described.splitlines() if f"| `{Path(name).name}` |" in line]
        assert len(rows) == 1 and f"`{path.name}`" in rows[0]


def test_ships_no_data_that_nothing_reads() -> None:
    read = {Path(name).name for path in EXAMPLES for name in data_read_by(path)}
    assert {path.name for path in DATA.iterdir()} - {"README.md"} == read


def test_data_is_small() -> None:
    sizes = [path.stat().st_size for path in DATA.iterdir()]
    assert max(sizes) < 200 * KILOBYTE
    assert sum(sizes) < 1000 * KILOBYTE
