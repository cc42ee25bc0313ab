"""Notebooks that nobody here wrote: what the fork engine makes of them, beside what nbclient makes of them,
and what of it a viewer sees once they are published.

Run it from a checkout, in an environment of its own with nbdash and the packages that the notebooks use:

    python -m venv /path/to/env && /path/to/env/bin/pip install -e . matplotlib scikit-learn scipy \\
        pandas seaborn lmfit papermill ipywidgets
    /path/to/env/bin/python -m benchmarks.fidelity --folder /path/to/sdists --write docs/fidelity.md

``--folder`` holds source distributions (``*.tar.gz``); those of ``--packages`` that are not there are
downloaded into it with pip.  Notebooks are the ``.ipynb`` files in them and the galleries' ``.py`` files
(comment blocks become Markdown cells, code blocks code cells).  Left out are those that ask for data from
the network, for a window, or for another language's kernel, and, of a package with many, all but
``--each`` of them, evenly spaced.
"""

from __future__ import annotations

import argparse
import gzip
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from nbdash.config import Settings
from nbdash.engine.base import Engine
from nbdash.engine.choose import make_engine
from nbdash.model import RunState
from nbdash.page.render import Renderer
from nbdash.publisher.publication import Publisher
from nbdash.publisher.viewing import Pages
from nbdash.store import open_store
from nbdash.worker import Worker
from tests.conformance.comparison import comparable, run_engine

PACKAGES = ("matplotlib", "scikit-learn", "seaborn", "lmfit", "nbclient", "nbconvert", "papermill")
_UNFIT = re.compile(
    r"fetch_\w+\(|load_dataset\(|urlopen|urlretrieve|https?://\S+\.(csv|zip|npz)|"
    r"matplotlib\.use\(|\bgi\.|PyQt|tkinter|wx\.|\bpooch\b|input\(|os\.kill|signal|n_jobs|joblib|Parallel|watch_dir|glob_pattern|time\.sleep\((?!0)"
)
_BLOCK = re.compile(r"^(#{20,}|# ?%%.*)$")


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A notebook of somebody else's, unpacked with the files beside it."""

    package: str
    path: Path
    document: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What came of one notebook."""

    package: str
    name: str
    kernel_figures: int
    fork_figures: int
    rerun_figures: int
    page_figures: int | None  #: on the dashboard; None: a cell fails, so nothing is published
    rerun_page_figures: int | None  #: on it after a Rerun
    varying_figures: int  #: in cells that two kernels do not execute alike
    same_pixels: int  #: of the figures that do not vary
    code_cells: int
    varying_cells: int
    differing_cells: int  #: code cells in which anything differs that does not vary
    kernel_seconds: float
    fork_seconds: float


def main() -> None:
    """Run all and write the table."""
    arguments = _arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    _download(arguments.packages, arguments.folder)
    engine = make_engine("fork")
    rows = []
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as data:
        product = Product(Path(data), engine)
        for foreign in _foreign_notebooks(arguments.folder, Path(scratch), arguments.each):
            try:
                rows.append(measure(engine, foreign, product))
            except (CellTimeoutError, DeadKernelError, RuntimeError, AssertionError) as error:
                print(f"{foreign.package} {foreign.path.stem} did not run: {error}"[:300], file=sys.stderr)
                continue
            print(rows[-1], file=sys.stderr)
    engine.close()
    arguments.write.write_text(report(rows), encoding="utf-8")


class Product:
    """nbdash behind its door: publisher, worker and pages on a store of their own."""

    def __init__(self, data: Path, engine: Engine) -> None:
        settings = Settings(data=data)
        self._store = open_store(data)
        self._publisher = Publisher(self._store, settings)
        self._worker = Worker(self._store, settings, engine_for=lambda _: engine)
        self._pages = Pages(self._store, settings, Renderer())

    def figures(self, foreign: Foreign) -> tuple[int | None, int | None]:
        """How many figures the dashboard's page shows once it is published, and after a Rerun."""
        path = foreign.path.with_name(f"{foreign.path.stem}-published.ipynb")
        nbformat.write(nbformat.from_dict(foreign.document), path)
        slug = self._publisher.publish(path).dashboard.slug
        first = self._shown(slug)
        if first is None:
            return None, None
        self._publisher.submit(slug)
        return first, self._shown(slug)

    def _shown(self, slug: str) -> int | None:
        run = self._store.claim_run(self._worker.name)
        assert run is not None
        self._worker.perform(run)
        if self._store.run(run.id).state is not RunState.SUCCEEDED:
            return None
        return gzip.decompress(self._pages.dashboard(slug).gzipped).count(b'<figure class="nb-figure"')


def measure(engine: Engine, foreign: Foreign, product: Product) -> Row:
    """Execute with nbclient once and with the engine twice; then publish, look, rerun and look."""
    folder = foreign.path.parent
    expected, kernel_seconds = _timed(lambda: _run_kernel(foreign.document, folder))
    actual, fork_seconds = _timed(lambda: run_engine(engine, foreign.document, folder))
    again = run_engine(engine, foreign.document, folder)
    page_figures, rerun_page_figures = product.figures(foreign)
    unequal = _unequal_cells(expected, actual)
    varying = _unequal_cells(expected, _run_kernel(foreign.document, folder)) if unequal else set()
    steady = [index for index in range(len(expected["cells"])) if index not in varying]
    wanted, got = (figures(document, steady) for document in (expected, actual))
    return Row(
        package=foreign.package,
        name=foreign.path.stem,
        kernel_figures=len(figures(expected)),
        fork_figures=len(figures(actual)),
        rerun_figures=len(figures(again)),
        page_figures=page_figures,
        rerun_page_figures=rerun_page_figures,
        varying_figures=len(figures(expected)) - len(wanted),
        same_pixels=sum(one == other for one, other in zip(wanted, got, strict=False)),
        code_cells=sum(cell["cell_type"] == "code" for cell in expected["cells"]),
        varying_cells=len(varying),
        differing_cells=len(unequal - varying),
        kernel_seconds=kernel_seconds,
        fork_seconds=fork_seconds,
    )


def _unequal_cells(one: dict[str, Any], other: dict[str, Any]) -> set[int]:
    return {
        index
        for index, (left, right) in enumerate(zip(one["cells"], other["cells"], strict=True))
        if left["cell_type"] == "code" and comparable(left) != comparable(right)
    }


def figures(document: dict[str, Any], cells: Iterable[int] | None = None) -> list[Any]:
    """The pixels of every image output, in order; of these ``cells`` only, if given."""
    return [
        content
        for index in (range(len(document["cells"])) if cells is None else cells)
        if document["cells"][index]["cell_type"] == "code"
        for output in comparable(document["cells"][index])[1]
        if isinstance(output[1], dict)
        for mime, content in output[1].items()
        if mime.startswith("image/")
    ]


def notebook_from_gallery(source: str) -> dict[str, Any]:
    """A sphinx-gallery script as a notebook: its docstring and comment blocks are Markdown."""
    cells = []
    for block in _blocks(source):
        text = [line for line in block if line.startswith("#")] if _BLOCK.match(block[0]) else []
        prose = block[: _prose_length(block)] if text else []
        code = "\n".join(block[len(prose) :]).strip()
        if prose[1:]:
            cells.append(nbformat.v4.new_markdown_cell("\n".join(line[1:].strip() for line in prose[1:])))
        if code:
            cells.append(nbformat.v4.new_code_cell(code))
    return dict(nbformat.v4.new_notebook(cells=cells))


def report(rows: list[Row]) -> str:
    """The page: what was done, the sums, a line per notebook."""
    packages = sorted({row.package for row in rows})
    total = partial(_sum, rows)
    lines = [
        "# Fidelity",
        "",
        "Notebooks that come with other projects, executed by nbdash's `fork` engine (twice) and by",
        "nbclient in a Jupyter kernel. Two figures are the same if every pixel is. Where the engine and",
        "the kernel differ, a second kernel tells what varies by itself: random numbers, times.",
        "`python -m benchmarks.fidelity` makes this page.",
        "",
        f"{len(rows)} notebooks from {len(packages)} source distributions ({', '.join(packages)}),",
        f"drawn by Matplotlib {version('matplotlib')}.",
        f"Figures: {total('kernel_figures')} from a kernel, {total('fork_figures')} from the `fork` engine,",
        f"{total('rerun_figures')} in its rerun, {total('page_figures')} on the published pages,",
        f"{total('rerun_page_figures')} on them after a Rerun; {total('varying_figures')} of the kernel's vary, and",
        f"{total('same_pixels')} of the others are the same.",
        f"Code cells: {total('code_cells')}, of which {total('varying_cells')} vary in a kernel and",
        f"{total('differing_cells')} of the others differ in any output.",
        f"Kernels took {total('kernel_seconds')} s, forks {total('fork_seconds')} s.",
        f"{sum(row.page_figures is not None for row in rows)} were published; "
        f"{sum(bool(row.page_figures) for row in rows)} of their pages have figures.",
        "A dash stands where a cell of the notebook fails: nothing is published then.",
        "",
        "| source distribution | notebook | kernel | fork | rerun | page | rerun | vary | same | cells"
        " | vary | differ |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *map(_line, rows),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    counts = (
        row.kernel_figures,
        row.fork_figures,
        row.rerun_figures,
        "–" if row.page_figures is None else row.page_figures,
        "–" if row.rerun_page_figures is None else row.rerun_page_figures,
        row.varying_figures,
        row.same_pixels,
        row.code_cells,
        row.varying_cells,
        row.differing_cells,
    )
    return f"| {row.package} | {row.name} | {' | '.join(map(str, counts))} |"


def _sum(rows: list[Row], name: str) -> int:
    return round(sum(getattr(row, name) or 0 for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the source distributions are")
    parser.add_argument("--packages", nargs="*", default=PACKAGES, help="what to download if it is not there")
    parser.add_argument("--each", type=int, default=10, help="notebooks per package at most")
    parser.add_argument("--write", type=Path, default=Path("docs/fidelity.md"))
    return parser.parse_args()


def _download(packages: Iterable[str], folder: Path) -> None:
    for package in packages:
        if not any(folder.glob(f"{package.replace('-', '?')}-*.tar.gz")):
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", package, package]
            subprocess.run(command, cwd=folder, check=False)


def _foreign_notebooks(folder: Path, scratch: Path, each: int) -> Iterator[Foreign]:
    for archive in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(archive) as file:
            file.extractall(scratch / archive.stem, filter="data")
        found = [
            Foreign(package=archive.name.removesuffix(".tar.gz"), path=path, document=document)
            for path in _candidates(scratch / archive.stem)
            if (document := _read(path)) is not None
        ]
        step = max(1, len(found) // each)
        yield from found[::step][:each]


def _candidates(folder: Path) -> list[Path]:
    galleries = [p for p in folder.rglob("*.py") if {"galleries", "examples"} & set(p.parts[-4:-1])]
    notebooks = [p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
    return sorted(notebooks) + sorted(galleries)


def _read(path: Path) -> dict[str, Any] | None:
    """The notebook, if it can run here: it draws (or is a notebook), and needs nothing from outside."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if _UNFIT.search(text) or (path.suffix == ".py" and "plt." not in text):
        return None
    try:
        document = notebook_from_gallery(text) if path.suffix == ".py" else dict(nbformat.read(path, as_version=4))
    except Exception:
        return None
    language = document["metadata"].get("kernelspec", {}).get("language", "python")
    for cell in document["cells"]:
        cell.setdefault("id", nbformat.v4.new_code_cell().id)
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    has_code = any(cell["cell_type"] == "code" and cell["source"].strip() for cell in document["cells"])
    return document if has_code and language == "python" else None


def _run_kernel(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    notebook = nbformat.from_dict(document)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        allow_errors=True,
        timeout=60,
    )
    return dict(client.execute())


def _timed(run: Any) -> tuple[dict[str, Any], float]:
    began = perf_counter()
    return run(), perf_counter() - began


def _blocks(source: str) -> Iterator[list[str]]:
    """The lines between the gallery's separators, each block with its own."""
    block: list[str] = []
    for line in source.splitlines():
        if _BLOCK.match(line) and block:
            yield block
            block = []
        block.append(line)
    yield block


def _prose_length(block: list[str]) -> int:
    """The lines of comment that a block begins with."""
    return next((i for i, line in enumerate(block) if not line.startswith("#")), len(block))


if __name__ == "__main__":
    main()
