"""A run's events: numbered from 1, without gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from nbdash.model import EventKind, Json
from nbdash.store.tables import events


def add_events(
    connection: Connection,
    run_id: str,
    new: Sequence[tuple[EventKind, Mapping[str, Json]]],
    now: datetime,
) -> None:
    """Appends events; the transaction's write lock keeps the numbers without gaps."""
    if not new:
        return
    last = connection.scalar(select(func.max(events.c.seq)).where(events.c.run_id == run_id)) or 0
    rows = [
        {"run_id": run_id, "seq": seq, "kind": kind, "at": now, "data": dict(data)}
        for seq, (kind, data) in enumerate(new, start=last + 1)
    ]
    connection.execute(insert(events), rows)
