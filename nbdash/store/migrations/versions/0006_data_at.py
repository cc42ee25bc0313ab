"""When the oldest of a run's results was made, if before the run.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Runs so far have made all of their results themselves."""
    op.add_column("runs", sa.Column("data_at", sa.BigInteger))
