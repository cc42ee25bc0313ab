"""What a run shows: its cards, and the pages built of them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from nbdash.model import ShownCard
from nbdash.store.base import StorePart
from nbdash.store.records import StoredPage, card_from_json, page_from_row
from nbdash.store.tables import cards, pages


class Cards(StorePart):
    """The methods about cards, pages and the bytes they show."""

    def put_blob(self, data: bytes) -> str:
        """Keeps bytes and returns their SHA-256, hex; always before the row that names them."""
        return self._blobs.put(data)

    def read_blob(self, digest: str) -> bytes:
        """The bytes with this digest; raises NotFoundError."""
        return self._blobs.read(digest)

    def cards(self, run_id: str) -> list[ShownCard]:
        """The run's cards so far, in page order."""
        query = select(cards.c.content).where(cards.c.run_id == run_id).order_by(cards.c.position)
        return [card_from_json(row["content"]) for row in self._all(query)]

    def stored_page(self, key: str, revision: int) -> StoredPage | None:
        """The page kept under ``key``, if it shows this revision."""
        row = self._first(select(pages).where(pages.c.key == key, pages.c.revision == revision))
        return page_from_row(row) if row else None

    def keep_page(self, key: str, revision: int, body_digest: str, etag: str) -> None:
        """Keeps a page, in place of an older revision's; a newer one stays.

        ``key`` is the caller's: the run, and what else the page depends on.
        """
        values = {"revision": revision, "body_digest": body_digest, "etag": etag, "kept_at": self._now()}
        with self._database.write() as connection:
            connection.execute(
                insert(pages)
                .values(key=key, **values)
                .on_conflict_do_update(index_elements=["key"], set_=values, where=pages.c.revision <= revision)
            )
