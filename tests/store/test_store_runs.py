from __future__ import annotations

import re

import pytest

from nbdash.errors import NotFoundError
from nbdash.model import Cause, EventKind, RunState


def states_of(store, run):
    return [event.data["state"] for event in store.events(run.id) if event.kind is EventKind.STATE]


def test_submitted_run_is_queued(store, fill, clock):
    dashboard, version = fill.published()
    run = fill.submit(version, "north", "rerun")
    assert run == store.run(run.id)
    assert (run.state, run.parameters, run.parameters_key) == (RunState.QUEUED, {"key": "north"}, "north")
    assert (run.origin, run.attempt, run.queued_at, run.started_at) == ("rerun", 0, clock(), None)
    assert re.fullmatch("[0-9a-f]{16}", run.id)
    assert states_of(store, run) == ["queued"]
    assert store.dashboard("sales").revision == dashboard.revision + 1


@pytest.mark.parametrize("running", [False, True])
def test_equal_run_is_joined_while_it_is_under_way(store, fill, running):
    _, version = fill.published()
    first = fill.start(version) if running else fill.submit(version)
    revision = store.dashboard("sales").revision
    joined, is_new = store.submit_run(
        version.dashboard_id, version.id, parameters={}, parameters_key="", origin="rerun"
    )
    assert joined.id == first.id and not is_new
    assert store.dashboard("sales").revision == revision


def test_runs_that_differ_or_come_later_are_not_joined(store, fill):
    dashboard, version = fill.published()
    done = fill.succeed(version)
    ids = {
        done.id,
        fill.submit(version).id,
        fill.submit(version, "north").id,
        fill.submit(fill.version(dashboard, "second")).id,
    }
    assert len(ids) == 4


def test_version_of_another_dashboard_is_refused(store, fill):
    _, version = fill.published()
    other, _ = fill.published("other")
    with pytest.raises(NotFoundError):
        store.submit_run(other.id, version.id, parameters={}, parameters_key="", origin="rerun")


@pytest.mark.parametrize("run_id", ["", "0", "null", "../x", "a\0", "\udcff"])
def test_unknown_run_is_not_found(store, run_id):
    with pytest.raises(NotFoundError):
        store.run(run_id)
    with pytest.raises(NotFoundError):
        store.request_cancel(run_id)


def test_runs_are_listed_newest_first(store, fill):
    dashboard, version = fill.published()
    ids = [fill.submit(version, key).id for key in ("", "a", "b")]
    assert [run.id for run in store.runs(dashboard.id)] == ids[::-1]
    assert [run.id for run in store.runs(dashboard.id, limit=2)] == ids[:0:-1]
    assert [run.id for run in store.active_runs(dashboard.id)] == ids


def test_latest_run_is_of_any_state_and_of_its_parameters(store, fill):
    dashboard, version = fill.published()
    assert store.latest_run(dashboard.id) is None
    good = fill.succeed(version)
    failed = fill.start(version)
    fill.finish(failed, RunState.FAILED)
    north = fill.submit(version, "north")
    assert store.latest_run(dashboard.id).id == failed.id
    assert store.current_run(dashboard.id).id == good.id
    assert store.latest_run(dashboard.id, "north").id == north.id
    assert store.active_runs(dashboard.id) == [north]


def test_cancelling_a_queued_run_ends_it_at_once(store, fill, clock):
    _, version = fill.published()
    run = fill.submit(version)
    revision = store.dashboard("sales").revision
    cancelled = store.request_cancel(run.id)
    assert (cancelled.state, cancelled.finished_at) == (RunState.CANCELLED, clock())
    assert cancelled.error.cause is Cause.CANCELLED
    assert states_of(store, run) == ["queued", "cancelled"]
    assert store.dashboard("sales").revision == revision + 1
    assert store.claim_run("worker") is None
    assert store.request_cancel(run.id) == cancelled


def test_cancelling_a_running_run_asks_its_worker(store, fill):
    _, version = fill.published()
    run = fill.start(version)
    assert not store.heartbeat(run).cancel_requested
    assert store.request_cancel(run.id).state is RunState.RUNNING
    assert store.heartbeat(run) == store.heartbeat(run)
    assert store.heartbeat(run).cancel_requested and store.heartbeat(run).owned


def test_cancelling_what_is_over_changes_nothing(store, fill):
    _, version = fill.published()
    run = store.run(fill.succeed(version).id)
    assert store.request_cancel(run.id) == run


def test_events_are_numbered_and_read_in_pieces(store, fill, clock):
    _, version = fill.published()
    run = fill.start(version)
    clock.advance(1.5)
    started = (EventKind.CELL_START, {"cell": 1, "title": "Load"})
    assert store.record(run, events=[started, (EventKind.CELL_END, {"cell": 1, "text": "\ud800"})])
    fill.finish(run)
    events = store.events(run.id)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert (events[2].kind, events[2].data, events[2].at) == (*started, clock())
    assert store.events(run.id, after=3) == events[3:]
    assert store.events(run.id, after=1, limit=2) == events[1:3]
    assert store.events(run.id, after=5) == []


def test_usual_seconds_are_those_of_the_last_success(store, fill):
    dashboard, version = fill.published()
    assert store.cell_seconds(dashboard.id) == {}
    for seconds, state in ((1.0, RunState.SUCCEEDED), (2.0, RunState.SUCCEEDED), (9.0, RunState.FAILED)):
        run = fill.start(version)
        store.record(run, events=[(EventKind.CELL_END, {"title": "Load", "seconds": seconds})])
        fill.finish(run, state)
    assert store.cell_seconds(dashboard.id) == {"Load": 2.0}


def test_runs_are_counted_by_state(store, fill):
    _, version = fill.published()
    fill.succeed(version)
    fill.start(version)
    assert store.count_runs() == {
        RunState.QUEUED: 0,
        RunState.RUNNING: 1,
        RunState.SUCCEEDED: 1,
        RunState.FAILED: 0,
        RunState.CANCELLED: 0,
        RunState.LOST: 0,
    }
