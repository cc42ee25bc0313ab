"""The tables, in types that SQLite and PostgreSQL share.

Times are microseconds since 1970 (UTC), so they compare as numbers in every database.
A change here needs a migration in ``migrations/versions`` and a new :data:`SCHEMA`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect

#: The newest migration; a database that says otherwise is older (migrated) or newer (refused).
SCHEMA = "0006"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To microseconds."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """To aware UTC."""
        return None if value is None else EPOCH + value * MICROSECOND


class CleanText(TypeDecorator[str]):
    """Text from outside: what no database keeps (lone surrogates, NUL) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replaces what cannot be stored."""
        if value is None:
            return None
        return (
            value.encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
            .replace("\0", "\N{REPLACEMENT CHARACTER}")
        )


def _json() -> JSON:
    return JSON(none_as_null=True)


def _dashboard_id(**options: Any) -> Column[int]:
    return Column("dashboard_id", ForeignKey("dashboards.id", ondelete="CASCADE"), nullable=False, **options)


def _run_id(**options: Any) -> Column[str]:
    return Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)


metadata = MetaData()

# Numbers are never reused (AUTOINCREMENT): a run's seq orders runs for ever, and a page stored for
# a removed dashboard cannot come back under a new one.
dashboards = Table(
    "dashboards",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", CleanText, nullable=False, unique=True),
    Column("title", CleanText, nullable=False),
    Column("source_path", JSON, nullable=False),  # JSON keeps the bytes of a name that is not UTF-8
    Column("listed", Boolean, nullable=False),
    Column("version_id", Integer),
    Column("revision", Integer, nullable=False),
    Column("public", Boolean, nullable=False),
    Column("rerun_by", String(16), nullable=False),
    Column("owner", CleanText, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("ix_dashboards_listed", "listed", "slug"),
    sqlite_autoincrement=True,
)

# A link's secret is derived from its nonce and the author's token, which no table holds.
shares = Table(
    "shares",
    metadata,
    Column("id", Integer, primary_key=True),
    _dashboard_id(),
    Column("digest", String(64), nullable=False, unique=True),
    Column("nonce", String(32), nullable=False),
    Column("may_rerun", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("used_at", Moment),
    Index("ix_shares_dashboard", "dashboard_id"),
    sqlite_autoincrement=True,
)

# The groups of an organisation's accounts that may look at a dashboard, or manage it.
grants = Table(
    "grants",
    metadata,
    _dashboard_id(primary_key=True),
    Column("role", String(16), primary_key=True),
    Column("group_name", CleanText, primary_key=True),
    Index("ix_grants_group", "group_name"),
)

# Who may publish from elsewhere; of a token and of the cookie got with it only hashes are kept.
tokens = Table(
    "tokens",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("cookie_digest", String(64), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    _dashboard_id(),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("title", CleanText, nullable=False),
    Column("titled", Boolean, nullable=False),
    Column("notebook_digest", String(64), nullable=False),
    Column("selection", String(16), nullable=False),
    Column("engine", String(16)),
    Column("python", JSON(none_as_null=True)),
    Column("folder", JSON(none_as_null=True)),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("dashboard_id", "number", name="uq_versions_number"),
    sqlite_autoincrement=True,
)

_ACTIVE = text("state IN ('queued', 'running')")

runs = Table(
    "runs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", CleanText, nullable=False, unique=True),
    _dashboard_id(),
    Column("version_id", ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("parameters", _json(), nullable=False),
    Column("parameters_key", String(64), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("promotes", Boolean, nullable=False),  # whether success makes its version the current one
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("worker", CleanText),
    Column("queued_at", Moment, nullable=False),
    Column("claimed_at", Moment),
    Column("started_at", Moment),
    Column("heartbeat_at", Moment),
    Column("finished_at", Moment),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress", _json()),
    Column("error", _json()),
    Column("document_digest", String(64)),
    Column("engine", String(16), nullable=False),
    Column("peak_memory_bytes", BigInteger),
    Column("data_at", Moment),  # when the oldest of its results was made; NULL: when it started
    # The database's own guarantee that equal runs are joined.
    Index(
        "uq_runs_active",
        "dashboard_id",
        "version_id",
        "parameters_key",
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    ),
    Index("ix_runs_state", "state", "seq"),
    Index("ix_runs_dashboard", "dashboard_id", "seq"),
    Index("ix_runs_parameters", "dashboard_id", "parameters_key", "seq"),
    Index("ix_runs_version", "version_id"),
    sqlite_autoincrement=True,
)

# What viewers see, per set of parameter values. A pointed-to run cannot be deleted alone.
pointers = Table(
    "pointers",
    metadata,
    _dashboard_id(primary_key=True),
    Column("parameters_key", String(64), primary_key=True),
    Column("run_id", ForeignKey("runs.id", deferrable=True, initially="DEFERRED"), nullable=False),
    Column("used_at", Moment, nullable=False),
    Index("ix_pointers_run", "run_id"),
)

events = Table(
    "events",
    metadata,
    _run_id(),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("data", _json(), nullable=False),
)

cards = Table(
    "cards",
    metadata,
    _run_id(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("content", _json(), nullable=False),
    Column("digests", Text, nullable=False),  # of the blobs it shows, separated by spaces
)

pages = Table(
    "pages",
    metadata,
    Column("key", CleanText, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body_digest", String(64), nullable=False),
    Column("etag", Text, nullable=False),
    Column("kept_at", Moment, nullable=False),
)

hints = Table(
    "hints",
    metadata,
    Column("path", CleanText, primary_key=True),
    Column("hint", CleanText, nullable=False),
    Column("kept_at", Moment, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("value", Integer, nullable=False),
)
