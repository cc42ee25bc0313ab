"""The groups of accounts that may look at a dashboard, or manage it.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """No group is named at first."""
    op.create_table(
        "grants",
        sa.Column("dashboard_id", sa.Integer, sa.ForeignKey("dashboards.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String(16), primary_key=True),
        sa.Column("group_name", sa.Text, primary_key=True),
    )
    op.create_index("ix_grants_group", "grants", ["group_name"])
