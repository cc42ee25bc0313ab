"""Where dashboards stand: the run that viewers see, the one under way, whether the last one failed.

One question for any number of dashboards: a list of thousands costs what a page of it costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    FromClause,
    RowMapping,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)

from nbdash.model import Figure, Run, RunState, Version
from nbdash.store.base import StorePart
from nbdash.store.records import Outline, Standing, figures_from_json, outline_from_row, run_from_row, version_from_row
from nbdash.store.tables import cards, dashboards, pointers, runs, versions

#: Runs of a dashboard, newest first, among which a failure is looked for.
NEWEST = 20
#: Of one question: SQLite takes so many values, and more besides.
_AT_ONCE = 1000
_COUNTED = (RunState.SUCCEEDED, RunState.FAILED, RunState.LOST)
_FAILED = (RunState.FAILED, RunState.LOST)

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_KEY: BindParameter[str] = bindparam("key")

Id = TypeVar("Id", int, str)


class Standings(StorePart):
    """The methods that tell how dashboards stand."""

    def outlines(self, dashboard_ids: Iterable[int]) -> dict[int, Outline]:
        """How each of these dashboards stands with its default parameters; removed ones are left out."""
        rows = self._batched(_OUTLINE, dashboard_ids, key="")
        return {row["dashboard_id"]: outline_from_row(row) for row in rows}

    def standing(self, dashboard_id: int, parameters_key: str = "") -> Standing:
        """How a dashboard stands with these parameters, with the runs that make it so."""
        with self._database.read() as connection:
            outline = connection.execute(_OUTLINE, {"ids": [dashboard_id], "key": parameters_key}).mappings().first()
            seqs = {name: outline[f"{name}_seq"] if outline else None for name in ("current", "active", "failed")}
            found = connection.execute(select(runs).where(runs.c.seq.in_(seqs.values()))).mappings()
            by_seq: dict[int | None, Run] = {row["seq"]: run_from_row(row) for row in found}
        return Standing(**{name: by_seq.get(seq) for name, seq in seqs.items()})

    def versions_shown(self, dashboard_ids: Iterable[int]) -> dict[int, Version]:
        """By dashboard the version that viewers see, or the newest one while none has succeeded."""
        rows = self._batched(_VERSION_SHOWN, dashboard_ids)
        return {row["dashboard_id"]: version_from_row(row) for row in rows}

    def figures(self, run_ids: Iterable[str]) -> dict[str, tuple[Figure, ...]]:
        """The figures of each of these runs, in page order."""
        found: dict[str, list[Figure]] = {}
        for row in self._batched(_WITH_BLOBS, run_ids):
            found.setdefault(row["run_id"], []).extend(figures_from_json(row["content"]))
        return {run_id: tuple(figures) for run_id, figures in found.items()}

    def _batched(self, query: Select[Any], ids: Iterable[Id], **values: object) -> Iterator[RowMapping]:
        """The rows of a question that is asked about ``ids``, so many at a time."""
        listed = list(ids)
        for start in range(0, len(listed), _AT_ONCE):
            with self._database.read() as connection:
                given = {"ids": listed[start : start + _AT_ONCE], **values}
                rows = list(connection.execute(query, given).mappings())
            yield from rows


def _outline() -> Select[Any]:
    """A row per dashboard: the ``seq`` of its current, its active and its failed run, and what a list tells of them.

    The failed run is the newest that has ended, if it failed after the current one was queued.
    """
    current, active, last = runs.alias("current"), runs.alias("active"), runs.alias("last")
    is_newer = or_(current.c.seq.is_(None), last.c.seq > current.c.seq)
    columns = (
        dashboards.c.id.label("dashboard_id"),
        current.c.seq.label("current_seq"),
        current.c.id.label("current_run"),
        func.coalesce(current.c.data_at, current.c.started_at).label("data_at"),
        active.c.seq.label("active_seq"),
        active.c.id.label("active_run"),
        case((and_(last.c.state.in_(_FAILED), is_newer), last.c.seq)).label("failed_seq"),
    )
    pointer = and_(pointers.c.dashboard_id == dashboards.c.id, pointers.c.parameters_key == _KEY)
    return (
        select(*columns)
        .select_from(dashboards)
        .join(pointers, pointer, isouter=True)
        .join(current, current.c.id == pointers.c.run_id, isouter=True)
        .join(active, active.c.seq == _newest_active(), isouter=True)
        .join(last, last.c.seq == _newest_ended(current), isouter=True)
        .where(dashboards.c.id.in_(_IDS))
    )


def _newest_active() -> Any:
    """Found in the index of active runs, which are few; this is why states and versions are said as it says them."""
    run = runs.alias("under_way")
    own = select(versions.c.id).where(versions.c.dashboard_id == dashboards.c.id).correlate(dashboards)
    query = select(func.max(run.c.seq)).where(
        run.c.dashboard_id == dashboards.c.id,
        run.c.version_id.in_(own.scalar_subquery()),
        run.c.parameters_key == _KEY,
        literal_column("under_way.state IN ('queued', 'running')"),
    )
    return query.correlate(dashboards).scalar_subquery()


def _newest_ended(current: FromClause) -> Any:
    """The newest run of these parameters that has ended by itself, if it is among the dashboard's newest.

    A version whose publishing failed never was this dashboard's: its author alone was told.
    """
    run, recent = runs.alias("ended"), runs.alias("recent")
    oldest = select(recent.c.seq).where(recent.c.dashboard_id == dashboards.c.id)
    oldest = oldest.order_by(recent.c.seq.desc()).limit(1).offset(NEWEST - 1)
    is_foreign = and_(run.c.origin == "publish", run.c.version_id.is_distinct_from(dashboards.c.version_id))
    query = (
        select(run.c.seq)
        .where(
            run.c.dashboard_id == dashboards.c.id,
            run.c.parameters_key == _KEY,
            run.c.seq >= func.coalesce(oldest.correlate(dashboards).scalar_subquery(), 0),
            run.c.state.in_(_COUNTED),
            or_(current.c.seq.is_(None), ~is_foreign),
        )
        .order_by(run.c.seq.desc())
        .limit(1)
    )
    return query.correlate(dashboards, current).scalar_subquery()


def _version_shown() -> Select[Any]:
    own = versions.alias("own")
    newest = select(own.c.id).where(own.c.dashboard_id == dashboards.c.id).order_by(own.c.number.desc()).limit(1)
    shown = func.coalesce(dashboards.c.version_id, newest.correlate(dashboards).scalar_subquery())
    joined = dashboards.join(versions, versions.c.id == shown)
    return select(versions).select_from(joined).where(dashboards.c.id.in_(_IDS))


def _with_blobs() -> Select[Any]:
    """The cards with a figure or a frame: a card of text names no blob."""
    query = select(cards.c.run_id, cards.c.content).where(cards.c.run_id.in_(_IDS), cards.c.digests != "")
    return query.order_by(cards.c.run_id, cards.c.position)


# Made once: to make them takes longer than to answer them.
_OUTLINE, _VERSION_SHOWN, _WITH_BLOBS = _outline(), _version_shown(), _with_blobs()
