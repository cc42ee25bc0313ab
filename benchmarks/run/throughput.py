"""Sixteen runs of different dashboards: all at once beside one after the other."""

from __future__ import annotations

import shutil
from datetime import datetime
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.run.bench import NOTEBOOKS, Bench
from benchmarks.run.product import Product
from benchmarks.run.samples import Samples

RUNS = 16


def measure(bench: Bench) -> Samples:
    """Runs per second; and of those at once the slowest one's seconds over the median one's."""
    samples: Samples = {"at once": [], "one after the other": [], "slowest over median": []}
    with Product(bench, workers=RUNS) as product:
        slugs = [_publish(bench, product, number) for number in range(RUNS)]
        for _ in range(max(bench.rounds // 2, 1)):
            began = perf_counter()
            for slug in slugs:
                _finished(product, product.rerun(slug))
            samples["one after the other"].append(RUNS / (perf_counter() - began))
            began = perf_counter()
            runs = [product.rerun(slug) for slug in slugs]
            runs = [_finished(product, run) for run in runs]
            samples["at once"].append(RUNS / (perf_counter() - began))
            seconds = [_seconds(run) for run in runs]
            samples["slowest over median"].append(max(seconds) / median(seconds))
    return samples


def _publish(bench: Bench, product: Product, number: int) -> str:
    notebook = bench.scratch / f"light-{number}.ipynb"
    shutil.copy(NOTEBOOKS / "light.ipynb", notebook)
    return product.publish(notebook)


def _finished(product: Product, run: dict[str, Any]) -> dict[str, Any]:
    run = product.finish(run)
    assert run["state"] == "succeeded", run
    return run


def _seconds(run: dict[str, Any]) -> float:
    """From the request to the end, as the server says."""
    queued, finished = (datetime.fromisoformat(run[name]) for name in ("queued_at", "finished_at"))
    return (finished - queued).total_seconds()
