"""Retention, collection of blobs, and the checks of ``nbdash doctor``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from nbdash.model import RunState
from nbdash.store.base import StorePart
from nbdash.store.folder import PICTURES
from nbdash.store.pictures import PictureFolder
from nbdash.store.runs import ACTIVE
from nbdash.store.tables import cards, dashboards, pages, pointers, runs, versions

_BATCH = 200
#: Versions, by their last good run, that an author can go back to whatever else is removed.
ROLLBACKS = 5
_PAGE_LIFE = timedelta(days=7)


class Maintenance(StorePart):
    """The methods that tidy up."""

    def prune(self, keep: int) -> int:
        """Removes the runs of each dashboard but the newest ``keep``, and what only they needed; how many.

        Runs that viewers see, runs under way, the last run, and the last good run of each of the
        last versions stay.
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

    @property
    def pictures(self) -> PictureFolder:
        """The pictures of figures that may be used again."""
        return PictureFolder(self._database.path.parent / PICTURES)

    def collect_pictures(self) -> None:
        """Removes those of dashboards that are gone, and those that were not used for long."""
        self.pictures.collect({str(row["id"]) for row in self._all(select(dashboards.c.id))})

    def stored_bytes(self) -> int:
        """What the data directory holds, in bytes: database, blobs, and what was sent."""
        return _size_of(self._database.path.parent)

    def _remove_runs(self, ids: Sequence[str]) -> int:
        """All of these that no pointer has come upon since they were chosen."""
        with self._database.write() as connection:
            result = connection.execute(
                delete(runs).where(runs.c.id.in_(ids), runs.c.id.not_in(select(pointers.c.run_id)))
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
        """Pages that have not changed for long: whoever looks next has them built again."""
        old = pages.c.kept_at < self._now() - _PAGE_LIFE
        if self._first(select(pages.c.key).where(old)) is not None:
            with self._database.write() as connection:
                connection.execute(delete(pages).where(old))


def _size_of(folder: Path | str) -> int:
    """The bytes of all files below a folder; what goes away meanwhile counts nothing."""
    size = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                is_folder = entry.is_dir(follow_symlinks=False)
                size += _size_of(entry.path) if is_folder else entry.stat(follow_symlinks=False).st_size
    return size


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
    crowded = select(runs.c.dashboard_id).group_by(runs.c.dashboard_id).having(func.count() > keep)
    rank = _rank(runs.c.dashboard_id, runs.c.seq)
    ranked = select(runs.c.seq, rank.label("rank")).where(runs.c.dashboard_id.in_(crowded)).subquery()
    return select(runs.c.id).where(
        runs.c.seq.in_(select(ranked.c.seq).where(ranked.c.rank > keep)),
        runs.c.state.not_in(ACTIVE),
        runs.c.id.not_in(select(pointers.c.run_id)),
        runs.c.seq.not_in(_rollback_runs()),
    )


def _rollback_runs() -> Select[Any]:
    """The last good run, with default parameters, of each of the versions to which one may go back."""
    last = (
        select(runs.c.dashboard_id, func.max(runs.c.seq).label("seq"))
        .where(runs.c.state == RunState.SUCCEEDED, runs.c.parameters_key == "")
        .group_by(runs.c.dashboard_id, runs.c.version_id)
        .subquery()
    )
    ranked = select(last.c.seq, _rank(last.c.dashboard_id, last.c.seq).label("rank")).subquery()
    return select(ranked.c.seq).where(ranked.c.rank <= ROLLBACKS)


def _rank(group: Any, order: Any) -> Any:
    return func.row_number().over(partition_by=group, order_by=order.desc())


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Short transactions: others write in between."""
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
