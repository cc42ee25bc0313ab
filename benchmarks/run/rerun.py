"""A rerun of a notebook: engine and product beside a kernel, a plain script and a warm process."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.run.bench import NOTEBOOKS, PEERS, Bench, Peer, peer_environment
from benchmarks.run.product import Product
from benchmarks.run.samples import Samples, in_rounds
from nbdash.config import Settings
from nbdash.engine.base import Engine
from nbdash.engine.choose import make_engine
from nbdash.model import Selection
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import read_notebook
from nbdash.publisher.execution import execute, job_from
from nbdash.store.pictures import PictureFolder

Run = Callable[[Path], tuple[float, int]]  #: seconds and figures of one notebook


def measure(bench: Bench) -> dict[str, Samples]:
    """By kind of notebook the seconds of each contender."""
    with contenders(bench) as runs:
        kinds = {
            "new": NOTEBOOKS / "harbour.ipynb",
            "unchanged": with_seed(NOTEBOOKS / "harbour.ipynb", bench.scratch / "unchanged.ipynb"),
            "larger": NOTEBOOKS / "port.ipynb",
            "computing": NOTEBOOKS / "rivers.ipynb",
        }
        return {kind: measure_notebook(bench.rounds, runs, path) for kind, path in kinds.items()}


def measure_notebook(rounds: int, runs: dict[str, Run], path: Path) -> Samples:
    """Seconds; each contender has executed the notebook once before. All must have drawn the same figures."""
    counts = {name: run(path)[1] for name, run in runs.items()}
    if len(set(counts.values())) != 1:
        raise AssertionError(f"{path.name} has not the same figures everywhere: {counts}")
    return in_rounds(rounds, {name: lambda run=run: run(path)[0] for name, run in runs.items()})


def with_seed(path: Path, copy: Path) -> Path:
    """The notebook with data that are the same at every run."""
    text = path.read_text(encoding="utf-8")
    if '"seed = None"' not in text:
        raise AssertionError(f"{path.name} has no cell 'seed = None'.")
    copy.write_text(text.replace('"seed = None"', '"seed = 7"'), encoding="utf-8")
    return copy


@contextlib.contextmanager
def contenders(bench: Bench) -> Iterator[dict[str, Run]]:
    """Warm ones; the script is cold by nature."""
    with (
        contextlib.closing(make_engine("fork", pictures=PictureFolder(bench.scratch / "pictures"))) as engine,
        Product(bench) as product,
        Peer(bench, "kernel.py") as kernel,
        Peer(bench, "serial.py") as serial,
    ):
        yield {
            "fork engine": lambda path: run_engine(engine, bench, path),
            "product": product.timed_rerun,
            "nbclient": lambda path: _answer(kernel, path),
            "script": lambda path: run_script(bench, path),
            "serial": lambda path: _answer(serial, path),
        }


def run_engine(engine: Engine, bench: Bench, path: Path) -> tuple[float, int]:
    """All cells with the engine."""
    seconds, document = execute_whole(engine, bench, path)
    return seconds, json.dumps(document).count('"image/png"')


def execute_whole(engine: Engine, bench: Bench, path: Path) -> tuple[float, dict[str, Any]]:
    """Seconds, and the executed notebook. All its cells run, and draw."""
    plan = make_plan(read_notebook(path), Selection.ALL)
    job = job_from(plan, folder=path.parent, settings=Settings(data=bench.scratch), python=bench.python, draws_all=True)
    job = replace(job, dashboard=path.stem)
    began = perf_counter()
    done = execute(plan, job, engine)
    seconds = perf_counter() - began
    if done.outcome.failure:
        raise AssertionError(done.outcome.failure.message)
    return seconds, done.document


def run_script(bench: Bench, path: Path) -> tuple[float, int]:
    """A whole process."""
    folder = bench.scratch / "script"
    folder.mkdir(exist_ok=True)
    for picture in folder.iterdir():
        picture.unlink()
    command = [bench.python, str(PEERS / "script.py"), str(path), str(folder)]
    began = perf_counter()
    subprocess.run(command, env=peer_environment(bench.python), check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began, len(list(folder.iterdir()))


def _answer(peer: Peer, path: Path) -> tuple[float, int]:
    answer = peer.ask(path)
    return answer["seconds"], answer["figures"]
