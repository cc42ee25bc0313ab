"""Many notebooks, a few at a time: executed by an engine, compared with a kernel's runs, and the results kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nbdash.engine.base import Engine
from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.forked import ForkEngine
from nbdash.engine.memory import MemoryPictures
from tests.conformance.comparison import WHOLE, Compared, Difference, compare
from tests.conformance.execution import Case, Executed, Oracle, run_engine, run_resumed, run_whole

#: Two kernels may print the same time by chance: what has not varied yet is run again up to this often.
REPEATS = 3


@dataclass(frozen=True, kw_only=True)
class EngineMode:
    """The ``fork`` engine with some of its ways to save time on or off."""

    drawers: int | None = None  #: as ForkEngine's
    #: Each notebook is executed twice, the second time with the pictures of the first, and that is compared.
    reuses: bool = False
    #: Each is executed from a checkpoint half-way, and compared with runs of the engine that execute all of it.
    resumes: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


#: For ``--engine-mode``.
MODES: Mapping[str, EngineMode] = {
    "default": EngineMode(),
    "plain": EngineMode(drawers=0),
    "reuse": EngineMode(reuses=True),
    "reuse-alone": EngineMode(reuses=True, drawers=1),
    "resume": EngineMode(resumes=True),
    "verify": EngineMode(reuses=True, environment={"NBDASH_VERIFY_FIGURES": "1"}),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One notebook, compared; or why it could not be."""

    package: str
    name: str
    compared: Compared | None
    left_out: str = ""  #: a rule that only running it can apply
    is_resumed: bool = False  #: it did start at the checkpoint

    def sentences(self) -> list[str]:
        """Each difference, for a person."""
        if self.compared is None:
            return []
        return [
            f"cell {each.cell + 1}, {each.place}\n  kernel: {each.kernel}\n  engine: {each.engine}"
            for each in self.compared.differences
        ]


class Suite:
    """Compares cases ahead of whoever asks for their findings, in the order in which they were given."""

    def __init__(self, mode: EngineMode, *, cache: Path, jobs: int, cell_seconds: int) -> None:
        self.pictures = MemoryPictures()
        self._mode = mode
        self._engine: Engine = ForkEngine(
            drawers=mode.drawers,
            pictures=self.pictures if mode.reuses else None,
            checkpoints=CheckpointRules(least_seconds=0.0),
        )
        #: Addresses are the same in all runs that are forked from one process.
        self._other: Engine = ForkEngine()
        self._oracle = Oracle(cache / "kernels", cell_seconds)
        self._cell_seconds = cell_seconds
        self._pool = ThreadPoolExecutor(max_workers=jobs)
        self._findings: dict[tuple[str, str], Future[Finding]] = {}

    def begin(self, cases: Iterable[Case]) -> None:
        """Start with these, unless that was done before."""
        for case in cases:
            key = (case.package, case.name)
            if key not in self._findings:
                self._findings[key] = self._pool.submit(self._compare, case)

    def finding(self, case: Case) -> Finding:
        """What came of it."""
        self.begin([case])
        return self._findings[case.package, case.name].result()

    def close(self) -> None:
        """Wait for what is under way, and end the engine."""
        self._pool.shutdown(cancel_futures=True)
        self._engine.close()
        self._other.close()

    def _compare(self, case: Case) -> Finding:
        kernels = [self._oracle.run(case, 0)]
        if kernels[0].ending == "timeout":
            return Finding(
                package=case.package,
                name=case.name,
                compared=None,
                left_out=f"a cell takes a kernel more than {self._cell_seconds} s",
            )
        if self._mode.resumes:
            return self._compare_resumed(case)
        compared = self._explained(self._run_engine(case), kernels, lambda number: self._oracle.run(case, number))
        if f"{case.package}/{case.name}" in self.pictures.distrusted:
            told = Difference(cell=WHOLE, place="fingerprint", kernel="tells figures apart", engine="does not")
            compared = replace(compared, differences=[*compared.differences, told])
        return Finding(package=case.package, name=case.name, compared=compared)

    def _compare_resumed(self, case: Case) -> Finding:
        def run(number: int) -> Executed:
            engine = self._other if number % 2 else self._engine
            return run_whole(engine, case, self._cell_seconds)

        executed, is_resumed = run_resumed(self._engine, case, self._cell_seconds)
        compared = self._explained(executed, [run(0)], run)
        return Finding(package=case.package, name=case.name, compared=compared, is_resumed=is_resumed)

    def _run_engine(self, case: Case) -> Executed:
        for _ in range(1 + self._mode.reuses):
            executed = run_engine(self._engine, case, self._cell_seconds)
        return executed

    def _explained(self, engine: Executed, kernels: list[Executed], run: Callable[[int], Executed]) -> Compared:
        """Kernels ``run`` again for as long as there is anything that they could explain."""
        compared = compare(engine, kernels)
        while compared.differences and len(kernels) <= REPEATS:
            kernels.append(run(len(kernels)))
            compared = compare(engine, kernels)
        return compared


def record_line(finding: Finding) -> str:
    """A line of a file of results."""
    return json.dumps(asdict(finding), ensure_ascii=False)
