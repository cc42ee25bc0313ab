"""Ten tiny cells: what a run costs that computes nothing."""

from __future__ import annotations

import contextlib
from time import perf_counter

from benchmarks.run.bench import NOTEBOOKS, Bench, Peer
from benchmarks.run.samples import Samples, in_rounds
from nbdash.config import Settings
from nbdash.model import Run, RunState, Selection
from nbdash.publisher.publication import Publisher, PublishOptions
from nbdash.store import Store, open_store
from nbdash.worker import Worker

NOTEBOOK = NOTEBOOKS / "tiny.ipynb"


def measure(bench: Bench) -> Samples:
    """Seconds: of nbdash from the claim of a queued run to its end in the store; of nbclient for ``execute``."""
    settings = Settings(data=bench.scratch / "tiny", reruns_per_minute=100000)
    with (
        open_store(settings.data) as store,
        contextlib.closing(Worker(store, settings)) as worker,
        Peer(bench, "kernel.py") as kernel,
    ):
        publisher = Publisher(store, settings)
        options = PublishOptions(slug="tiny", python=bench.python, selection=Selection.ALL)
        publisher.publish(NOTEBOOK, options)
        perform(store, worker)
        kernel.ask(NOTEBOOK)

        def rerun() -> float:
            publisher.submit("tiny", {})
            return perform(store, worker)

        contenders = {"claim to finished": rerun, "nbclient": lambda: float(kernel.ask(NOTEBOOK)["seconds"])}
        return in_rounds(bench.rounds * 2, contenders)


def perform(store: Store, worker: Worker) -> float:
    """Seconds from the claim to the end."""
    began = perf_counter()
    run: Run | None = store.claim_run("benchmark")
    assert run is not None
    worker.perform(run)
    seconds = perf_counter() - began
    assert store.run(run.id).state is RunState.SUCCEEDED
    return seconds
