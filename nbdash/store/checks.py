"""The store's own check: what must hold in every data directory, after whatever happened."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from nbdash.errors import StoreError
from nbdash.model import EventKind, RunState
from nbdash.store.base import StorePart
from nbdash.store.blobs import BlobFolder
from nbdash.store.maintenance import referenced_blobs
from nbdash.store.pointers import find_best_run
from nbdash.store.runs import ACTIVE
from nbdash.store.tables import dashboards, events, pointers, runs, versions


class Checks(StorePart):
    """The methods that find damage."""

    def refuse_damage(self) -> None:
        """Raises StoreError if the database file is damaged; reads all of it, and no blob."""
        with self._database.read() as connection:
            report = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            page = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        # SQLite takes what is missing of the last page for zeros.
        if report != "ok" or self._database.path.stat().st_size % page:
            raise StoreError(f"The database '{self._database.path}' is damaged: move it away, or restore a backup.")

    def integrity(self) -> list[str]:
        """Everything that is wrong, a sentence each; empty if nothing is. Reads every blob."""
        try:
            with self._database.read() as connection:
                found = list(_check_file(connection))
                if found:  # what a damaged file says of its rows means nothing
                    return found
                found = [
                    *_check_pointers(connection),
                    *_check_versions(connection),
                    *_check_events(connection),
                ]
                digests = referenced_blobs(connection)
        except StoreError as error:
            return [str(error)]
        return found + list(_check_blobs(self._blobs, digests))


def _check_file(connection: Connection) -> Iterator[str]:
    reports = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    yield from (f"The database is damaged ({report}): restore a backup." for report in reports if report != "ok")
    yield from (f"Row {row[1]} of table {row[0]!r} lost the {row[2]!r} it belongs to." for row in lost)


def _check_pointers(connection: Connection) -> Iterator[str]:
    """What viewers see is a success, and the best there is."""
    rows = connection.execute(
        select(pointers, dashboards.c.slug).join(dashboards, dashboards.c.id == pointers.c.dashboard_id)
    ).all()
    for row in rows:
        best = find_best_run(connection, row.dashboard_id, row.parameters_key)
        if row.run_id != best:
            yield f"Dashboard {row.slug!r} shows run {row.run_id!r} instead of {best!r}."


def _check_versions(connection: Connection) -> Iterator[str]:
    """A dashboard's current version is one of its own."""
    own = select(versions.c.id).where(versions.c.dashboard_id == dashboards.c.id)
    query = select(dashboards.c.slug).where(
        dashboards.c.version_id.is_not(None), dashboards.c.version_id.not_in(own.correlate(dashboards))
    )
    for slug in connection.scalars(query):
        yield f"Dashboard {slug!r} names a version that it does not have: publish it again."


def _check_events(connection: Connection) -> Iterator[str]:
    """Events are numbered without gaps; a run that is over says so exactly once, another one never."""
    yield from _check_numbers(connection)
    final = [state for state in RunState if state.is_final]
    ends = events.c.data["state"].as_string().in_(final)
    counted = (
        select(runs.c.id, runs.c.state, func.count(events.c.seq).label("ends"))
        .join_from(
            runs,
            events,
            (events.c.run_id == runs.c.id) & (events.c.kind == EventKind.STATE) & ends,
            isouter=True,
        )
        .group_by(runs.c.seq)
    )
    for row in connection.execute(counted):
        expected = 0 if row.state in ACTIVE else 1
        if row.ends != expected:
            yield f"Run {row.id!r} is {row.state}, but its events end {row.ends} times."


def _check_numbers(connection: Connection) -> Iterator[str]:
    numbers = select(events.c.run_id).group_by(events.c.run_id)
    for run_id in connection.scalars(numbers.having(func.max(events.c.seq) != func.count(events.c.seq))):
        yield f"The events of run {run_id!r} have gaps."


def _check_blobs(blobs: BlobFolder, digests: set[str]) -> Iterator[str]:
    for digest in sorted(digests):
        if damage := blobs.find_damage(digest):
            yield damage
