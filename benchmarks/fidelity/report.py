"""``docs/fidelity.md``: what was done, the sums, a line per notebook, and what is behind every difference."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.fidelity.measure import Row
from benchmarks.remarks import MARKER

_SUMS_OF_PUBLISHED = (
    "kernel_figures",
    "page_figures",
    "rerun_figures",
    "varying_figures",
    "same_figures",
)
_SUMS = ("code_cells", "varying_cells", "differing_cells")
_INTRODUCTION = """\
# Fidelity

Notebooks that come with other projects, each executed by nbclient in a Jupyter kernel and published with
`nbdash publish`. The page is fetched over HTTP, its pictures are counted and compared with the kernel's, pixel by
pixel; then again after a Rerun. Cells are compared, output by output, with what the `fork` engine makes of the
whole notebook; where it differs, a second kernel tells what varies by itself: random numbers, times.
`python -m benchmarks.fidelity` makes this page.

**{whole} notebooks with figures publish, show every figure, and rerun.**

- {notebooks} notebooks from {packages} source distributions; figures by Matplotlib {matplotlib}.
- {published} are published, {drawing} of them with figures; {rerun} show a new run after their Rerun.
- Figures of the published: {kernel_figures} from a kernel, {page_figures} on the pages, {rerun_figures} after the
  Rerun. {varying_figures} of the kernel's vary; {same_figures} of the others are the same on both pages.
- Code cells: {code_cells}. {varying_cells} vary in a kernel; {differing_cells} of the others differ in any output.
- From the click to the end of their runs, all Reruns took {ratio:.2f} of the time of the same notebooks' kernels.

Taken are `.ipynb` files, and scripts of galleries as notebooks: the docstring and comment blocks become Markdown
cells, code blocks code cells. Left out are those that wait, or ask for data from the network, for a window, for
other processes or for another language's kernel. Those that draw come first, evenly spaced. A script with the name
of a standard library module (`collections.py`) is taken out of its folder once it is a notebook: every Python that
starts there, a kernel's too, would import it instead of its own.

Figures: *kernel*; *page*, once published; *rerun*, on the page once it shows the Rerun's new run; *vary*; of those
that do not, *same* before and after the Rerun. A dash: nothing is published, or there is no new run. Code cells:
*cells*, *vary*, *differ*.
"""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A notebook that could not be compared."""

    package: str
    name: str
    reason: str
    is_ours: bool  #: nbdash's doing, not the kernel's


def report(rows: list[Row], dropped: list[Dropped], remarks: str) -> str:
    """The page; ``remarks`` are what was written by hand below the marker."""
    lines = [
        _introduction(rows),
        "| source distribution | notebook | kernel | page | rerun | vary | same | cells | vary | differ |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *map(_line, rows),
        "",
        *_differences(rows),
        *_left_out(dropped),
        MARKER,
    ]
    return "\n".join(lines) + f"\n{remarks}"


def unexplained(rows: list[Row], dropped: list[Dropped], remarks: str) -> list[str]:
    """The notebooks that differ from a kernel's, with neither the outputs nor a remark saying why."""
    names = [row.name for row in rows if not row.is_clear] + [each.name for each in dropped if each.is_ours]
    return [name for name in names if f"`{name}`" not in remarks]


def _introduction(rows: list[Row]) -> str:
    published = [row for row in rows if row.page_figures is not None]
    drawing = [row for row in published if row.page_figures]
    return _INTRODUCTION.format(
        whole=sum(row.is_whole for row in drawing),
        notebooks=len(rows),
        packages=len({row.package for row in rows}),
        matplotlib=version("matplotlib"),
        published=len(published),
        drawing=len(drawing),
        rerun=sum(row.rerun_figures is not None for row in published),
        ratio=_sum(published, "rerun_seconds") / (_sum(published, "kernel_seconds") or 1),
        **{name: _sum(published, name) for name in _SUMS_OF_PUBLISHED},
        **{name: _sum(rows, name) for name in _SUMS},
    )


def _line(row: Row) -> str:
    counts = (
        row.kernel_figures,
        row.page_figures,
        row.rerun_figures,
        row.varying_figures,
        row.same_figures,
        row.code_cells,
        row.varying_cells,
        row.differing_cells,
    )
    shown = ("–" if count is None else str(count) for count in counts)
    return f"| {row.package} | {row.name} | {' | '.join(shown)} |"


def _differences(rows: list[Row]) -> list[str]:
    reasons = [row for row in rows if row.reason]
    refused = [f"- `{row.name}`: {row.reason}." for row in reasons if row.page_figures is None]
    fewer = [f"- `{row.name}`: {row.reason}." for row in reasons if row.page_figures is not None]
    lines = [] if not refused else ["## Not published, as a cell fails", "", *refused, ""]
    return lines if not fewer else [*lines, "## Fewer figures on the page", "", *fewer, ""]


def _left_out(dropped: list[Dropped]) -> list[str]:
    if not dropped:
        return []
    return [
        "## Not compared",
        "",
        *(f"- `{each.name}` ({each.package}): {each.reason}." for each in dropped),
        "",
    ]


def _sum(rows: list[Row], name: str) -> float:
    return sum(getattr(row, name) or 0 for row in rows)
