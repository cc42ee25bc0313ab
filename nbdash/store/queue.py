"""Runs as a worker sees them: claim, heartbeat, record, finish; and the sweep for workers that died.

Every write of a worker carries its fence, a number that each claim takes from one sequence.
A worker that was given up and comes back holds an old fence, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from nbdash.model import Cause, EventKind, Json, Outcome, Progress, Run, RunError, RunState
from nbdash.store.base import StorePart
from nbdash.store.journal import add_events
from nbdash.store.pointers import bump_revision, change_version, move_pointer
from nbdash.store.records import (
    Beat,
    Steps,
    StoredCard,
    card_to_json,
    digests_of,
    error_to_json,
    progress_to_json,
    reference_of,
    run_from_row,
)
from nbdash.store.tables import cards, counters, dashboards, runs, versions


class Queue(StorePart):
    """The methods about runs that only workers use."""

    def claim_run(self, worker: str) -> Run | None:
        """Takes the oldest queued run for ``worker``; None if there is none."""
        oldest = select(runs.c.id).where(runs.c.state == RunState.QUEUED).order_by(runs.c.seq).limit(1)
        if self._first(oldest) is None:  # an idle worker that looks often takes no write lock
            return None
        with self._database.write() as connection:
            run_id = connection.scalar(oldest)
            return _start(connection, run_id, worker, self._now()) if run_id else None

    def queue_length(self) -> int:
        """How many runs wait."""
        row = self._first(select(func.count().label("count")).where(runs.c.state == RunState.QUEUED))
        return int(row["count"]) if row else 0

    def heartbeat(self, run: Run) -> Beat:
        """Says that the run's worker is alive, and hears whether to go on."""
        with self._database.write() as connection:
            owned = _update_owned(connection, run, {"heartbeat_at": self._now()})
            asked = connection.scalar(select(runs.c.cancel_requested).where(runs.c.id == run.id))
        return Beat(owned=owned, cancel_requested=bool(asked))

    def record(
        self,
        run: Run,
        *,
        events: Sequence[tuple[EventKind, Mapping[str, Json]]],
        progress: Progress | None = None,
        cards: Sequence[StoredCard] = (),
    ) -> bool:
        """Adds what happened, in one transaction; False: the run is no longer this worker's.

        Put the cards' figures and frames (``put_blob``) first.
        """
        with self._database.write() as connection:
            return _record(connection, run, Steps(events=events, progress=progress, cards=cards), self._now())

    def finish_run(
        self,
        run: Run,
        *,
        state: RunState,
        error: RunError | None = None,
        document_digest: str | None = None,
        outcome: Outcome | None = None,
        last: Steps | None = None,
    ) -> bool:
        """Ends the run, with the ``last`` that happened, and, if it succeeded, shows its result.

        False: it is no longer this worker's.
        """
        outcome = outcome or Outcome()
        values = {
            "error": None if error is None else error_to_json(error),
            "document_digest": document_digest,
            "engine": outcome.engine,
            "peak_memory_bytes": outcome.peak_memory_bytes,
            "data_at": outcome.data_at,
        }
        with self._database.write() as connection:
            if last is not None and not _record(connection, run, last, self._now()):
                return False
            if not _end(connection, run, state, values, self._now()):
                return False
            if state is RunState.SUCCEEDED:
                _show_result(connection, run, self._now())
            bump_revision(connection, run.dashboard_id)
        return True

    def release_run(self, run: Run) -> bool:
        """Gives a run back to the queue as if it had not been tried; False: it is another worker's."""
        with self._database.write() as connection:
            return _requeue(connection, run, self._now(), attempt=run.attempt - 1)

    def overdue_runs(self, lease: float) -> list[Run]:
        """Running runs whose worker has not been heard of for ``lease`` seconds: those that a sweep gives up."""
        return [run_from_row(row) for row in self._all(_overdue(lease, self._now()))]

    def sweep(self, lease: float, attempts: int = 2, *, only: Collection[str] | None = None) -> list[Run]:
        """Gives up the workers not heard of for ``lease`` seconds; returns their runs as they are then.

        All of them, or those with the ids ``only``.
        A run that was tried fewer than ``attempts`` times is queued again, another one fails.
        A heartbeat from the future counts as none: the clock was put back.
        """
        now = self._now()
        dead = _overdue(lease, now)
        if only is not None:
            dead = dead.where(runs.c.id.in_(only))
        if self._first(dead) is None:
            return []
        with self._database.write() as connection:
            rows = connection.execute(dead).mappings().all()
            for row in rows:
                _give_up(connection, row, attempts, now)
            found = select(runs).where(runs.c.id.in_([row["id"] for row in rows])).order_by(runs.c.seq)
            return [run_from_row(row) for row in connection.execute(found).mappings()]


def _overdue(lease: float, now: datetime) -> Select[Any]:
    margin = timedelta(seconds=lease)
    heard = func.coalesce(runs.c.heartbeat_at, runs.c.claimed_at)
    late = or_(heard < now - margin, heard > now + margin)
    return select(runs).where(runs.c.state == RunState.RUNNING, late).order_by(runs.c.seq)


def _start(connection: Connection, run_id: str, worker: str, now: datetime) -> Run:
    next_fence = update(counters).where(counters.c.name == "fence").values(value=counters.c.value + 1)
    fence = connection.scalar(next_fence.returning(counters.c.value))
    connection.execute(delete(cards).where(cards.c.run_id == run_id))  # of an attempt that was lost
    row = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.QUEUED)
        .values(
            state=RunState.RUNNING,
            worker=worker,
            fence=fence,
            attempt=runs.c.attempt + 1,
            claimed_at=now,
            heartbeat_at=now,
            started_at=now,
            progress=None,
        )
        .returning(runs)
    )
    add_events(connection, run_id, [(EventKind.STATE, {"state": RunState.RUNNING})], now)
    return run_from_row(row.mappings().one())


def _update_owned(connection: Connection, run: Run, values: Mapping[str, Any]) -> bool:
    """Whether the run is still its worker's, and so was updated."""
    owned = (runs.c.id == run.id, runs.c.fence == run.fence, runs.c.state == RunState.RUNNING)
    return connection.execute(update(runs).where(*owned).values(**values)).rowcount == 1


def _record(connection: Connection, run: Run, steps: Steps, now: datetime) -> bool:
    values: dict[str, Any] = {"heartbeat_at": now}
    if steps.progress is not None:
        values["progress"] = progress_to_json(steps.progress)
    if not _update_owned(connection, run, values):
        return False
    for card in steps.cards:
        _keep_card(connection, run.id, card)
    add_events(connection, run.id, steps.events, now)
    return True


def _keep_card(connection: Connection, run_id: str, card: StoredCard) -> None:
    values = {
        "name": card.shown.card.name,
        "content": card_to_json(card.shown),
        "digests": " ".join(sorted(digests_of(card.shown))),
    }
    connection.execute(
        insert(cards)
        .values(run_id=run_id, position=card.position, **values)
        .on_conflict_do_update(index_elements=["run_id", "position"], set_=values)
    )


def _end(connection: Connection, run: Run, state: RunState, values: Mapping[str, Any], now: datetime) -> bool:
    if not state.is_final:
        raise ValueError(f"{state!r} does not end a run")
    if not _update_owned(connection, run, {**values, "state": state, "finished_at": now}):
        return False
    add_events(connection, run.id, [(EventKind.STATE, {"state": state})], now)
    return True


def _show_result(connection: Connection, run: Run, now: datetime) -> None:
    """Moves what viewers see, where this run is newer than what they see now."""
    connection.execute(update(dashboards).where(dashboards.c.id == run.dashboard_id).values(listed=True))
    if _brings_version(connection, run):
        change_version(connection, run.dashboard_id, run.version_id)
    move_pointer(connection, run.dashboard_id, run.parameters_key, now)


def _brings_version(connection: Connection, run: Run) -> bool:
    current = select(versions.c.number).join(dashboards, dashboards.c.version_id == versions.c.id)
    shown = connection.scalar(current.where(dashboards.c.id == run.dashboard_id))
    if shown is None:
        return True
    own = connection.execute(
        select(versions.c.number, runs.c.promotes)
        .join(runs, runs.c.version_id == versions.c.id)
        .where(runs.c.id == run.id)
    ).one()
    return bool(own.promotes) and own.number > shown


def _requeue(connection: Connection, run: Run, now: datetime, *, attempt: int) -> bool:
    values = {
        "state": RunState.QUEUED,
        "attempt": attempt,
        "worker": None,
        "started_at": None,
        "progress": None,
    }
    if not _update_owned(connection, run, values):
        return False
    add_events(connection, run.id, [(EventKind.STATE, {"state": RunState.QUEUED})], now)
    return True


def _give_up(connection: Connection, row: RowMapping, attempts: int, now: datetime) -> None:
    run = run_from_row(row)
    if run.cancel_requested:
        error = _lost(run, Cause.CANCELLED, "The run was cancelled; its worker had died.")
        _end(connection, run, RunState.CANCELLED, {"error": error}, now)
        bump_revision(connection, run.dashboard_id)
    elif run.attempt < attempts:
        _requeue(connection, run, now, attempt=run.attempt)
    else:
        times = {1: "", 2: " twice"}.get(run.attempt, f" {run.attempt} times")
        message = (
            f"The run's worker died{times} without a word. If no one stopped it, the likely cause is memory: "
            "see the system's log, and let the notebook use less."
        )
        _end(connection, run, RunState.FAILED, {"error": _lost(run, Cause.LOST, message)}, now)
        bump_revision(connection, run.dashboard_id)


def _lost(run: Run, cause: Cause, message: str) -> dict[str, Any]:
    progress = run.progress
    return error_to_json(
        RunError(
            cause=cause,
            message=message,
            reference=reference_of(run.id),
            cell=progress.cell if progress else None,
            title=progress.title if progress else None,
        )
    )
