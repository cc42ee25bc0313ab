"""Proposed tags, and tags written without touching the rest of the file."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_cells import Part, code, document_of, markdown, notebook_of

from nbdash.errors import NotebookError, OptionError
from nbdash.notebook import propose_tags, read_notebook, write_tags


def proposed(*parts: Part) -> dict[int, tuple[str, str]]:
    return {one.index: (one.tag, one.makes) for one in propose_tags(notebook_of(*parts))}


PNG = [{"output_type": "display_data", "data": {"image/png": "iVBOR"}, "metadata": {}}]
HTML = [{"output_type": "execute_result", "data": {"text/html": "<table>"}, "metadata": {}, "execution_count": 1}]


def test_figures_are_cards_and_what_they_need_is_setup() -> None:
    notebook = notebook_of(
        "import matplotlib.pyplot as plt",
        "raw = [1, 2]",
        "df = list(raw)",
        "df.head()",
        markdown("## By week"),
        "plt.plot(df)\nplt.show()",
        "unused = 1",
    )
    found = {one.index: one for one in propose_tags(notebook)}
    assert {index: one.tag for index, one in found.items()} == {1: "dash-setup", 2: "dash-setup", 5: "dash"}
    assert (found[5].title, found[5].makes, found[5].note) == ("By week", "figure", "no alt text")
    assert (found[2].makes, found[2].note) == ("df", "needed by cell 6")
    assert found[1].note == "needed by cell 3"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (code("f()", outputs=PNG), ("dash", "figure")),
        (code("table", outputs=HTML), ("dash", "table")),
        (code("table.head()", outputs=HTML), None),
        (code("table"), ("dash", "output")),
        (code("display(table)"), ("dash", "output")),
        (code("table.shape"), None),
        (code("print(1)"), None),
        (code("x = 1"), None),
        (code("table", "dash"), None),
        (code("f()", "dash-skip", outputs=PNG), None),
        (code("%%bash\nls"), None),
        (code("def f(:"), None),
    ],
)
def test_what_is_proposed(cell: dict[str, Any], expected: tuple[str, str] | None) -> None:
    assert proposed(cell).get(0) == expected


def test_alt_text_is_not_asked_for_twice() -> None:
    assert propose_tags(notebook_of(code("#| alt: A\nf()", outputs=PNG)))[0].note == ""


# --- writing ---


def save(path: Path, document: dict[str, Any], **style: Any) -> str:
    text = json.dumps(document, **style)
    path.write_bytes(text.encode())
    return text


STYLES: dict[str, dict[str, Any]] = {
    "jupyter": {"indent": 1, "ensure_ascii": False},
    "four spaces": {"indent": 4},
    "tabs": {"indent": "\t"},
    "one line": {},
    "compact": {"separators": (",", ":")},
    "sorted": {"indent": 2, "sort_keys": True},
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("ending", ["", "\n", "\r\n\r\n"])
def test_only_the_tags_change(tmp_path: Path, style: str, ending: str) -> None:
    path = tmp_path / "sales.ipynb"
    document = document_of(
        markdown("# Umsatz Ä 🎉"), "a = 'é'", ("b", "keep"), code("c", metadata={"x": {"y": [1, {}]}})
    )
    before = save(path, document, **STYLES[style]) + ending
    path.write_bytes(before.encode())
    write_tags(path, {1: "dash-setup", 2: "dash", 3: "dash"})
    after = path.read_bytes().decode()
    for cell, tags in zip(document["cells"][1:], (["dash-setup"], ["keep", "dash"], ["dash"]), strict=True):
        cell["metadata"]["tags"] = tags
    assert json.loads(after) == document
    if style not in ("sorted", "compact"):
        assert after == json.dumps(document, **STYLES[style]) + ending


def test_line_ends_and_byte_order_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    document = document_of("x")
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(document, indent=1).replace("\n", "\r\n").encode())
    write_tags(path, {0: "dash"})
    document["cells"][0]["metadata"]["tags"] = ["dash"]
    assert path.read_bytes() == b"\xef\xbb\xbf" + json.dumps(document, indent=1).replace("\n", "\r\n").encode()


def test_odd_numbers_and_escapes_elsewhere_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    text = (
        '{"nbformat_minor": 5, "metadata" : {"v": 1.10, "e":1E5,"u":"\\u00e9\\/"}, "nbformat": 4,'
        '\n\n"cells":[ '
        '{"cell_type":"code","id":"a","metadata":{},"source":"x","outputs":[],"execution_count":null} ] }'
    )
    path.write_text(text)
    write_tags(path, {0: "dash"})
    assert path.read_text() == text.replace('"metadata":{}', '"metadata":{"tags": ["dash"]}')


@pytest.mark.parametrize(
    ("metadata", "tag", "expected"),
    [
        ({}, "dash", ["dash"]),
        ({"tags": ["dash-setup", "x"]}, "dash", ["x", "dash"]),
        ({"tags": ["dash"]}, "dash", ["dash"]),
        ({"tags": "x"}, "dash", ["x", "dash"]),
        ({"tags": None}, "dash", ["dash"]),
        (None, "dash", ["dash"]),
        ({"tags": ["dash"]}, "raises-exception", ["dash", "raises-exception"]),
    ],
)
def test_tags_are_added(tmp_path: Path, metadata: Any, tag: str, expected: list[str]) -> None:
    path = tmp_path / "a.ipynb"
    save(path, document_of(code("x", metadata=metadata)), indent=1)
    write_tags(path, {0: tag})
    assert json.loads(path.read_text())["cells"][0]["metadata"]["tags"] == expected


@pytest.mark.parametrize("indent", [None, 1])
def test_a_cell_without_metadata_gets_some(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "a.ipynb"
    save(path, document_of({"cell_type": "markdown", "id": "a", "source": "x"}), indent=indent)
    write_tags(path, {0: "dash"})
    nbformat.validate(json.loads(path.read_text()))
    assert read_notebook(path).cells[0].tags == ("dash",)


def test_indexes_are_those_of_the_notebook_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    save(path, document_of(markdown("failed", "papermill-error-cell-tag"), "x", "y"))
    write_tags(path, {1: "dash"})
    assert [cell.tags for cell in read_notebook(path).cells] == [(), ("dash",)]


def test_the_file_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "sales.ipynb"
    before = save(path, document_of("x"))
    backup = write_tags(path, {0: "dash"})
    assert backup == tmp_path / ".nbdash" / "sales.bak.ipynb"
    assert backup.read_text() == before
    second = path.read_text()
    assert write_tags(path, {0: "dash-setup"}).read_text() == second
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".nbdash", "sales.ipynb"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_permissions_and_links_stay(tmp_path: Path) -> None:
    path = tmp_path / "real.ipynb"
    save(path, document_of("x"))
    path.chmod(0o640)
    (tmp_path / "link.ipynb").symlink_to(path)
    write_tags(tmp_path / "link.ipynb", {0: "dash"})
    assert (tmp_path / "link.ipynb").is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert read_notebook(path).cells[0].tags == ("dash",)


@pytest.mark.parametrize(
    ("tags", "error", "expected"),
    [
        ({5: "dash"}, NotebookError, "has no cell 6"),
        ({-1: "dash"}, NotebookError, "has no cell 0"),
        ({0: "dashboard"}, OptionError, "'dashboard' is no tag"),
    ],
)
def test_what_cannot_be_written_leaves_the_file(
    tmp_path: Path, tags: dict[int, str], error: type[Exception], expected: str
) -> None:
    path = tmp_path / "a.ipynb"
    before = save(path, document_of("x"))
    with pytest.raises(error, match=expected):
        write_tags(path, tags)
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ipynb"]


def test_an_old_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    save(path, {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]})
    with pytest.raises(NotebookError, match="is nbformat 3: save it in Jupyter first"):
        write_tags(path, {})


def test_a_failed_write_leaves_the_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.ipynb"
    before = save(path, document_of("x"))

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(NotebookError, match="No space left on device"):
        write_tags(path, {0: "dash"})
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.rglob("*") if entry.is_file()] == ["a.ipynb"]
