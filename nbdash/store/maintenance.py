"""Retention, collection of blobs, and the checks of ``nbdash doctor``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from nbdash.store.base import StorePart
from nbdash.store.runs import ACTIVE
from nbdash.store.tables import cards, dashboards, pages, pointers, runs, versions

_BATCH = 200
#: Pages of runs that are gone stay this long: one may be kept for a run that is being removed.
_PAGE_GRACE = timedelta(days=1)


class Maintenance(StorePart):
    """The methods that tidy up."""

    def prune(self, keep: int) -> int:
        """Removes the runs of each dashboard but the newest ``keep``, and what only they needed; how many.

        Runs that viewers see, runs under way and the last run stay.
        """
        ids = [row["id"] for row in self._all(_surplus_runs(max(keep, 1)))]
        removed = sum(self._remove_runs(batch) for batch in _batches(ids))
        self._remove_versions(max(keep, 1))
        self._remove_pages()
        return removed

    def collect_blobs(self, min_age_seconds: float) -> int:
        """Removes the blobs that no row names and that were last put longer ago than this; how many.

        The age must be longer than it takes from putting a blob to committing the row that names it.
        """
        with self._database.read() as connection:
            referenced = referenced_blobs(connection)
        return self._blobs.collect(referenced, min_age_seconds)

    def _remove_runs(self, ids: Sequence[str]) -> int:
        with self._database.write() as connection:
            result = connection.execute(
                delete(runs).where(
                    runs.c.id.in_(ids),
                    runs.c.state.not_in(ACTIVE),
                    runs.c.id.not_in(select(pointers.c.run_id)),
                )
            )
        return result.rowcount

    def _remove_versions(self, keep: int) -> None:
        """Versions without a run, but the newest ``keep`` and the current one."""
        rank = _rank(versions.c.dashboard_id, versions.c.number)
        ranked = select(versions.c.id, rank.label("rank")).subquery()
        surplus = select(ranked.c.id).where(
            ranked.c.rank > keep,
            ranked.c.id.not_in(select(runs.c.version_id)),
            ranked.c.id.not_in(select(dashboards.c.version_id).where(dashboards.c.version_id.is_not(None))),
        )
        if self._first(surplus) is not None:
            with self._database.write() as connection:
                connection.execute(delete(versions).where(versions.c.id.in_(surplus)))

    def _remove_pages(self) -> None:
        live = {row["id"] for row in self._all(select(runs.c.id))}
        old = self._all(select(pages.c.key).where(pages.c.kept_at < self._now() - _PAGE_GRACE))
        gone = [row["key"] for row in old if row["key"].partition(":")[0] not in live]
        for batch in _batches(gone):
            with self._database.write() as connection:
                connection.execute(delete(pages).where(pages.c.key.in_(batch)))


def referenced_blobs(connection: Connection) -> set[str]:
    """The digests that rows name."""
    named: Sequence[Select[Any]] = (
        select(versions.c.notebook_digest),
        select(runs.c.document_digest).where(runs.c.document_digest.is_not(None)),
        select(pages.c.body_digest),
        select(cards.c.digests),
    )
    return {digest for query in named for text in connection.scalars(query) for digest in text.split()}


def _surplus_runs(keep: int) -> Select[Any]:
    rank = _rank(runs.c.dashboard_id, runs.c.seq)
    ranked = select(runs.c.id, runs.c.state, rank.label("rank")).subquery()
    return select(ranked.c.id).where(
        ranked.c.rank > keep,
        ranked.c.state.not_in(ACTIVE),
        ranked.c.id.not_in(select(pointers.c.run_id)),
    )


def _rank(group: Any, order: Any) -> Any:
    return func.row_number().over(partition_by=group, order_by=order.desc())


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Short transactions: others write in between."""
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
