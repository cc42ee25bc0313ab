"""Share links, and who may look at a dashboard and rerun it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from nbdash.errors import NotFoundError
from nbdash.model import RerunBy, Share
from nbdash.store.base import StorePart
from nbdash.store.pointers import bump_revision
from nbdash.store.records import share_from_row
from nbdash.store.tables import dashboards, shares

#: How exactly the last use of a link is known: each look would otherwise be a write.
USED_EVERY = timedelta(minutes=5)


class Access(StorePart):
    """The methods about who may do what."""

    def set_access(self, dashboard_id: int, *, public: bool | None = None, rerun_by: RerunBy | None = None) -> None:
        """Changes what is given; None leaves it as it is."""
        values = {name: value for name, value in (("public", public), ("rerun_by", rerun_by)) if value is not None}
        if values:
            with self._database.write() as connection:
                connection.execute(update(dashboards).where(dashboards.c.id == dashboard_id).values(values))
                bump_revision(connection, dashboard_id)

    def add_share(
        self,
        dashboard_id: int,
        *,
        digest: str,
        nonce: str,
        may_rerun: bool = True,
        expires_at: datetime | None = None,
    ) -> Share:
        """A new link; ``digest`` is the SHA-256 of its secret, in hex. Raises NotFoundError."""
        values = {
            "dashboard_id": dashboard_id,
            "digest": digest,
            "nonce": nonce,
            "may_rerun": may_rerun,
            "created_at": self._now(),
            "expires_at": expires_at,
        }
        with self._database.write() as connection:
            if connection.scalar(select(dashboards.c.id).where(dashboards.c.id == dashboard_id)) is None:
                raise NotFoundError("This dashboard has been removed.")
            row = connection.execute(insert(shares).values(values).returning(shares)).mappings().one()
        return share_from_row(row)

    def shares(self, dashboard_id: int) -> list[Share]:
        """The dashboard's links, oldest first, expired ones too."""
        query = select(shares).where(shares.c.dashboard_id == dashboard_id)
        return [share_from_row(row) for row in self._all(query.order_by(shares.c.id))]

    def find_share(self, digest: str, *, touch: bool = True) -> Share | None:
        """The link whose secret has this digest, if it is valid now; with ``touch`` notes that it is used."""
        now = self._now()
        row = self._first(
            select(shares).where(
                shares.c.digest == digest,
                or_(shares.c.expires_at.is_(None), shares.c.expires_at > now),
            )
        )
        if row is None:
            return None
        share = share_from_row(row)
        if touch and (share.used_at is None or now - share.used_at > USED_EVERY):
            with self._database.write() as connection:
                connection.execute(update(shares).where(shares.c.id == share.id).values(used_at=now))
        return share

    def share_nonce(self, share_id: int) -> str:
        """What a link's secret is derived from, with the author's token. Raises NotFoundError."""
        row = self._first(select(shares.c.nonce).where(shares.c.id == share_id))
        if row is None:
            raise NotFoundError("There is no such share link.")
        return str(row["nonce"])

    def revoke_share(self, share_id: int) -> None:
        """Ends a link, for those who hold its cookie too."""
        with self._database.write() as connection:
            connection.execute(delete(shares).where(shares.c.id == share_id))
