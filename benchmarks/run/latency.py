"""From the press of Rerun to the first new figure: what comes on top of the cells' own time."""

from __future__ import annotations

from time import perf_counter

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
    """Seconds to the first new card with its figure, and how many of them the cells up to there took."""
    began, seen, cells = perf_counter(), 0, 0.0
    run = product.rerun(slug)
    while run["state"] in ("queued", "running"):
        answer = product.ask(f"api/v1/runs/{run['id']}?png=0&after={seen}&wait=20")
        run, seen = answer["run"], answer["next"]
        for event in answer["events"]:
            cells += event.get("seconds") or 0.0
            if event["kind"] == "cell_end" and event.get("card"):
                card = product.fetch(f"d/{slug}/runs/{run['id']}/cards/{event['card']}")
                assert b"data:image/png" in card
                seconds = perf_counter() - began
                product.finish(run)
                return seconds, cells
    raise AssertionError(f"The run has made no figure: {run}")
