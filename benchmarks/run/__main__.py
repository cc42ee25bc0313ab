"""``python -m benchmarks.run``; see :mod:`benchmarks.run`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

import benchmarks.run
from benchmarks.remarks import remarks_in
from benchmarks.run import latency, memory, pages, rerun, throughput, tiny
from benchmarks.run.bench import ROOT, Bench, install_peers, two_processors
from benchmarks.run.report import report
from benchmarks.run.samples import Samples

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
ROUNDS, QUICK_ROUNDS = 5, 2
_VERSIONED = ("matplotlib", "ipykernel", "nbclient", "voila", "granian", "pandas")
_TELL_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""

#: Each measure's samples, by the names that the targets know.
MEASURES: dict[str, Callable[[Bench], dict[str, Samples]]] = {
    "rerun": rerun.measure,
    "tiny": lambda bench: {"tiny": tiny.measure(bench)},
    "memory": lambda bench: {"memory": memory.measure(bench)},
    "latency": lambda bench: {"latency": latency.measure(bench)},
    "throughput": lambda bench: {"throughput": throughput.measure(bench)},
    "pages": pages.measure,
}


def main() -> None:
    """Measures, writes the samples, and makes the page of them."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped then too
    logging.disable(logging.WARNING)
    if not arguments.page_only:
        result = _measure_all(arguments)
        arguments.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    result = json.loads(arguments.results.read_text(encoding="utf-8"))
    page: Path = arguments.write
    page.write_text(report(result, remarks_in(page)), encoding="utf-8")


def _measure_all(arguments: argparse.Namespace) -> dict[str, Any]:
    python = install_peers(arguments.peers)
    load, measures = os.getloadavg()[0], {}
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    processors = two_processors()
    for name in arguments.only or MEASURES:
        with tempfile.TemporaryDirectory() as scratch:
            bench = Bench(python=python, scratch=Path(scratch), rounds=rounds, processors=processors)
            began = time.monotonic()
            measures.update(MEASURES[name](bench))
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    about = {"rounds": rounds, "processors": len(processors), "load": load, "versions": _versions(python)}
    return {"about": about, "measures": measures}


def _versions(python: str) -> dict[str, str]:
    told = subprocess.run(
        [python, "-c", _TELL_VERSIONS, *_VERSIONED], capture_output=True, text=True, check=True
    ).stdout
    return {"Python": sys.version.split()[0], **json.loads(told)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description=benchmarks.run.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cache = Path(platformdirs.user_cache_dir("nbdash-benchmarks", appauthor=False))
    parser.add_argument("--peers", type=Path, default=cache / "peers", help="folder of the peers' environment")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--only", nargs="*", choices=MEASURES, help="these measures alone")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the samples go")
    parser.add_argument("--write", type=Path, default=PAGE, help="the page that is made of them")
    parser.add_argument("--page-only", action="store_true", help="make the page of the samples that are there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
