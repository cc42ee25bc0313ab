"""Reading notebooks: every version, and every malformed file one sentence or a repair with a notice."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_cells import code, markdown, notebook_of, text_of

from nbdash.errors import NotebookError
from nbdash.model import Role
from nbdash.notebook import content_digest, parse_notebook, read_notebook, strip_outputs
from nbdash.notebook.loading import NOTEBOOK_BYTES
from nbdash.notebook.repair import CELLS, SOURCE_CHARACTERS

CONFLICT = """{
 "cells": [],
<<<<<<< HEAD
 "metadata": {},
=======
 "metadata": {"a": 1},
>>>>>>> other
 "nbformat": 4, "nbformat_minor": 5}"""

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "white space": (" \n\t\n", "is empty"),
    "only a BOM": (b"\xef\xbb\xbf", "is empty"),
    "null": ("null", "top level is null"),
    "list": ("[]", "top level is a list"),
    "number": ("42", "top level is a int"),
    "text": ('"x"', "top level is a str"),
    "login page": ("\n<!DOCTYPE html><html><body>Sign in</body></html>", "is HTML, probably a login page"),
    "truncated": (text_of(code())[:-20], "line 1, column"),
    "truncated on line 3": ('{\n "cells": [],\n "metadata": {', "line 3, column"),
    "utf-16": (text_of().encode("utf-16"), "is UTF-16, not UTF-8"),
    "latin-1": ('{"a": "é"}'.encode("latin-1"), "is not UTF-8 (byte 8)"),
    "nested objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
    "900 lists": (f'{{"metadata": {"[" * 900}{"]" * 900}}}', "nested too deeply"),
    "101 levels": (text_of(metadata={"a": json.loads("[" * 100 + "]" * 100)}), "nested too deeply"),
    "5000 digits": (f'{{"a": {"9" * 5000}}}', "more than 4300 digits"),
    "duplicate key": ('{"nbformat": 3, "nbformat": 4}', "duplicate key 'nbformat'"),
    "nbformat 5": (text_of(nbformat=5), "made by a newer Jupyter (nbformat 5)"),
    "nbformat 99": (text_of(nbformat=99), "made by a newer Jupyter (nbformat 99)"),
    "nbformat -1": (text_of(nbformat=-1), "has nbformat -1"),
    "nbformat true": (text_of(nbformat=True), "has nbformat True"),
    "nbformat '4'": (text_of(nbformat="4"), "has nbformat '4'"),
    "nbformat null": (text_of(nbformat=None), "has nbformat None"),
    "nbformat 1e400": ('{"nbformat": 1e400, "cells": [], "metadata": {}}', "has nbformat None"),
    "nbformat missing": ('{"cells": [], "metadata": {}}', "has no 'nbformat' entry"),
    "cells missing": ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "has no list of cells"),
    "cells null": (text_of(cells=None), "has no list of cells"),
    "cells an object": (text_of(cells={}), "has no list of cells"),
    "a cell is null": (text_of(code(), None), "has a cell 2 that is no JSON object"),
    "a cell is text": (text_of(cells=["x"]), "has a cell 1 that is no JSON object"),
    "source 5": (text_of(code(5)), "cell 1 whose source is not text"),
    "source null": (text_of(code(), code(None)), "cell 2 whose source is not text"),
    "source of numbers": (text_of(code([1, 2])), "cell 1 whose source is not text"),
    "long source": (text_of(code("x" * (SOURCE_CHARACTERS + 1))), "cell 1 of more than 4 MiB"),
    "many cells": (text_of(*[{"cell_type": "raw"}] * (CELLS + 1)), "has 2001 cells, more than 2000"),
    "unknown type, tagged": (
        text_of({"cell_type": "sql", "source": "x", "metadata": {"tags": ["dash"]}}),
        "tagged cell 1 of the unknown type 'sql'",
    ),
    "conflict": (CONFLICT, "git conflict marker in line 3"),
    "zip": (b"PK\x03\x04" + b"\0" * 40, "is a compressed archive"),
    "gzip": (gzip.compress(text_of().encode()), "is a compressed archive"),
    "malformed v3": (
        '{"nbformat": 3, "worksheets": [{"cells": [5]}], "metadata": {}}',
        "is malformed nbformat 3",
    ),
    "malformed v2": ('{"nbformat": 2, "worksheets": 7}', "is malformed nbformat 2"),
    "malformed v1": ('{"nbformat": 1, "cells": [null]}', "is malformed nbformat 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_in_one_sentence(name: str) -> None:
    content, expected = REFUSED[name]
    with pytest.raises(NotebookError) as caught:
        parse_notebook(content, "sales.ipynb")
    message = str(caught.value)
    assert expected in message
    assert "'sales.ipynb'" in message
    assert ": " in message and message.endswith(".") and "\n" not in message
    assert len(message) < 400


ACCEPTED: dict[str, tuple[str | bytes, str | None]] = {
    "BOM": (b"\xef\xbb\xbf" + text_of(code()).encode(), None),
    "NaN": (text_of(metadata={"a": float("nan")}), "NaN or infinite numbers"),
    "1e400": (
        '{"cells": [], "metadata": {"a": 1e400}, "nbformat": 4, "nbformat_minor": 5}',
        "NaN or infinite",
    ),
    "minor 99": (text_of(code(), nbformat_minor=99), "nbformat 4.99, is newer"),
    "minor missing": ('{"cells": [], "metadata": {}, "nbformat": 4}', None),
    "minor text": (text_of(nbformat_minor="x"), "nbformat_minor is 'x'"),
    "minor null": (text_of(nbformat_minor=None), "nbformat_minor is None"),
    "metadata missing": (
        '{"cells": [], "nbformat": 4, "nbformat_minor": 5}',
        "metadata was missing or malformed",
    ),
    "metadata null": (text_of(metadata=None), "metadata was missing or malformed"),
    "metadata list": (text_of(metadata=[1]), "metadata was missing or malformed"),
    "cell metadata null": (text_of(code(metadata=None)), "Cell 1 has malformed metadata"),
    "cell metadata missing": (text_of({"cell_type": "code", "source": "1"}), None),
    "source missing": (text_of({"cell_type": "markdown"}), None),
    "source lines": (text_of(code(["a = 1\n", "a"])), None),
    "no cell type": (text_of({"source": "x"}), "Cell 1 has the unknown type 'None'"),
    "unknown cell type": (text_of({"cell_type": "sql", "source": "x"}), "Cell 1 has the unknown type 'sql'"),
    "unhashable cell type": (text_of({"cell_type": ["code"], "source": "x"}), "unknown type"),
    "heading": (text_of({"cell_type": "heading", "source": "x", "level": 2}), None),
    "raw": (text_of({"cell_type": "raw", "source": "x"}), None),
    "outputs null": (text_of(code(outputs=None)), "Cell 1 has malformed stored outputs"),
    "outputs an object": (text_of(code(outputs={})), "Cell 1 has malformed stored outputs"),
    "an output is null": (text_of(code(outputs=[None])), "Cell 1 has malformed metadata or outputs"),
    "unknown output": (text_of(code(outputs=[{"output_type": "x"}])), "malformed metadata or outputs"),
    "count text": (text_of(code(execution_count="3")), None),
    "unknown entries": (text_of(code(collapsed=True, prompt_number=3), surprise=1), None),
    "id missing": (text_of({"cell_type": "markdown", "source": "x", "metadata": {}}), None),
    "ids equal": (text_of(code(id="a"), code(id="a")), None),
    "id null": (text_of(code(id=None)), None),
    "id markup": (text_of(code(id="../../x<script>")), None),
    "id long": (text_of(code(id="a" * 1000)), None),
    "id in 4.4": (text_of(code(id="a"), nbformat_minor=4), None),
    "tags text": (text_of(code(metadata={"tags": "dash"})), "read as: 'dash'"),
    "tags nested": (text_of(code(metadata={"tags": [["dash"], "x"]})), "read as: 'x'"),
    "tags duplicate": (text_of(code(metadata={"tags": ["a", "a"]})), "read as: 'a'"),
    "tags with commas": (text_of(code(metadata={"tags": ["dash,b"]})), "read as: 'dash', 'b'"),
    "tags null": (text_of(code(metadata={"tags": None})), "read as: none"),
    "10000 tags": (text_of(code(metadata={"tags": [f"t{n}" for n in range(10_000)]})), "malformed tags"),
    "kernelspec missing": (text_of(metadata={}), None),
    "kernelspec text": (text_of(metadata={"kernelspec": "python3"}), "kernelspec has no usable name"),
    "kernelspec path": (
        text_of(metadata={"kernelspec": {"name": "../../bin/sh"}}),
        "kernelspec has no usable name",
    ),
    "kernelspec no display name": (text_of(metadata={"kernelspec": {"name": "python3"}}), None),
    "language_info text": (text_of(metadata={"language_info": "python"}), "'language_info' is malformed"),
    "title 5": (text_of(metadata={"title": 5}), "'title' is malformed"),
    "authors": (text_of(metadata={"authors": "me"}), "'authors' is malformed"),
    "surrogate": (b'{"cells":[],"metadata":{"title":"a\\ud800"},"nbformat":4,"nbformat_minor":5}', "U+FFFD"),
    "NUL": (text_of(code("x = '\0'")), "U+FFFD"),
    "emoji escapes": (
        b'{"cells":[],"metadata":{"title":"\\ud83d\\ude00"},"nbformat":4,"nbformat_minor":5}',
        None,
    ),
    "attachments": (
        text_of({"cell_type": "markdown", "source": "x", "attachments": 5}),
        "malformed metadata",
    ),
    "cell name": (text_of(code(metadata={"name": ""})), "malformed metadata or outputs"),
    "settings": (text_of(metadata={"nbdash": {"secret_key": "x"}}), "'nbdash.secret_key' is no setting"),
    "limits": (text_of(metadata={"nbdash": {"timeout": 60, "figures": 3}}), None),
    "limit text": (text_of(metadata={"nbdash": {"timeout": "60"}}), "'nbdash.timeout' is no number above 0"),
    "limit true": (text_of(metadata={"nbdash": {"timeout": True}}), "'nbdash.timeout' is no number above 0"),
    "limit below 0": (text_of(metadata={"nbdash": {"memory_mib": -1}}), "'nbdash.memory_mib' is no number above 0"),
    "limit NaN": (text_of(metadata={"nbdash": {"timeout": float("nan")}}), "'nbdash.timeout' is no number above 0"),
    "nbdash text": (text_of(metadata={"nbdash": "timeout"}), None),
    "papermill's markers": (
        text_of(code(), {**markdown("failed"), "metadata": {"tags": ["papermill-error-cell-tag"]}}),
        "papermill tells of an earlier error",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_file_is_repaired_to_valid_nbformat_and_says_so(name: str) -> None:
    content, expected = ACCEPTED[name]
    notebook = parse_notebook(content, "sales.ipynb")
    nbformat.validate(json.loads(json.dumps(notebook.document, allow_nan=False)))
    assert (notebook.document["nbformat"], notebook.document["nbformat_minor"]) == (4, 5)
    assert len(notebook.cells) == len(notebook.document["cells"])
    if expected is None:
        assert notebook.notices == ()
    else:
        assert expected in " ".join(notebook.notices)
    assert all(notice.endswith(".") for notice in notebook.notices)
    json.dumps(notebook.document).encode("utf-8")


def test_notices_name_cells_and_repairs_keep_the_rest() -> None:
    notebook = parse_notebook(
        text_of(code(), code("x", outputs=[{"output_type": "?"}], metadata={"tags": ["dash"]})), "a.ipynb"
    )
    assert notebook.cells[1].role is Role.CARD
    assert notebook.cells[1].source == "x"
    assert "Cell 2" in notebook.notices[0]


def test_a_heading_cell_becomes_markdown() -> None:
    notebook = parse_notebook(text_of({"cell_type": "heading", "source": ["Sales"], "level": 2}), "a.ipynb")
    assert notebook.cells[0].source == "## Sales"


def test_cell_ids_are_unique_valid_and_the_same_each_time() -> None:
    content = text_of(code(id="a"), code(id="a"), code(id=None), code(id="cell-2"), code(id="é"))
    ids = [cell["id"] for cell in parse_notebook(content, "a.ipynb").document["cells"]]
    assert ids[0] == "a" and ids[3] == "cell-2"
    assert len(set(ids)) == 5
    assert ids == [cell["id"] for cell in parse_notebook(content, "a.ipynb").document["cells"]]


def test_nothing_of_a_kernelspec_is_used_but_its_name() -> None:
    spec = {"name": "python3", "display_name": "P", "argv": ["/bin/sh"], "language": "python"}
    notebook = parse_notebook(text_of(metadata={"kernelspec": spec}), "a.ipynb")
    assert (notebook.kernel_name, notebook.language) == ("python3", "python")


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, "python"),
        ({"language_info": {"name": "R"}}, "r"),
        ({"kernelspec": {"name": "julia-1.9", "display_name": "J", "language": "julia"}}, "julia"),
        ({"kernelspec": {"name": "k", "display_name": "K", "language": 5}}, "python"),
    ],
)
def test_language(metadata: dict[str, Any], language: str) -> None:
    assert parse_notebook(text_of(metadata=metadata), "a.ipynb").language == language


# --- versions ---


def old_notebook(major: int, minor: int = 0) -> dict[str, Any]:
    """The same two cells in each format, as nbformat's own tools would write them."""
    new = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Sales"),
            nbformat.v4.new_code_cell("1 + 1", outputs=[nbformat.v4.new_output("stream", text="2\n")]),
        ]
    )
    if major == 4:
        plain = json.loads(nbformat.writes(new))
        if minor < 5:
            for cell in plain["cells"]:
                del cell["id"]
        return {**plain, "nbformat_minor": minor}
    cells = [
        {"cell_type": "markdown", "source": "# Sales"},
        {
            "cell_type": "code",
            "language": "python",
            "input": "1 + 1",
            "collapsed": False,
            "prompt_number": 1,
            "outputs": [{"output_type": "stream", "stream": "stdout", "text": "2\n"}],
        },
    ]
    if major == 1:
        return {
            "nbformat": 1,
            "cells": [{"cell_type": "text", "text": "# Sales"}, {"cell_type": "code", "code": "1 + 1"}],
        }
    return {
        "nbformat": major,
        "nbformat_minor": 0,
        "metadata": {"name": "Sales"},
        "worksheets": [{"cells": [cells[0]], "metadata": {}}, {"cells": [cells[1]], "metadata": {}}],
    }


@pytest.mark.parametrize("version", [(2, 0), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5)])
def test_every_version_gives_the_same_notebook(version: tuple[int, int]) -> None:
    notebook = parse_notebook(json.dumps(old_notebook(*version)), "sales.ipynb")
    newest = parse_notebook(json.dumps(old_notebook(4, 5)), "sales.ipynb")
    nbformat.validate(notebook.document)
    assert [cell.source for cell in notebook.cells] == ["# Sales", "1 + 1"]
    assert notebook.title == "Sales"
    assert notebook.document["cells"][1]["outputs"][0]["text"] == "2\n"
    assert content_digest(notebook) == content_digest(newest)
    if version[0] < 4:
        assert "upgraded" in notebook.notices[0]
        assert "worksheets were joined" in notebook.notices[1]


def test_version_1_is_upgraded() -> None:
    notebook = parse_notebook(json.dumps(old_notebook(1)), "sales.ipynb")
    nbformat.validate(notebook.document)
    assert [cell.source for cell in notebook.cells] == ["# Sales", "1 + 1"]


# --- files ---


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_is_read(tmp_path: Path) -> None:
    notebook = read_notebook(write(tmp_path / "Umsatz Ä.ipynb", text_of(code())))
    assert notebook.name == "Umsatz Ä.ipynb"
    assert notebook.title == "Umsatz Ä"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.py", "is a Python script"),
        ("a.Rmd", "is a R Markdown file"),
        ("a.ipynb.txt", "does not end in '.ipynb'"),
        ("-", "does not end in '.ipynb'"),
        ("missing.ipynb", "There is no notebook"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, expected: str) -> None:
    assert expected in refusal(tmp_path / name)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").mkdir()
    assert "is a folder" in refusal(tmp_path / "a.ipynb")


def test_a_path_with_nul_is_refused() -> None:
    assert "cannot be read" in refusal(Path("a\0.ipynb"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ipynb")
    script = "import pathlib, sys, nbdash.notebook; nbdash.notebook.read_notebook(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(tmp_path / "a.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "is a device or pipe" in done.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").symlink_to("/dev/zero")
    assert "is a device or pipe" in refusal(tmp_path / "a.ipynb")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in files here")
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.ipynb")
        assert "cannot be read" in refusal(Path("a.ipynb"))


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").symlink_to("a.ipynb")
    assert "cannot be read" in refusal(tmp_path / "a.ipynb")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "a.ipynb", text_of())
    monkeypatch.setattr(os, "open", refuse)
    assert "may not be read by this user" in refusal(path)


# --- size ---


def test_large_outputs_do_not_count() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x" * NOTEBOOK_BYTES}
    notebook = parse_notebook(text_of(code(outputs=[output])), "a.ipynb")
    assert len(notebook.document["cells"][0]["outputs"][0]["text"]) == NOTEBOOK_BYTES


def test_a_large_notebook_without_outputs_is_refused() -> None:
    with pytest.raises(NotebookError, match="without outputs exceeds 64 MiB"):
        parse_notebook(text_of(metadata={"blob": "x" * NOTEBOOK_BYTES}), "a.ipynb")


# --- titles ---


@pytest.mark.parametrize(
    ("parts", "metadata", "title"),
    [
        ([], {}, "sales"),
        ([markdown("## Second\n\n# First `x` *y*")], {}, "First x y"),
        ([markdown("```\n# no heading\n```\n\nTitle\n=====")], {}, "Title"),
        ([markdown("# Sales {.unnumbered #id}")], {}, "Sales"),
        ([markdown("# ")], {}, "sales"),
        ([markdown("# Heading")], {"title": "Given"}, "Given"),
        ([markdown("# Heading")], {"title": "Given", "nbdash": {"title": "Own"}}, "Own"),
        (
            [{"cell_type": "raw", "source": '---\ntitle: "Quarto: yes"\n---'}, markdown("# H")],
            {},
            "Quarto: yes",
        ),
        ([{"cell_type": "raw", "source": "---\ntitle: [\n---"}], {}, "sales"),
        ([], {"title": "a\u202ecod\nb\x1b[31m\t c"}, "acod b [31m c"),
        ([], {"title": "{{7*7}}<script>"}, "{{7*7}}<script>"),
        ([], {"title": " \n "}, "sales"),
    ],
)
def test_title(parts: list[Any], metadata: dict[str, Any], title: str) -> None:
    assert notebook_of(*parts, metadata=metadata).title == title


def test_a_title_is_cut() -> None:
    title = notebook_of(metadata={"title": "x" * 1_000_000}).title
    assert len(title) == 200 and title.endswith("…")


# --- outputs and digest ---


def test_strip_outputs_copies() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "2"}
    before = notebook_of(code(outputs=[output], execution_count=3), markdown("x")).document
    stripped = strip_outputs(before)
    nbformat.validate(stripped)
    assert stripped["cells"][0]["outputs"] == [] and stripped["cells"][0]["execution_count"] is None
    assert before["cells"][0]["outputs"] == [output]
    stripped["cells"][1]["source"] = "changed"
    assert before["cells"][1]["source"] == "x"


def test_lines_of_outputs_are_joined_but_not_those_of_json() -> None:
    data = {"text/plain": ["a\n", "b"], "application/vnd.x+json": ["a", "b"]}
    outputs = [
        {"output_type": "display_data", "data": data, "metadata": {}},
        {"output_type": "stream", "name": "stdout", "text": ["c\n", "d"]},
    ]
    read = parse_notebook(text_of(code(outputs=outputs)), "a.ipynb").document["cells"][0]["outputs"]
    assert read[0]["data"] == {"text/plain": "a\nb", "application/vnd.x+json": ["a", "b"]}
    assert read[1]["text"] == "c\nd"


def digest_of(*cells: Any, **entries: Any) -> str:
    return content_digest(parse_notebook(text_of(*cells, **entries), "a.ipynb"))


BASE = code("x", metadata={"tags": ["dash"], "nbdash": {"alt": "A"}})


def test_the_digest_ignores_outputs_counts_ids_and_other_metadata() -> None:
    run = {
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}],
        "execution_count": 7,
        "id": "z",
    }
    scrolled = {**BASE["metadata"], "scrolled": True, "execution": {}}
    assert digest_of(BASE) == digest_of({**BASE, **run, "metadata": scrolled}, metadata={"widgets": {}})


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "y"},
        {"cell_type": "raw"},
        {"metadata": {"tags": ["dash-setup"], "nbdash": {"alt": "A"}}},
        {"metadata": {"tags": ["dash"], "nbdash": {"alt": "B"}}},
        {"metadata": {"tags": ["dash"], "nbdash": {"alt": "A"}, "mystnb": {"figure": {"caption": "C"}}}},
    ],
)
def test_the_digest_sees_what_makes_a_dashboard(changed: dict[str, Any]) -> None:
    other = {**BASE, **changed}
    if other["cell_type"] == "raw":
        other = {key: other[key] for key in ("cell_type", "source", "metadata")}
    assert digest_of(BASE) != digest_of(other)


def test_the_digest_sees_lower_limits_and_no_other_settings() -> None:
    metadata = {"nbdash": {"secret_key": 1}}
    assert digest_of(BASE, metadata=metadata) == digest_of(BASE)
    assert digest_of(BASE, metadata={"nbdash": {"timeout": 1}}) != digest_of(BASE)


def test_the_digest_sees_the_kernel_and_the_title() -> None:
    spec = {"kernelspec": {"name": "other", "display_name": "O"}}
    assert len({digest_of(BASE), digest_of(BASE, metadata=spec), digest_of(BASE, metadata={"title": "T"})}) == 3


def test_a_second_parameters_cell_counts_as_untagged() -> None:
    notebook = notebook_of(("a = 1", "parameters"), ("b = 1", "parameters"))
    assert [cell.role for cell in notebook.cells] == [Role.PARAMETERS, Role.PLAIN]
    assert "second cell tagged 'parameters'" in notebook.notices[0]
