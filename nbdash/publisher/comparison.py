"""What running only the needed cells changes, and what changes from run to run: ``check --run``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from nbdash.config import Settings
from nbdash.engine.base import Engine
from nbdash.model import CellKind, Failure, Finding, Notebook, Plan, Selection, Severity
from nbdash.notebook.plan import make_plan
from nbdash.publisher.execution import Observe, execute, job_from

#: The rules that need a run; those that need none are in :mod:`nbdash.notebook.checks`.
RULES: Mapping[str, str] = {
    "NB201": "A figure comes out different when only the needed cells run.",
    "NB202": "A figure comes out different from one run to the next.",
    "NB203": "The notebook fails when it runs.",
}

#: The pictures of each card, by the card's cell.
Pictures: TypeAlias = Mapping[int, Sequence[str]]


def find_differences(
    notebook: Notebook,
    engine: Engine,
    *,
    folder: Path,
    settings: Settings,
    python: str | None = None,
    observer: Callable[[Plan], Observe | None] = lambda _: None,
) -> tuple[Finding, ...]:
    """Execute ``needed`` twice and ``all`` once, and compare the figures of the cards.

    ``observer`` is told each plan before it runs.  A run that fails is a finding, the only one.
    """

    def pictures(selection: Selection) -> Pictures:
        plan = make_plan(notebook, selection)
        job = job_from(
            plan,
            folder=folder,
            settings=settings,
            python=python,
            draws_all=selection is Selection.ALL,
        )
        execution = execute(plan, job, engine, observe=observer(plan))
        if execution.outcome.failure is not None:
            raise _RunFailed(selection, execution.outcome.failure)
        return _pictures_of(plan, execution.document)

    try:
        first, second = pictures(Selection.NEEDED), pictures(Selection.NEEDED)
        whole = pictures(Selection.ALL)
    except _RunFailed as failed:
        return (_failure_finding(failed),)
    by_chance = _differing(first, second)
    by_selection = [index for index in _differing(first, whole) if index not in by_chance]
    return (*map(_selection_finding, by_selection), *map(_chance_finding, by_chance))


class _RunFailed(Exception):
    def __init__(self, selection: Selection, failure: Failure) -> None:
        super().__init__(failure.message)
        self.selection = selection
        self.failure = failure


def _failure_finding(failed: _RunFailed) -> Finding:
    return Finding(
        rule="NB203",
        severity=Severity.ERROR,
        index=failed.failure.index,
        message=f"The run with --cells {failed.selection} failed: {failed.failure.message}",
        fix=f"mend the cell, or see more with 'nbdash run --cells {failed.selection}'",
    )


def _selection_finding(index: int) -> Finding:
    return Finding(
        rule="NB201",
        severity=Severity.ERROR,
        index=index,
        message=RULES["NB201"],
        fix="tag the cells that it depends on 'dash-setup'",
    )


def _chance_finding(index: int) -> Finding:
    return Finding(
        rule="NB202",
        severity=Severity.WARNING,
        index=index,
        message=RULES["NB202"],
        fix="seed the random numbers, unless each run is meant to be another",
    )


def _pictures_of(plan: Plan, document: Mapping[str, Any]) -> Pictures:
    """The PNG images of each card that runs, as base64."""
    return {
        card.index: [
            output["data"]["image/png"]
            for output in document["cells"][card.index]["outputs"]
            if "image/png" in output.get("data", {})
        ]
        for card in plan.cards
        if card.kind is CellKind.CODE
    }


def _differing(one: Pictures, other: Pictures) -> tuple[int, ...]:
    return tuple(index for index in sorted(one) if index in other and one[index] != other[index])
