"""Runs as everybody sees them: submitted, read, cancelled."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from nbdash.errors import NotFoundError
from nbdash.model import Cause, EventKind, Json, Run, RunError, RunEvent, RunState
from nbdash.store.base import StorePart
from nbdash.store.journal import add_events
from nbdash.store.pointers import bump_revision, touch_pointer
from nbdash.store.records import error_to_json, event_from_row, reference_of, run_from_row
from nbdash.store.tables import events, pointers, runs, versions

ACTIVE = (RunState.QUEUED, RunState.RUNNING)
#: The origin of runs that show newer data of the version people see, and never another version.
RERUN = "rerun"


class Runs(StorePart):
    """The methods about runs that web, publisher and command line use."""

    def submit_run(
        self,
        dashboard_id: int,
        version_id: int,
        *,
        parameters: Mapping[str, Json],
        parameters_key: str,
        origin: str,
    ) -> tuple[Run, bool]:
        """Queues a run; False beside it: an equal one is queued or running, and this is it.

        The first success of any run makes its version the dashboard's; after that a run whose origin
        is not ``rerun`` does so if its version is newer.  Raises NotFoundError.
        """
        values: dict[str, Any] = {
            "dashboard_id": dashboard_id,
            "version_id": version_id,
            "parameters": dict(parameters),
            "parameters_key": parameters_key,
            "origin": origin,
            "promotes": origin != RERUN,
        }
        with self._database.write() as connection:
            equal = connection.execute(_equal_run(dashboard_id, version_id, parameters_key)).mappings().first()
            if equal is not None:
                _join(connection, equal, promotes=origin != RERUN)
                return run_from_row(equal), False
            owner = connection.scalar(select(versions.c.dashboard_id).where(versions.c.id == version_id))
            if owner != dashboard_id:
                raise NotFoundError("This dashboard or its version has been removed.")
            return _queue(connection, values, self._now()), True

    def run(self, run_id: str) -> Run:
        """The run with this id; raises NotFoundError."""
        row = self._first(select(runs).where(runs.c.id == run_id))
        if row is None:
            raise NotFoundError(f"There is no run {run_id!r}: it never was, or has been removed since.")
        return run_from_row(row)

    def runs(self, dashboard_id: int, *, limit: int = 50) -> list[Run]:
        """The dashboard's runs of all kinds, newest first."""
        query = select(runs).where(runs.c.dashboard_id == dashboard_id)
        return [run_from_row(row) for row in self._all(query.order_by(runs.c.seq.desc()).limit(limit))]

    def active_runs(self, dashboard_id: int) -> list[Run]:
        """The dashboard's queued and running runs, oldest first."""
        query = select(runs).where(runs.c.dashboard_id == dashboard_id, runs.c.state.in_(ACTIVE))
        return [run_from_row(row) for row in self._all(query.order_by(runs.c.seq))]

    def current_run(self, dashboard_id: int, parameters_key: str = "") -> Run | None:
        """The run whose result viewers see for these parameters; None: none has succeeded yet."""
        pointer = select(pointers.c.run_id).where(
            pointers.c.dashboard_id == dashboard_id, pointers.c.parameters_key == parameters_key
        )
        return self._find_run(select(runs).where(runs.c.id == pointer.scalar_subquery()))

    def latest_run(self, dashboard_id: int, parameters_key: str = "") -> Run | None:
        """The newest run with these parameters, in whatever state."""
        query = select(runs).where(runs.c.dashboard_id == dashboard_id, runs.c.parameters_key == parameters_key)
        return self._find_run(query.order_by(runs.c.seq.desc()).limit(1))

    def count_runs(self) -> dict[RunState, int]:
        """How many runs are kept in each state, of all dashboards."""
        query = select(runs.c.state, func.count().label("count")).group_by(runs.c.state)
        found = {row["state"]: row["count"] for row in self._all(query)}
        return {state: found.get(state, 0) for state in RunState}

    def request_cancel(self, run_id: str) -> Run:
        """Cancels a queued run at once, asks a running one's worker to; a run that is over stays as it is.

        Raises NotFoundError.
        """
        with self._database.write() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
            if row is not None and row["state"] == RunState.QUEUED:
                _cancel_queued(connection, row, self._now())
            elif row is not None and row["state"] == RunState.RUNNING:
                connection.execute(update(runs).where(runs.c.id == run_id).values(cancel_requested=True))
        return self.run(run_id)

    def events(self, run_id: str, *, after: int = 0, limit: int = 500) -> list[RunEvent]:
        """The run's events with a ``seq`` above ``after``, in order."""
        query = select(events).where(events.c.run_id == run_id, events.c.seq > after)
        return [event_from_row(row) for row in self._all(query.order_by(events.c.seq).limit(limit))]

    def cell_seconds(self, dashboard_id: int) -> dict[str, float]:
        """How long each cell took in the dashboard's last successful run, by the cell's title."""
        last = select(runs.c.id).where(runs.c.dashboard_id == dashboard_id, runs.c.state == RunState.SUCCEEDED)
        last = last.order_by(runs.c.seq.desc()).limit(1)
        query = select(events.c.data).where(
            events.c.run_id == last.scalar_subquery(), events.c.kind == EventKind.CELL_END
        )
        ends = [row["data"] for row in self._all(query.order_by(events.c.seq))]
        return {end["title"]: end["seconds"] for end in ends if "title" in end and "seconds" in end}

    def _find_run(self, query: Select[Any]) -> Run | None:
        row = self._first(query)
        return run_from_row(row) if row else None


def _equal_run(dashboard_id: int, version_id: int, parameters_key: str) -> Select[Any]:
    return select(runs).where(
        runs.c.dashboard_id == dashboard_id,
        runs.c.version_id == version_id,
        runs.c.parameters_key == parameters_key,
        runs.c.state.in_(ACTIVE),
    )


def _join(connection: Connection, equal: RowMapping, *, promotes: bool) -> None:
    """A publish that joins a rerun still brings its version to the front."""
    if promotes and not equal["promotes"]:
        connection.execute(update(runs).where(runs.c.id == equal["id"]).values(promotes=True))


def _queue(connection: Connection, values: Mapping[str, Any], now: datetime) -> Run:
    new = {
        "id": secrets.token_hex(8),
        "state": RunState.QUEUED,
        "attempt": 0,
        "fence": 0,
        "queued_at": now,
        "cancel_requested": False,
        "engine": "",
    }
    row = connection.execute(insert(runs).values({**values, **new}).returning(runs)).mappings().one()
    add_events(connection, row["id"], [(EventKind.STATE, {"state": RunState.QUEUED})], now)
    touch_pointer(connection, row["dashboard_id"], row["parameters_key"], now)
    bump_revision(connection, row["dashboard_id"])
    return run_from_row(row)


def _cancel_queued(connection: Connection, row: RowMapping, now: datetime) -> None:
    error = RunError(
        cause=Cause.CANCELLED,
        message="The run was cancelled before it began.",
        reference=reference_of(row["id"]),
    )
    connection.execute(
        update(runs)
        .where(runs.c.id == row["id"])
        .values(state=RunState.CANCELLED, cancel_requested=True, finished_at=now, error=error_to_json(error))
    )
    add_events(connection, row["id"], [(EventKind.STATE, {"state": RunState.CANCELLED})], now)
    bump_revision(connection, row["dashboard_id"])
