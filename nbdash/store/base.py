"""What every part of the store works with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, Select

from nbdash.store.blobs import BlobFolder
from nbdash.store.database import Database

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


class StorePart:
    """A group of the store's methods: the database, the blobs, and the time."""

    def __init__(self, database: Database, blobs: BlobFolder, clock: Clock = utc_now) -> None:
        self._database = database
        self._blobs = blobs
        self._now = clock

    def _first(self, query: Select[Any]) -> RowMapping | None:
        with self._database.read() as connection:
            return connection.execute(query).mappings().first()

    def _all(self, query: Select[Any]) -> list[RowMapping]:
        with self._database.read() as connection:
            return list(connection.execute(query).mappings())
