"""One notebook: in a kernel, in the ``fork`` engine, and on its published page before and after a Rerun."""

from __future__ import annotations

import copy
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import SequenceMatcher
from time import perf_counter
from typing import Any

import nbformat
from nbclient import NotebookClient

from benchmarks.fidelity.pictures import Figure, figures_in
from benchmarks.fidelity.product import NotPublishedError, Page, Product
from benchmarks.fidelity.sources import Foreign
from nbdash.engine.base import Engine
from tests.conformance.comparison import unequal_cells
from tests.conformance.execution import Case, run_engine

CELL_SECONDS = 45


@dataclass(frozen=True, kw_only=True)
class Published:
    """A dashboard before and after its Rerun."""

    before: Page
    after: Page
    rerun: str  #: id of the run that the Rerun asked for
    rerun_seconds: float

    @property
    def is_renewed(self) -> bool:
        """Whether the page shows the Rerun's own run, which is another than the first."""
        return self.after.run == self.rerun != self.before.run

    def same_figures(self, wanted: list[str]) -> int:
        """How many of the wanted pixels both pages have, in that order."""
        return min(_common(wanted, page.figures) for page in (self.before, self.after))


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of one notebook."""

    package: str
    name: str
    kernel_figures: int
    page_figures: int | None  #: None: nothing was published
    rerun_figures: int | None  #: on the page after a Rerun; None: it shows no new run
    varying_figures: int  #: in cells that two kernels do not execute alike
    same_figures: int  #: of the others, those on the page pixel for pixel, before and after the Rerun
    lost_figures: int  #: of the others, those that should be on the page and are not
    code_cells: int
    varying_cells: int
    differing_cells: int  #: code cells in which anything differs that does not vary
    kernel_seconds: float
    rerun_seconds: float
    reason: str  #: why the page has fewer figures than the kernel, if the outputs tell it

    @property
    def is_whole(self) -> bool:
        """Published, every figure shown, rerun."""
        return self.page_figures == self.rerun_figures == self.kernel_figures and not self.lost_figures

    @property
    def is_clear(self) -> bool:
        """Whether nothing is left to be explained by hand."""
        is_told = bool(self.reason) and self.page_figures == self.rerun_figures and not self.lost_figures
        return (self.is_whole or is_told) and not self.differing_cells


def measure(engine: Engine, foreign: Foreign, product: Product) -> Row:
    """Execute with nbclient and with the engine; publish, look, rerun and look."""
    began = perf_counter()
    expected = run_kernel(foreign)
    kernel_seconds = perf_counter() - began
    unequal = unequal_cells(expected, _run_engine(engine, foreign))
    varying = unequal_cells(expected, run_kernel(foreign)) if unequal else set()
    figures = figures_in(expected)
    steady = [figure for figure in figures if figure.cell not in varying]
    due = [figure.pixels for figure in steady if not figure.elsewhere]
    published, refusal = _publish(product, foreign)
    same = published.same_figures(due) if published else 0
    return Row(
        package=foreign.package,
        name=foreign.name,
        kernel_figures=len(figures),
        page_figures=len(published.before.figures) if published else None,
        rerun_figures=len(published.after.figures) if published and published.is_renewed else None,
        varying_figures=len(figures) - len(steady),
        same_figures=same,
        lost_figures=len(due) - same if published else 0,
        code_cells=sum(cell["cell_type"] == "code" for cell in expected["cells"]),
        varying_cells=len(varying),
        differing_cells=len(unequal - varying),
        kernel_seconds=kernel_seconds,
        rerun_seconds=published.rerun_seconds if published else 0.0,
        reason=_elsewhere(figures, published) if published else _failure(expected, refusal),
    )


def _run_engine(engine: Engine, foreign: Foreign) -> dict[str, Any]:
    case = Case(package=foreign.package, name=foreign.name, document=foreign.document, folder=foreign.path.parent)
    return run_engine(engine, case, CELL_SECONDS).document


def run_kernel(foreign: Foreign) -> dict[str, Any]:
    """The notebook as nbclient executes it, past every error."""
    client = NotebookClient(
        nbformat.from_dict(copy.deepcopy(foreign.document)),
        kernel_name="python3",
        resources={"metadata": {"path": str(foreign.path.parent)}},
        allow_errors=True,
        timeout=CELL_SECONDS,
    )
    with ThreadPoolExecutor(max_workers=1) as thread:  # in the main one, nbclient takes the signals and keeps them
        return dict(thread.submit(client.execute).result())


def _publish(product: Product, foreign: Foreign) -> tuple[Published | None, str]:
    """The dashboard, or why there is none."""
    try:
        url = product.publish(foreign.path)
    except NotPublishedError as error:
        return None, str(error)
    before = product.page(url)
    began = perf_counter()
    rerun = product.rerun(url)
    seconds = perf_counter() - began
    return Published(before=before, after=product.page(url), rerun=rerun, rerun_seconds=seconds), ""


def _common(wanted: list[str], shown: list[str]) -> int:
    blocks = SequenceMatcher(None, wanted, shown, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)


def _failure(expected: dict[str, Any], refusal: str) -> str:
    """Where a kernel fails, if that is where ``nbdash publish`` says that it failed."""
    for number, cell in enumerate(expected["cells"], start=1):
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                agrees = re.match(rf"Cell {number}\b", refusal) and output["ename"] in refusal
                return f"cell {number} raises {output['ename']}, in a kernel too" if agrees else ""
    return ""


def _elsewhere(figures: list[Figure], published: Published) -> str:
    """Why the page has fewer figures, if the outputs tell it."""
    counts = Counter(figure.elsewhere for figure in figures if figure.elsewhere)
    if len(figures) - counts.total() != len(published.before.figures):
        return ""
    return "; ".join(f"{count} of {len(figures)}: {why}" for why, count in counts.items())
