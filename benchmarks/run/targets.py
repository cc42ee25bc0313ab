"""The targets, each with what of the samples it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.run.samples import Samples, ratios

Measures = Mapping[str, Samples]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One row of the table."""

    work: str
    beside: str
    values: Callable[[Measures], list[float]]  #: one for each round
    most: float | None = None  #: the goal, if less is better
    least: float | None = None  #: the goal, if more is better
    unit: str = ""
    digits: int = 2

    @property
    def goal(self) -> str:
        """As the table says it."""
        sign, bound = ("≤", self.most) if self.most is not None else ("≥", self.least)
        assert bound is not None
        return f"{sign} {self.shown(bound)}"

    def shown(self, value: float) -> str:
        """A number with its unit."""
        return f"{value:,.{self.digits}f}{self.unit}"

    def is_met(self, value: float) -> bool:
        """Whether the goal is reached; nothing at all means nothing that the table would show."""
        if self.most is not None:
            return value <= (self.most or 0.5 * 10**-self.digits)
        return self.least is not None and value >= self.least


def _ratio(measure: str, ours: str, theirs: str) -> Callable[[Measures], list[float]]:
    return lambda measures: ratios(measures[measure], ours, theirs)


def _samples(measure: str, name: str, scale: float = 1) -> Callable[[Measures], list[float]]:
    return lambda measures: [value * scale for value in measures[measure][name]]


_KERNEL = "nbclient's `execute()`, warm client, fresh ipykernel"
_SCRIPT = "the cells as a plain script, whole process"
_SERIAL = "the cells executed and drawn serially, each figure once, in a warm process"


def _engine_beside_all(work: str, measure: str) -> tuple[Target, ...]:
    """The fork engine's rerun of a notebook beside the three other ways."""
    goals = {"nbclient": (_KERNEL, 0.18), "script": (_SCRIPT, 0.35), "serial": (_SERIAL, 0.65)}
    return tuple(
        Target(
            work="the same" if number else work, beside=beside, values=_ratio(measure, "fork engine", name), most=most
        )
        for number, (name, (beside, most)) in enumerate(goals.items())
    )


TARGETS = (
    *_engine_beside_all("rerun, figure-heavy, all figures new", "new"),
    Target(
        work="the same, whole product: Rerun to finished",
        beside=_SERIAL,
        values=_ratio("new", "product", "serial"),
        most=0.65,
    ),
    Target(
        work="the same, data unchanged, whole product",
        beside=_SERIAL,
        values=_ratio("unchanged", "product", "serial"),
        most=0.33,
    ),
    Target(
        work="the same, data unchanged, engine alone",
        beside=_SERIAL,
        values=_ratio("unchanged", "fork engine", "serial"),
        most=0.33,
    ),
    *_engine_beside_all("a notebook with twice as much to draw, all figures new", "larger"),
    *_engine_beside_all("a notebook that computes as long as it draws, all figures new", "computing"),
    Target(
        work="ten tiny cells, claim to finished",
        beside="nbclient, fresh ipykernel",
        values=_ratio("tiny", "claim to finished", "nbclient"),
        most=0.03,
        digits=3,
    ),
    Target(
        work="private dirty memory of a run of ten tiny cells",
        beside="Voilà per visitor: see below",
        values=_samples("memory", "run"),
        most=8,
        unit=" MiB",
        digits=1,
    ),
    Target(
        work="memory for one viewer more",
        beside="Voilà: see below",
        values=_samples("memory", "nbdash viewer"),
        most=0,
        unit=" MiB",
        digits=2,
    ),
    Target(
        work="stored page, requests per second, one processor",
        beside="nginx, static file of the same bytes",
        values=_ratio("page", "nbdash", "nginx"),
        least=0.30,
    ),
    Target(
        work="a small stored page",
        beside="nginx, static file of the same bytes",
        values=_ratio("small page", "nbdash", "nginx"),
        least=0.30,
    ),
    Target(
        work="stored page",
        beside="Voilà page view",
        values=_ratio("page", "nbdash", "Voilà"),
        least=1000,
        unit=" x",
        digits=0,
    ),
    Target(
        work="Rerun pressed to first new figure, over the time its cells take",
        beside="–",
        values=_samples("latency", "over", 1000),
        most=300,
        unit=" ms",
        digits=0,
    ),
    Target(
        work="16 runs of different dashboards at once, throughput",
        beside="one after the other",
        values=_ratio("throughput", "at once", "one after the other"),
        least=1.0,
    ),
    Target(
        work="none starved: the slowest of the 16",
        beside="their median",
        values=_samples("throughput", "slowest over median"),
        most=2.0,
    ),
)
