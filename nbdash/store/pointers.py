"""Which run viewers see: the rules of the pointer and of a dashboard's current version.

A pointer follows the best run that succeeded with its parameters: one of the current version before
any other, and then the newest. So it only moves forward, whatever order runs end in, and a failed run
never moves it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from nbdash.model import RunState
from nbdash.store.tables import dashboards, pointers, runs, versions

#: Sets of parameter values whose results are kept per dashboard, besides the defaults.
VARIANTS = 64


def find_best_run(connection: Connection, dashboard_id: int, parameters_key: str) -> str | None:
    """The id of the run that the pointer for these parameters belongs on."""
    current = select(dashboards.c.version_id).where(dashboards.c.id == dashboard_id).scalar_subquery()
    good = (
        select(runs.c.id)
        .where(
            runs.c.dashboard_id == dashboard_id,
            runs.c.parameters_key == parameters_key,
            runs.c.state == RunState.SUCCEEDED,
        )
        .order_by(runs.c.seq.desc())
        .limit(1)
    )
    return connection.scalar(good.where(runs.c.version_id == current)) or connection.scalar(good)


def move_pointer(connection: Connection, dashboard_id: int, parameters_key: str, now: datetime) -> None:
    """Puts the pointer for these parameters on its best run, and drops the variants used longest ago."""
    best = find_best_run(connection, dashboard_id, parameters_key)
    if best is None:
        return
    values = {"dashboard_id": dashboard_id, "parameters_key": parameters_key, "run_id": best, "used_at": now}
    connection.execute(
        insert(pointers)
        .values(values)
        .on_conflict_do_update(index_elements=["dashboard_id", "parameters_key"], set_={"run_id": best, "used_at": now})
    )
    _drop_old_variants(connection, dashboard_id)


def change_version(connection: Connection, dashboard_id: int, version_id: int) -> None:
    """Makes a version the current one, with its title, and moves every pointer of the dashboard to it."""
    title = select(versions.c.title).where(versions.c.id == version_id).scalar_subquery()
    connection.execute(
        update(dashboards).where(dashboards.c.id == dashboard_id).values(version_id=version_id, title=title)
    )
    keys = connection.scalars(select(pointers.c.parameters_key).where(pointers.c.dashboard_id == dashboard_id)).all()
    for key in keys:
        connection.execute(
            update(pointers)
            .where(pointers.c.dashboard_id == dashboard_id, pointers.c.parameters_key == key)
            .values(run_id=find_best_run(connection, dashboard_id, key))
        )


def touch_pointer(connection: Connection, dashboard_id: int, parameters_key: str, now: datetime) -> None:
    """Notes that these parameters are in use."""
    connection.execute(
        update(pointers)
        .where(pointers.c.dashboard_id == dashboard_id, pointers.c.parameters_key == parameters_key)
        .values(used_at=now)
    )


def bump_revision(connection: Connection, dashboard_id: int) -> None:
    """Stored pages of the dashboard no longer show its state."""
    connection.execute(
        update(dashboards).where(dashboards.c.id == dashboard_id).values(revision=dashboards.c.revision + 1)
    )


def _drop_old_variants(connection: Connection, dashboard_id: int) -> None:
    variants = (
        select(pointers.c.parameters_key)
        .where(pointers.c.dashboard_id == dashboard_id, pointers.c.parameters_key != "")
        .order_by(pointers.c.used_at.desc(), pointers.c.parameters_key)
    )
    for key in connection.scalars(variants).all()[VARIANTS:]:
        connection.execute(
            delete(pointers).where(pointers.c.dashboard_id == dashboard_id, pointers.c.parameters_key == key)
        )
