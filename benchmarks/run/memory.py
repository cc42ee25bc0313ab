"""What a run and a viewer cost in memory, in MiB."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks.run.bench import NOTEBOOKS, Bench
from benchmarks.run.pages import serving_voila
from benchmarks.run.product import Product
from benchmarks.run.rerun import execute_whole
from benchmarks.run.samples import Samples
from nbdash.engine.choose import make_engine

VISITORS = 2
VIEWERS = 100
_MIB = 1024**2
#: In the run's last cell: the run's own process tells what no other shares.
_TELLS = "print([line.split()[1] for line in open('/proc/self/smaps_rollup') if line.startswith('Private_Dirty')][0])"


def measure(bench: Bench) -> Samples:
    """Private dirty memory of a run; private memory of the servers for one viewer more."""
    page = NOTEBOOKS / "rivers.ipynb"
    with Product(bench) as product:
        address = f"{product.url}d/{product.publish(page)}"
        viewers = _viewers(product.process.pid, address)
    return {"run": run_memory(bench), "nbdash viewer": [viewers], "Voilà visitor": [_visitors(bench, page)]}


def run_memory(bench: Bench) -> list[float]:
    """A run of ten tiny cells and one that tells; the first run of a zygote is left out."""
    notebook = with_cell(NOTEBOOKS / "tiny.ipynb", _TELLS, bench.scratch / "telling.ipynb")
    with contextlib.closing(make_engine("fork")) as engine:
        documents = [execute_whole(engine, bench, notebook)[1] for _ in range(bench.rounds + 1)]
    told = [document["cells"][-1]["outputs"][0]["text"] for document in documents[1:]]
    return [int(text) / 1024 for text in told]


def with_cell(path: Path, source: str, copy: Path) -> Path:
    """The notebook with one cell more."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document["cells"].append({**document["cells"][-1], "id": "telling", "source": source})
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


def _viewers(pid: int, address: str) -> float:
    """MiB for each of many viewers that have got the page; as many came before."""
    _look(address, VIEWERS)
    before = private_memory(pid)
    _look(address, VIEWERS)
    return (private_memory(pid) - before) / VIEWERS


def _look(address: str, times: int) -> None:
    for _ in range(times):
        request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.read()


def _visitors(bench: Bench, notebook: Path) -> float:
    """MiB for each of some visitors of Voilà, whose pages stay open; the first came before."""
    with serving_voila(bench, notebook) as (url, pid):
        _look(url, 1)
        before = private_memory(pid)
        _look(url, VISITORS)
        return (private_memory(pid) - before) / VISITORS


def private_memory(pid: int) -> float:
    """MiB that only this process and those it started have."""
    time.sleep(1)  # what is being given back is given back
    root = psutil.Process(pid)
    return sum(each.memory_full_info().uss for each in (root, *root.children(recursive=True))) / _MIB
