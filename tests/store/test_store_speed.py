"""With many dashboards and runs, the questions that pages and workers ask are answered from an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text

ASKED = {
    "list": lambda store, ids: store.list_dashboards(after="m"),
    "list with unlisted": lambda store, ids: store.list_dashboards(after="m", include_unlisted=True),
    "find": lambda store, ids: store.find_dashboard("sales"),
    "current": lambda store, ids: store.current_run(ids["dashboard"], "north"),
    "latest": lambda store, ids: store.latest_run(ids["dashboard"]),
    "runs": lambda store, ids: store.runs(ids["dashboard"]),
    "active": lambda store, ids: store.active_runs(ids["dashboard"]),
    "outlines": lambda store, ids: store.outlines([ids["dashboard"], 7]),
    "standing": lambda store, ids: store.standing(ids["dashboard"], "north"),
    "versions shown": lambda store, ids: store.versions_shown([ids["dashboard"], 7]),
    "figures": lambda store, ids: store.figures([ids["run"], "x"]),
    "run": lambda store, ids: store.run(ids["run"]),
    "events": lambda store, ids: store.events(ids["run"], after=3),
    "cards": lambda store, ids: store.cards(ids["run"]),
    "usual seconds": lambda store, ids: store.cell_seconds(ids["dashboard"]),
    "claim": lambda store, ids: store.claim_run("worker"),
    "heartbeat": lambda store, ids: store.heartbeat(store.run(ids["run"])),
    "sweep": lambda store, ids: store.sweep(30),
    "versions": lambda store, ids: store.versions(ids["dashboard"]),
    "page": lambda store, ids: store.stored_page("key", 1),
    "finish": lambda store, ids: ids["fill"].finish(ids["claimed"]),
    "submit": lambda store, ids: ids["fill"].submit(ids["version"], "south"),
    "rollback": lambda store, ids: store.set_current_version(ids["dashboard"], ids["version"].id),
}


@pytest.mark.parametrize("question", ASKED)
def test_no_question_reads_a_whole_table(store, fill, question):
    dashboard, version = fill.published()
    run = fill.succeed(version)
    claimed = fill.start(version, "claimed")
    fill.submit(version, "north")
    ids = {"dashboard": dashboard.id, "run": run.id, "claimed": claimed, "version": version, "fill": fill}
    statements: list[tuple[str, Any]] = []
    engine = store._database._engine

    def note(connection, cursor, statement, parameters, context, many):
        if statement.split()[0] in ("SELECT", "UPDATE", "DELETE"):
            statements.append((statement, parameters[0] if many else parameters))

    event.listen(engine, "before_cursor_execute", note)
    ASKED[question](store, ids)
    event.remove(engine, "before_cursor_execute", note)
    assert statements
    for statement, parameters in statements:
        assert scans_of(store, statement, parameters) == [], statement


def scans_of(store, statement, parameters):
    """The steps of SQLite's plan that go through a whole table or index, or sort.

    A dashboard's variants are sorted by use: they are few, by rule.
    """
    with store._database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    sorts = [] if "used_at" in statement else ["ORDER BY"]
    return [row[-1] for row in plan if any(word in row[-1] for word in ["SCAN", *sorts])]


def test_plans_are_read_rightly(store):
    assert scans_of(store, str(text("SELECT * FROM runs WHERE worker = 'x'")), ()) != []
