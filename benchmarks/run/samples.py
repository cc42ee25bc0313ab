"""What was measured, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

#: Contender → what it took (or did), a number for each round.
Samples = dict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median, and the least and the most."""

    median: float
    least: float
    most: float


def spread_of(values: list[float]) -> Spread:
    """Of at least one value."""
    return Spread(median=median(values), least=min(values), most=max(values))


def ratios(samples: Mapping[str, list[float]], ours: str, theirs: str) -> list[float]:
    """Ours over theirs, round by round."""
    return [one / other for one, other in zip(samples[ours], samples[theirs], strict=True)]


def in_rounds(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> Samples:
    """Each contender once per round; who comes first changes from round to round."""
    samples: Samples = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            samples[name].append(contenders[name]())
    return samples
