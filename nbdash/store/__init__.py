"""What nbdash keeps: dashboards, versions, runs with their events and cards, pages, and blobs.

A data directory holds one SQLite database and a folder of content-addressed blobs.  Any number of
threads and processes (web, worker, command line) work on it at once; they meet nowhere else.  Blobs are
written before the rows that name them, and every change is one transaction: a process may be killed at
any moment and the next one goes on.

Open it with :func:`open_store`.  A Store must not be carried over a fork: each process opens its own.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from nbdash.store.access import Access
from nbdash.store.base import Clock, utc_now
from nbdash.store.blobs import BlobFolder
from nbdash.store.cards import Cards
from nbdash.store.checks import Checks
from nbdash.store.dashboards import Dashboards, Versions
from nbdash.store.database import Database
from nbdash.store.folder import BLOBS, DATABASE, prepare_folder
from nbdash.store.hints import Hints
from nbdash.store.maintenance import Maintenance
from nbdash.store.queue import Queue
from nbdash.store.records import Beat, Outline, Standing, Steps, StoredCard, StoredPage, reference_of
from nbdash.store.runs import Runs
from nbdash.store.schema import prepare_schema
from nbdash.store.standings import Standings

__all__ = ["Beat", "Outline", "Standing", "Steps", "Store", "StoredCard", "StoredPage", "open_store", "reference_of"]


class Store(Dashboards, Versions, Access, Runs, Standings, Queue, Cards, Hints, Maintenance, Checks):
    """Everything that is kept, from one data directory; each part's methods are in a module of its own."""

    @property
    def journal_mode(self) -> str:
        """SQLite's journal mode, chosen by its version: ``wal`` or ``truncate``."""
        return self._database.journal_mode

    def state(self) -> int:
        """A number that is another one after every change to what is kept, whoever made it."""
        return self._database.state()

    def close(self) -> None:
        """Closes the connections."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(data: Path, *, clock: Clock = utc_now) -> Store:
    """The store in the data directory ``data``, which is created or migrated if need be.

    Raises StoreError, with what to do, if it cannot be used or is a newer nbdash's.
    """
    prepare_folder(data)
    prepare_schema(data / DATABASE)
    return Store(Database(data / DATABASE), BlobFolder(data / BLOBS), clock)
