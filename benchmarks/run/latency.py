"""From the press of Rerun to the first new figure: what comes on top of the cells' own time.

The cells' time is that of the run, from the start of its first cell until the first figure is drawn and its card is
there; on top come the request, the queue, the fork, the notice to the page and the fetching of the card.
"""

from __future__ import annotations

from datetime import datetime
from time import perf_counter
from typing import Any

from benchmarks.run.bench import NOTEBOOKS, Bench
from benchmarks.run.product import Product
from benchmarks.run.samples import Samples


def measure(bench: Bench) -> Samples:
    """Seconds over those of the cells, as the page asks over HTTP, and those of the cells."""
    samples: Samples = {"over": [], "cells": []}
    with Product(bench) as product:
        slug = product.publish(NOTEBOOKS / "light.ipynb")
        for _ in range(bench.rounds * 3):
            total, cells = first_figure(product, slug)
            samples["over"].append(total - cells)
            samples["cells"].append(cells)
    return samples


def first_figure(product: Product, slug: str) -> tuple[float, float]:
    """Seconds to the first new card with its figure, and those of its run from the first cell's start to that card."""
    began, seen, events = perf_counter(), 0, list[dict[str, Any]]()
    run = product.rerun(slug)
    while run["state"] in ("queued", "running"):
        answer = product.ask(f"api/v1/runs/{run['id']}?png=0&after={seen}&wait=20")
        run, seen = answer["run"], answer["next"]
        events += answer["events"]
        card = next((each for each in events if each["kind"] == "cell_end" and each.get("card")), None)
        if card is not None:
            page = product.fetch(f"d/{slug}/runs/{run['id']}/cards/{card['card']}")
            seconds = perf_counter() - began
            assert b"data:image/png" in page
            product.finish(run)
            first = next(each for each in events if each["kind"] == "cell_start")
            return seconds, _moment(card) - _moment(first)
    raise AssertionError(f"The run has made no figure: {run}")


def _moment(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()
