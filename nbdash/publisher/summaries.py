"""Dashboards as lists tell them: a few questions to the store for any number of them.

What is immutable is remembered: the figures of a run that has succeeded, the parameters of a version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from nbdash.model import Audience, Dashboard, DashboardState, Figure, Parameter, RunState, Version
from nbdash.notebook.parameters import find_parameters
from nbdash.publisher.publication import Publisher
from nbdash.store import Outline, Store

#: More than any list that is looked through again and again.
REMEMBERED = 20_000
EVERY_DASHBOARD = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A dashboard as the index shows it."""

    slug: str
    title: str
    state: DashboardState
    data_at: datetime | None
    current_run: str | None
    active_run: str | None
    thumbnail: Figure | None
    figures: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DashboardSummary(Entry):
    """A dashboard as the API tells it."""

    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnpublishedSummary:
    """A dashboard of which no run has succeeded yet: its author alone is told of it."""

    slug: str
    title: str
    last: RunState | None  #: how its last run stands; None: it has none

    @property
    def state(self) -> DashboardState:
        """The state chip it would have."""
        return DashboardState.FAILED if self.last in (RunState.FAILED, RunState.LOST) else DashboardState.NEW


class Summaries:
    """Lists of dashboards. Thread-safe, like the store it stands on."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher
        self._pictures: dict[str, _Pictures] = {}
        self._parameters_of: Callable[[Version], tuple[Parameter, ...]] = lru_cache(REMEMBERED)(self._read_parameters)

    def listed(
        self, after: str | None, limit: int, audience: Audience | None = None
    ) -> tuple[list[Dashboard], str | None]:
        """Listed dashboards by slug, and the slug after which the next ones start."""
        dashboards = self._store.list_dashboards(after=after, limit=limit, audience=audience)
        return dashboards, dashboards[-1].slug if len(dashboards) == limit else None

    def entries(self, dashboards: Sequence[Dashboard]) -> list[Entry]:
        """These dashboards for the index; those that have been removed since are left out."""
        outlines = self._store.outlines(dashboard.id for dashboard in dashboards)
        pictures = self._pictures_of(outlines)
        return [_entry(each, outlines[each.id], pictures) for each in dashboards if each.id in outlines]

    def summaries(self, dashboards: Sequence[Dashboard]) -> list[DashboardSummary]:
        """The same with their parameters."""
        versions = self._store.versions_shown(dashboard.id for dashboard in dashboards)
        parameters = {
            each.slug: self._parameters_of(versions[each.id]) if each.id in versions else () for each in dashboards
        }
        return [_with_parameters(entry, parameters[entry.slug]) for entry in self.entries(dashboards)]

    def unpublished(self) -> list[UnpublishedSummary]:
        """Dashboards that no viewer sees yet, by slug."""
        known = self._store.list_dashboards(limit=EVERY_DASHBOARD, include_unlisted=True)
        return [self._unpublished(dashboard) for dashboard in known if not dashboard.listed]

    def _unpublished(self, dashboard: Dashboard) -> UnpublishedSummary:
        runs = self._store.runs(dashboard.id, limit=1)
        return UnpublishedSummary(slug=dashboard.slug, title=dashboard.title, last=runs[0].state if runs else None)

    def _read_parameters(self, version: Version) -> tuple[Parameter, ...]:
        return find_parameters(self._publisher.notebook_of(version))

    def _pictures_of(self, outlines: Mapping[int, Outline]) -> Mapping[str, _Pictures]:
        """By run; what a run that has succeeded shows never changes."""
        wanted = {outline.current_run for outline in outlines.values() if outline.current_run}
        known = {run_id: found for run_id in wanted if (found := self._pictures.get(run_id)) is not None}
        missing = wanted - known.keys()
        if missing:
            figures = self._store.figures(missing)
            new = {run_id: _pictures(figures.get(run_id, ())) for run_id in missing}
            if len(self._pictures) + len(new) > REMEMBERED:
                self._pictures.clear()
            self._pictures.update(new)
            known |= new
        return known


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pictures:
    """What a list tells of a run's figures."""

    first: Figure | None
    count: int


def _pictures(figures: Sequence[Figure]) -> _Pictures:
    return _Pictures(first=figures[0] if figures else None, count=len(figures))


_NONE = _Pictures(first=None, count=0)


def _entry(dashboard: Dashboard, outline: Outline, pictures: Mapping[str, _Pictures]) -> Entry:
    shown = pictures[outline.current_run] if outline.current_run else _NONE
    return Entry(
        slug=dashboard.slug,
        title=dashboard.title,
        state=state_of(outline.current_run, outline.active_run, has_failed=outline.has_failed),
        data_at=outline.data_at,
        current_run=outline.current_run,
        active_run=outline.active_run,
        thumbnail=shown.first,
        figures=shown.count,
    )


def _with_parameters(entry: Entry, parameters: tuple[Parameter, ...]) -> DashboardSummary:
    return DashboardSummary(
        slug=entry.slug,
        title=entry.title,
        state=entry.state,
        data_at=entry.data_at,
        current_run=entry.current_run,
        active_run=entry.active_run,
        thumbnail=entry.thumbnail,
        figures=entry.figures,
        parameters=parameters,
    )


def state_of(current: object | None, active: object | None, *, has_failed: bool) -> DashboardState:
    """A dashboard's state chip, from the run that viewers see and the one under way."""
    if active is not None:
        return DashboardState.RUNNING if current is not None else DashboardState.NEW
    if has_failed:
        return DashboardState.FAILED
    return DashboardState.FRESH if current is not None else DashboardState.NEW
