"""The comparison with foreign notebooks: its page leaves nothing unexplained, and what makes the page is right."""

from __future__ import annotations

import io
import json
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.fidelity.conformance import BEGIN, END, read_results, reason_of, section, with_section
from benchmarks.fidelity.measure import Row
from benchmarks.fidelity.report import Dropped, report, unexplained
from benchmarks.fidelity.sources import foreign_notebooks, notebook_from_gallery
from benchmarks.remarks import MARKER, remarks_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "fidelity.md"
WHOLE = Row(
    package="drawn-1.0",
    name="doc/lines",
    kernel_figures=3,
    page_figures=3,
    rerun_figures=3,
    varying_figures=1,
    same_figures=2,
    lost_figures=0,
    code_cells=4,
    varying_cells=1,
    differing_cells=0,
    kernel_seconds=2.0,
    rerun_seconds=0.5,
    reason="",
)


def test_twenty_foreign_notebooks_show_every_figure_and_rerun() -> None:
    assert sum(_is_whole(counts) and counts[0] != "0" for counts in _rows().values()) >= 20


def test_every_difference_on_the_page_has_its_reason() -> None:
    below = _published().rpartition("|\n")[2]
    odd = [name for name, counts in _rows().items() if not _is_whole(counts) or counts[-1] != "0"]
    assert [name for name in odd if f"`{name}`" not in below] == []


@pytest.mark.parametrize(
    ("change", "is_clear"),
    [
        ({}, True),
        ({"page_figures": 2, "rerun_figures": 2}, False),
        ({"page_figures": 2, "rerun_figures": 2, "reason": "1 of 3: it is SVG"}, True),
        ({"page_figures": 2, "rerun_figures": 1, "reason": "1 of 3: it is SVG"}, False),
        ({"rerun_figures": None}, False),
        ({"same_figures": 1, "lost_figures": 1}, False),
        ({"page_figures": None, "rerun_figures": None, "reason": "cell 2 raises ValueError, in a kernel too"}, True),
        ({"page_figures": None, "rerun_figures": None}, False),
        ({"differing_cells": 1}, False),
    ],
)
def test_a_difference_needs_a_reason(change: dict[str, object], is_clear: bool) -> None:
    row = replace(WHOLE, **change)  # type: ignore[arg-type]
    assert unexplained([row], [], "") == ([] if is_clear else ["doc/lines"])
    assert unexplained([row], [], "Of `doc/lines` this is known.") == []


def test_what_nbdash_could_not_run_needs_a_reason() -> None:
    dropped = Dropped(package="drawn-1.0", name="doc/lines", reason="nbdash: OSError", is_ours=True)
    assert unexplained([], [dropped], "") == ["doc/lines"]
    assert unexplained([], [replace(dropped, is_ours=False)], "") == []


def test_remarks_are_kept_when_the_page_is_made_again() -> None:
    page = report([WHOLE], [], "\nThis was written by hand.\n")
    assert "**1 notebooks with figures publish" in page
    assert report([WHOLE], [], remarks_of(page)) == page
    assert remarks_of("# A page without the marker") == ""
    assert MARKER in PAGE.read_text(encoding="utf-8")


def test_a_gallery_script_becomes_markdown_and_code() -> None:
    source = '"""\n=====\nLines\n=====\n\nTwo of them.\n"""\nimport a\n\n'
    source += "# %%\n# Then\n# ----\n\nb = 1\n####################\n# End."
    cells = notebook_from_gallery(source)["cells"]
    assert [(cell["cell_type"], cell["source"]) for cell in cells] == [
        ("markdown", "Lines\n=====\n\nTwo of them."),
        ("code", "import a"),
        ("markdown", "Then\n----"),
        ("code", "b = 1"),
        ("markdown", "End."),
    ]


def test_a_script_named_like_a_standard_module_leaves_its_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "drawn-1.0.tar.gz", "w:gz") as archive:
        for name in ("collections", "lines"):
            member = tarfile.TarInfo(f"drawn-1.0/examples/{name}.py")
            content = b"import matplotlib.pyplot as plt\nplt.plot([1])\n"
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    found = list(foreign_notebooks(tmp_path, tmp_path / "scratch", {"drawn": 5}))
    assert [foreign.name for foreign in found] == ["examples/collections", "examples/lines"]
    assert sorted(path.name for path in found[0].path.parent.iterdir()) == [
        "collections.ipynb",
        "lines.ipynb",
        "lines.py",
    ]


def _published() -> str:
    """The part of the page that is about publishing."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]


def _rows() -> dict[str, list[str]]:
    """The page's table: notebook to counts."""
    lines = _published().splitlines()
    rows = [re.split(r" *\| *", line.strip("| ")) for line in lines if re.match(r"\| \S+-\d", line)]
    return {name: counts for _, name, *counts in rows}


def _is_whole(counts: list[str]) -> bool:
    kernel, page, rerun, varying, same, *_ = counts
    return kernel == page == rerun and int(kernel) == int(varying) + int(same)


def test_a_section_is_made_of_results_and_replaced_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join(map(json.dumps, (_HEAD, _finding("doc/a", 3), _finding("doc/b", 2, [_DIFFERENCE])))))
    made = section(read_results(path))
    sums = "**8 cells of 2 notebooks were compared. 4 of 5 figures do not vary; all but 1 of these are the same.**"
    assert sums in made
    assert "| drawn-1.0 | 2 | 8 | 10 | 5 | 2 | 1 |" in made
    assert "- Left out, by what is in their code: 7 that need a network;\n  and 0 with" in made
    assert "- `drawn-1.0/doc/b` (cell 4): not explained yet." in made
    page = with_section("# Page\n", made)
    assert page.startswith("# Page\n\n<!-- conformance")
    assert with_section(page, made) == page
    assert with_section(page + "\nMore.\n", "other") == f"# Page\n\n{BEGIN}\n\nother\n\n{END}\n\nMore.\n"


def test_each_mode_has_a_line(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    resumed = _finding("doc/a", 3) | {"is_resumed": True}
    head = json.loads(json.dumps(_HEAD)) | {"mode": "resume", "reused": 0}
    path.write_text("\n".join(map(json.dumps, (head, resumed, _finding("doc/b", 2, [_DIFFERENCE])))))
    results = read_results(path)
    made = section(results, [results])
    line = next(line for line in made.splitlines() if line.startswith("| `resume` |"))
    assert line.endswith("| 2 | 8 | 5 | – | 1 | 1 |") and made.count(line) == 2


def test_what_is_known_to_differ_has_its_reason() -> None:
    assert reason_of({"package": "nbformat-9.9", "name": "tests/test2"}).startswith("it calls `%connect_info`")
    assert reason_of({"package": "features", "name": "%connect_info"})
    assert reason_of({"package": "features", "name": "display"}) == ""


def test_the_page_explains_every_difference_that_conformance_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert BEGIN in page
    assert "not explained yet" not in page


_DIFFERENCE = {"cell": 3, "place": "1 · image/png", "kernel": "a", "engine": "b"}
_HEAD = {
    "mode": "default",
    "repeats": 3,
    "reused": 0,
    "versions": {"IPython": "9"},
    "packages": [{"package": "drawn-1.0", "found": 9, "taken": 2, "left_out": {"network": 7}}],
}


def _finding(name: str, figures: int, differences: list[dict[str, object]] | None = None) -> dict[str, object]:
    compared = {"cells": 4, "outputs": 5, "figures": figures, "varying_cells": 1, "varying_figures": figures - 2}
    compared["differences"] = differences or []  # type: ignore[assignment]
    return {"package": "drawn-1.0", "name": name, "compared": compared, "left_out": ""}
