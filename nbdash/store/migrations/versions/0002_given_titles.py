"""Versions remember whether their title was given.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Titles from before count as the notebooks' own."""
    op.add_column("versions", sa.Column("titled", sa.Boolean, nullable=False, server_default=sa.false()))
