"""Share links and tokens, and who may look at a dashboard and rerun it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update

from nbdash.errors import ConflictError, NotFoundError, StoreError
from nbdash.model import GroupRole, RerunBy, Share, Token
from nbdash.store.base import StorePart
from nbdash.store.pointers import bump_revision
from nbdash.store.records import share_from_row, token_from_row
from nbdash.store.tables import dashboards, grants, shares, tokens

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

    def groups(self, dashboard_id: int, role: GroupRole) -> set[str]:
        """The groups of accounts that have this role for the dashboard."""
        query = select(grants.c.group_name).where(grants.c.dashboard_id == dashboard_id, grants.c.role == role)
        return {row["group_name"] for row in self._all(query)}

    def set_groups(self, dashboard_id: int, role: GroupRole, names: Iterable[str]) -> None:
        """Gives the role to these groups and to no others."""
        rows = [{"dashboard_id": dashboard_id, "role": role, "group_name": name} for name in sorted(set(names))]
        with self._database.write() as connection:
            connection.execute(delete(grants).where(grants.c.dashboard_id == dashboard_id, grants.c.role == role))
            if rows:
                connection.execute(insert(grants), rows)

    def add_token(self, name: str, *, digest: str, cookie_digest: str) -> Token:
        """A new person's token; raises ConflictError if the name is taken."""
        values = {"name": name, "digest": digest, "cookie_digest": cookie_digest, "created_at": self._now()}
        with self._database.write() as connection:
            if connection.scalar(select(tokens.c.name).where(tokens.c.name == name)) is not None:
                raise ConflictError(f"There is a token for {name!r} already: revoke it first, or choose another name.")
            row = connection.execute(insert(tokens).values(values).returning(tokens)).mappings().one()
        return token_from_row(row)

    def tokens(self) -> list[Token]:
        """All tokens, by name."""
        return [token_from_row(row) for row in self._all(select(tokens).order_by(tokens.c.name))]

    def find_token(self, digest: str, *, is_cookie: bool = False) -> Token | None:
        """The token whose secret (or cookie) has this digest; notes that it is used."""
        column = tokens.c.cookie_digest if is_cookie else tokens.c.digest
        row = self._first(select(tokens).where(column == digest))
        if row is None:
            return None
        token, now = token_from_row(row), self._now()
        if token.used_at is None or now - token.used_at > USED_EVERY:
            with suppress(StoreError), self._database.write() as connection:  # as for a link, below
                connection.execute(update(tokens).where(tokens.c.name == token.name).values(used_at=now))
        return token

    def revoke_token(self, name: str) -> None:
        """Ends a token; what was published with it stays. Raises NotFoundError."""
        with self._database.write() as connection:
            if not connection.execute(delete(tokens).where(tokens.c.name == name)).rowcount:
                raise NotFoundError(f"There is no token for {name!r}: 'nbdash token list' shows those there are.")

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
            with suppress(StoreError), self._database.write() as connection:  # a full disk keeps nobody from looking
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
