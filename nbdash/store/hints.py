"""Hints: why a notebook in a served folder is no dashboard."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from nbdash.store.base import StorePart
from nbdash.store.tables import hints


class Hints(StorePart):
    """The methods about hints."""

    def hints(self) -> list[tuple[str, str]]:
        """Name of the file (viewers see no paths) and hint, by path."""
        rows = self._all(select(hints).order_by(hints.c.path))
        return [(Path(row["path"]).name, row["hint"]) for row in rows]

    def keep_hint(self, path: str, hint: str) -> None:
        """Keeps the hint for a notebook, in place of an earlier one."""
        values = {"hint": hint, "kept_at": self._now()}
        with self._database.write() as connection:
            connection.execute(
                insert(hints).values(path=path, **values).on_conflict_do_update(index_elements=["path"], set_=values)
            )

    def drop_hint(self, path: str) -> None:
        """Forgets the hint for a notebook, if there is one."""
        if self._first(select(hints.c.path).where(hints.c.path == path)) is not None:
            with self._database.write() as connection:
                connection.execute(delete(hints).where(hints.c.path == path))
