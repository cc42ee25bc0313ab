"""``python -m benchmarks.fidelity``; see :mod:`benchmarks.fidelity`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from subprocess import SubprocessError

from nbclient.exceptions import CellTimeoutError, DeadKernelError

import benchmarks.fidelity
from benchmarks.fidelity.measure import CELL_SECONDS, Row, measure
from benchmarks.fidelity.product import Product
from benchmarks.fidelity.report import Dropped, report, unexplained
from benchmarks.fidelity.sources import PACKAGES, Foreign, download, foreign_notebooks
from benchmarks.remarks import remarks_in
from nbdash.engine.choose import make_engine


def main() -> int:
    """Run all and write the page; 1 if a difference is left without a reason."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then too
    packages = dict(arguments.packages)
    download(packages, arguments.folder)
    rows, dropped = _measure_all(arguments.folder, packages)
    page: Path = arguments.write
    remarks = remarks_in(page)
    page.write_text(report(rows, dropped, remarks), encoding="utf-8")
    without = unexplained(rows, dropped, remarks)
    if without:
        print(f"Say below the marker in {page} why these differ: {', '.join(without)}.", file=sys.stderr)
    return 1 if without else 0


def _measure_all(folder: Path, packages: dict[str, int]) -> tuple[list[Row], list[Dropped]]:
    rows: list[Row] = []
    dropped: list[Dropped] = []
    with (
        closing(make_engine("fork")) as engine,
        tempfile.TemporaryDirectory() as scratch,
        tempfile.TemporaryDirectory() as data,
        Product(Path(data)) as product,
    ):
        for foreign in foreign_notebooks(folder, Path(scratch), packages):
            print(f"{foreign.package} {foreign.name}", file=sys.stderr)
            try:
                rows.append(measure(engine, foreign, product))
                print(f"    {rows[-1]}", file=sys.stderr)
            except (AssertionError, OSError, RuntimeError, SubprocessError) as error:
                dropped.append(_dropped(foreign, error))
                print(f"    {error}", file=sys.stderr)
    return rows, dropped


def _dropped(foreign: Foreign, error: Exception) -> Dropped:
    is_ours = not isinstance(error, CellTimeoutError | DeadKernelError)
    if isinstance(error, CellTimeoutError):
        reason = f"a cell takes a kernel more than {CELL_SECONDS} s"
    else:
        reason = f"nbdash: {type(error).__name__}" if is_ours else "the kernel dies"
    return Dropped(package=foreign.package, name=foreign.name, reason=reason, is_ours=is_ours)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fidelity",
        description=benchmarks.fidelity.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the source distributions are")
    parser.add_argument(
        "--packages",
        nargs="*",
        type=_count,
        default=PACKAGES.items(),
        metavar="NAME=COUNT",
        help="how many notebooks of which packages",
    )
    parser.add_argument("--write", type=Path, default=Path("docs/fidelity.md"))
    return parser.parse_args()


def _count(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    return name, int(count)


if __name__ == "__main__":
    sys.exit(main())
