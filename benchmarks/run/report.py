"""The page about speed, made of a result file alone."""

from __future__ import annotations

from typing import Any

from benchmarks.remarks import MARKER
from benchmarks.run.samples import spread_of
from benchmarks.run.targets import TARGETS, Measures, Target

#: The load average of a machine with other work; at the end of a run it is the benchmark's own.
_BUSY = 3.0
_INTRODUCTION = """\
# Performance

Measured by `python -m benchmarks.run` on {processors} processors, everything in one run and side by side:
{rounds} rounds, in each of which every contender has its turn. Shown are medians (least to most) of the ratios within
the rounds. When the run began the machine's load average was {began}: {quiet}.

{versions}. The peers, and the notebooks' libraries, are in an environment of their own
([requirements.txt](../benchmarks/requirements.txt)); nbdash runs notebooks with that Python too. The samples of this
run are in [results.json](../benchmarks/results.json).

"""


def report(result: dict[str, Any], remarks: str) -> str:
    """The page; ``remarks`` are what was written by hand below the marker."""
    measures: Measures = result["measures"]
    known = [target for target in TARGETS if _values(target, measures)]
    left_out = [target.work for target in TARGETS if target not in known]
    lines = [
        _introduction(result["about"]),
        "| work | beside | goal | measured | |",
        "|---|---|--:|--:|---|",
        *(_row(target, measures) for target in known),
        "",
        *([f"Not measured in this run: {'; '.join(left_out)}.", ""] if left_out else []),
        *_absolute(measures),
        MARKER,
    ]
    return "\n".join(lines) + f"\n{remarks}"


def _introduction(about: dict[str, Any]) -> str:
    is_busy = about["load"] > _BUSY
    quiet = "**it had other work to do, so these numbers are no verdict**" if is_busy else "it had little else to do"
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return _INTRODUCTION.format(
        processors=about["processors"],
        rounds=about["rounds"],
        began=f"{about['load']:.1f}",
        quiet=quiet,
        versions=versions,
    )


def _values(target: Target, measures: Measures) -> list[float]:
    try:
        return target.values(measures)
    except KeyError:
        return []


def _row(target: Target, measures: Measures) -> str:
    spread = spread_of(target.values(measures))
    measured = f"**{target.shown(spread.median)}** ({target.shown(spread.least)} to {target.shown(spread.most)})"
    verdict = "reached" if target.is_met(spread.median) else "**missed**"
    return f"| {target.work} | {target.beside} | {target.goal} | {measured} | {verdict} |"


def _absolute(measures: Measures) -> list[str]:
    """What the ratios are of."""
    lines = ["## In absolute numbers", "", "| | median (least to most) |", "|---|--:|"]
    named = {
        "new": "rerun, all figures new: {} (s)",
        "unchanged": "rerun, data unchanged: {} (s)",
        "larger": "rerun, twice as much to draw: {} (s)",
        "computing": "rerun, computing as long as drawing: {} (s)",
        "tiny": "ten tiny cells: {} (s)",
        "page": "page of five figures: {}",
        "small page": "small page: {}",
        "memory": "memory: {} (MiB)",
        "latency": "Rerun to first figure: {} (s)",
        "throughput": "16 runs: {}",
    }
    for measure, text in named.items():
        for contender, values in measures.get(measure, {}).items():
            spread = spread_of(values)
            numbers = f"{_number(spread.median)} ({_number(spread.least)} to {_number(spread.most)})"
            is_rate = "page" in measure and contender != "bytes"
            lines.append(f"| {text.format(contender)}{' (requests/s)' if is_rate else ''} | {numbers} |")
    return [*lines, ""]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
