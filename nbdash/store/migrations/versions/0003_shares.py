"""Share links; who may look at a dashboard and rerun it, and whose it is.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Dashboards from before stay as they were: for this machine, rerun by whoever looks."""
    for column in (
        sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("rerun_by", sa.String(16), nullable=False, server_default="viewers"),
        sa.Column("owner", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("dashboards", column)
    op.create_table(
        "shares",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("dashboard_id", sa.Integer, sa.ForeignKey("dashboards.id", ondelete="CASCADE"), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("may_rerun", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("used_at", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shares_dashboard", "shares", ["dashboard_id"])
