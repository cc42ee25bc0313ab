"""The first tables: dashboards, versions, runs and what belongs to a run.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything and starts the fence's sequence."""
    _create_dashboards()
    _create_runs()
    _create_parts_of_runs()
    op.create_table(
        "hints",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.bulk_insert(counters, [{"name": "fence", "value": 0}])


def _create_dashboards() -> None:
    op.create_table(
        "dashboards",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source_path", sa.JSON, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("version_id", sa.Integer),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dashboards_listed", "dashboards", ["listed", "slug"])
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer, primary_key=True),
        _dashboard_id(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("notebook_digest", sa.String(64), nullable=False),
        sa.Column("selection", sa.String(16), nullable=False),
        sa.Column("engine", sa.String(16)),
        sa.Column("python", sa.JSON),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("dashboard_id", "number", name="uq_versions_number"),
        sqlite_autoincrement=True,
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        _dashboard_id(),
        sa.Column("version_id", sa.Integer, sa.ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("parameters_key", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("promotes", sa.Boolean, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("claimed_at", sa.BigInteger),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("heartbeat_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("progress", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("document_digest", sa.String(64)),
        sa.Column("engine", sa.String(16), nullable=False),
        sa.Column("peak_memory_bytes", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    active = sa.text("state IN ('queued', 'running')")
    op.create_index(
        "uq_runs_active",
        "runs",
        ["dashboard_id", "version_id", "parameters_key"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_index("ix_runs_state", "runs", ["state", "seq"])
    op.create_index("ix_runs_dashboard", "runs", ["dashboard_id", "seq"])
    op.create_index("ix_runs_parameters", "runs", ["dashboard_id", "parameters_key", "seq"])
    op.create_index("ix_runs_version", "runs", ["version_id"])


def _create_parts_of_runs() -> None:
    op.create_table(
        "pointers",
        _dashboard_id(primary_key=True),
        sa.Column("parameters_key", sa.String(64), primary_key=True),
        sa.Column(
            "run_id",
            sa.Text,
            sa.ForeignKey("runs.id", deferrable=True, initially="DEFERRED"),
            nullable=False,
        ),
        sa.Column("used_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_pointers_run", "pointers", ["run_id"])
    op.create_table(
        "events",
        _run_id(),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "cards",
        _run_id(),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("digests", sa.Text, nullable=False),
    )
    op.create_table(
        "pages",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("body_digest", sa.String(64), nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
    )


def _dashboard_id(*, primary_key: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey("dashboards.id", ondelete="CASCADE")
    return sa.Column("dashboard_id", sa.Integer, key, nullable=False, primary_key=primary_key)


def _run_id() -> sa.Column[str]:
    key = sa.ForeignKey("runs.id", ondelete="CASCADE")
    return sa.Column("run_id", sa.Text, key, primary_key=True)
