"""A large store from a small one: a dashboard with its run is copied, row by row, inside the database.

Blobs are named by their content, so the copies show the same pictures and need no files of their own.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

#: Of these ids the copies' own are made; what is copied has smaller ones.
FIRST = 1_000


def fill_store(database: Path, slug: str, *, dashboards: int, runs: int) -> None:
    """Copies the dashboard ``slug`` and the run it shows, until there are so many more dashboards, with so many runs.

    The copies are ``many-00000`` and so on; of each the newest run but two is the one that viewers see.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        names = {"slug": slug, "dashboards": dashboards, "runs": runs, "shown": max(runs - 2, 1), "first": FIRST}
        connection.execute("CREATE TEMP TABLE setting AS " + _row(names), names)
        connection.execute("BEGIN IMMEDIATE")
        for statement in _COPIES:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("ANALYZE temp.setting")


def _row(names: dict[str, object]) -> str:
    return "SELECT " + ", ".join(f":{name} AS {name}" for name in names)


_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {most}) "
_DASHBOARDS = "(SELECT dashboards FROM setting)"
_MODEL = "(SELECT id FROM dashboards WHERE slug = (SELECT slug FROM setting))"


def _columns(table: str, **changed: str) -> str:
    """``INSERT INTO table … SELECT …``: the model's columns, but for those that are changed."""
    names = _TABLES[table]
    chosen = ", ".join(changed.get(name, f"model.{name}") for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} "


_TABLES = {
    "dashboards": "id slug title source_path listed version_id revision public rerun_by owner created_at".split(),
    "versions": "id dashboard_id number digest title titled notebook_digest selection engine python folder "
    "created_at".split(),
    "runs": "seq id dashboard_id version_id state parameters parameters_key origin promotes attempt fence worker "
    "queued_at claimed_at started_at heartbeat_at finished_at cancel_requested progress error document_digest engine "
    "peak_memory_bytes".split(),
    "cards": "run_id position name content digests".split(),
    "pointers": "dashboard_id parameters_key run_id used_at".split(),
}
_ID = "setting.first + n"
_SEQ = "(setting.first + d) * setting.runs + r"
_RUN_ID = "printf('%016x', {seq})"
_SHOWN = _RUN_ID.format(seq="(setting.first + n) * setting.runs + setting.shown - 1")

_COPIES = [
    _NUMBERS.format(most=_DASHBOARDS)
    + _columns("dashboards", id=_ID, slug="printf('many-%05d', n)", version_id=_ID)
    + f"FROM number, setting JOIN dashboards AS model ON model.id = {_MODEL}",
    _NUMBERS.format(most=_DASHBOARDS)
    + _columns("versions", id=_ID, dashboard_id=_ID)
    + f"FROM number, setting JOIN versions AS model ON model.dashboard_id = {_MODEL}",
    _NUMBERS.format(most=_DASHBOARDS)
    + ", run(r) AS (SELECT 0 UNION ALL SELECT r + 1 FROM run WHERE r + 1 < (SELECT runs FROM setting)) "
    + _columns(
        "runs",
        seq=_SEQ.replace("d)", "n)"),
        id=_RUN_ID.format(seq=_SEQ.replace("d)", "n)")),
        dashboard_id=_ID,
        version_id=_ID,
        queued_at="model.queued_at + r",
        # The last two failed: the dashboards are stale, the case with most to find out.
        state="CASE WHEN r < setting.shown THEN 'succeeded' ELSE 'failed' END",
        error="CASE WHEN r < setting.shown THEN NULL ELSE "
        """'{"cause": "error", "message": "no", "reference": "R-1", "cell": 1, "ename": "E", "evalue": "",
        "traceback": []}' END""",
    )
    + f"FROM number, run, setting JOIN runs AS model ON model.dashboard_id = {_MODEL}",
    _NUMBERS.format(most=_DASHBOARDS)
    + _columns("cards", run_id=_SHOWN)
    + f"FROM number, setting JOIN runs ON runs.dashboard_id = {_MODEL} JOIN cards AS model ON model.run_id = runs.id",
    _NUMBERS.format(most=_DASHBOARDS)
    + _columns("pointers", dashboard_id=_ID, run_id=_SHOWN)
    + f"FROM number, setting JOIN pointers AS model ON model.dashboard_id = {_MODEL}",
]
