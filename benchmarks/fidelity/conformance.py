"""``python -m benchmarks.fidelity.conformance RESULTS…``: the conformance suite's results as a part of a page.

``RESULTS`` are files that ``pytest -m conformance tests/conformance`` writes: first that of the engine as it is, then
those of other modes of the engine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.comparison import WHOLE
from tests.conformance.corpus import known_difference
from tests.conformance.features import SESSIONS

BEGIN, END = "<!-- conformance: made from results -->", "<!-- conformance: end -->"
_NAMES = {"features": "features of IPython and ipykernel", "examples": "nbdash's own examples"}
_INTRODUCTION = """\
## Cell by cell

`pytest -m conformance tests/conformance` executes notebooks with the `fork` engine and with nbclient in a Jupyter
kernel, and compares number, order and types of outputs, every line of every text, the pixels of every picture,
metadata, execution counts, display ids, and how the run ends. Where anything differs the kernel runs again, up to
{repeats} times: a line, or a picture, in which its own runs differ varies by itself and is not compared.

**{cells} cells of {notebooks} notebooks were compared. {steady} of {figures} figures do not vary; {same} the same.**

- Versions: {versions}; engine mode `{mode}`, which used {reused} pictures again.
- Left out, by what is in their code: {left_out};
  and {late} with a cell that takes a kernel longer than the time limit.

| from | notebooks | cells | outputs | figures | vary | differ |
|---|--:|--:|--:|--:|--:|--:|
"""
#: What is on in each mode of the engine.
_WAYS = {
    "default": "beside the run; a kernel's is the other side",
    "plain": "by the run itself, nothing saved but the start",
    "reuse": "beside the run, and each notebook twice: the second time with the pictures of the first",
    "reuse-alone": "the same, one at a time",
    "resume": "from a checkpoint half-way, with a parameter that no cell reads; a whole run is the other side",
    "verify": "all of them, and those whose fingerprint is known are compared",
}
_MODES = """\
Each way to save time, alone and together (`--engine-mode`):

| mode | figures are drawn | notebooks | cells | figures | pictures used again | from a checkpoint | unexplained |
|---|---|--:|--:|--:|--:|--:|--:|"""


@dataclass(frozen=True, kw_only=True)
class Results:
    """A file of results."""

    head: dict[str, Any]
    findings: list[dict[str, Any]]

    @property
    def compared(self) -> list[dict[str, Any]]:
        """Those that could be."""
        return [finding for finding in self.findings if finding["compared"] is not None]

    @property
    def differing(self) -> list[dict[str, Any]]:
        """Those in which anything differs that does not vary."""
        return [finding for finding in self.compared if finding["compared"]["differences"]]


def main() -> int:
    """Put the section into the page; 1 if a difference has no reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity.conformance", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--write", type=Path, default=Path("docs/fidelity.md"))
    arguments = parser.parse_args()
    results, *others = map(read_results, arguments.results)
    page = arguments.write.read_text(encoding="utf-8")
    arguments.write.write_text(with_section(page, section(results, others)), encoding="utf-8")
    without = [name for each in (results, *others) for name in _unexplained(each)]
    if without:
        print(f"These differ, and nothing says why: {', '.join(without)}.", file=sys.stderr)
    return 1 if without else 0


def read_results(path: Path) -> Results:
    """Raises ValueError for what the suite did not write."""
    head, *findings = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Results(head=head, findings=findings)


def with_section(page: str, text: str) -> str:
    """The page with the section in its place, which is at its end if it has none yet."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2].lstrip("\n")
    tail = f"\n{after}" if after else ""
    return f"{before.rstrip()}\n\n{BEGIN}\n\n{text.strip()}\n\n{END}\n{tail}"


def section(results: Results, others: Sequence[Results] = ()) -> str:
    """Sums, a line per origin, a line per mode, and every difference with its reason."""
    figures, varying = _sum(results, "figures"), _sum(results, "varying_figures")
    different = sum(map(_differing_pictures, results.compared))
    rules: Counter[str] = Counter()
    for package in results.head["packages"]:
        rules.update(package["left_out"])
    introduction = _INTRODUCTION.format(
        repeats=results.head["repeats"],
        steady=figures - varying,
        figures=figures,
        same=f"all but {different} of these are" if different else "each of these is",
        cells=_sum(results, "cells"),
        notebooks=len(results.compared),
        versions=", ".join(f"{name} {number}" for name, number in results.head["versions"].items()),
        mode=results.head["mode"],
        reused=results.head.get("reused") or "no",
        left_out=", ".join(f"{count} that need a {rule}" for rule, count in sorted(rules.items())) or "none",
        late=len(results.findings) - len(results.compared),
    )
    modes = [_MODES, *map(_mode_line, (results, *others)), ""] if others else []
    return introduction + "\n".join([*_lines(results), "", *modes, *_differences(results)])


def reason_of(finding: dict[str, Any]) -> str:
    """Why a notebook is known to differ."""
    if finding["package"] == "features":
        return SESSIONS[finding["name"]].differs
    return known_difference(finding["package"], finding["name"])


def _lines(results: Results) -> list[str]:
    packages = dict.fromkeys(finding["package"] for finding in results.compared)
    return [_line(package, [each for each in results.compared if each["package"] == package]) for package in packages]


def _line(package: str, findings: list[dict[str, Any]]) -> str:
    compared = [finding["compared"] for finding in findings]
    sums = [sum(each[name] for each in compared) for name in ("cells", "outputs", "figures", "varying_cells")]
    differing = sum(len(_differing_cells(each)) for each in findings)
    counts = [len(findings), *sums, differing]
    return f"| {_NAMES.get(package, package)} | {' | '.join(map(str, counts))} |"


def _mode_line(results: Results) -> str:
    resumed = sum(finding.get("is_resumed", False) for finding in results.compared)
    counts = [
        len(results.compared),
        _sum(results, "cells"),
        _sum(results, "figures"),
        results.head.get("reused") or "–",
        resumed or "–",
        len(_unexplained(results)),
    ]
    mode = results.head["mode"]
    return f"| `{mode}` | {_WAYS.get(mode, '')} | {' | '.join(map(str, counts))} |"


def _unexplained(results: Results) -> list[str]:
    return [_name_of(finding) for finding in results.differing if not reason_of(finding)]


def _differences(results: Results) -> list[str]:
    if not results.differing:
        return []
    by_reason: dict[str, list[str]] = {}
    for finding in results.differing:
        by_reason.setdefault(reason_of(finding) or "not explained yet", []).append(_name_of(finding))
    lines = [f"- {', '.join(names)}: {reason}." for reason, names in by_reason.items()]
    return ["What differs, and why:", "", *lines]


def _name_of(finding: dict[str, Any]) -> str:
    if finding["package"] == "features":
        return str(finding["name"])
    cells = ", ".join(str(cell + 1) for cell in sorted(_differing_cells(finding)) if cell != WHOLE)
    place = f"cell {cells}" if cells else "the notebook as a whole"
    return f"`{finding['package']}/{finding['name']}` ({place})"


def _differing_cells(finding: dict[str, Any]) -> set[int]:
    return {difference["cell"] for difference in finding["compared"]["differences"]}


def _differing_pictures(finding: dict[str, Any]) -> int:
    differences = finding["compared"]["differences"]
    return len({(each["cell"], each["place"].split()[0]) for each in differences if "image/" in each["place"]})


def _sum(results: Results, name: str) -> int:
    return sum(finding["compared"][name] for finding in results.compared)


if __name__ == "__main__":
    sys.exit(main())
