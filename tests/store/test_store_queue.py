from __future__ import annotations

import pytest

from nbdash.model import Cause, EventKind, Outcome, Progress, RunError, RunState

LEASE = 30.0


def states_of(store, run):
    return [event.data["state"] for event in store.events(run.id) if event.kind is EventKind.STATE]


def test_claim_takes_the_oldest_once(store, fill, clock):
    _, version = fill.published()
    first, second = fill.submit(version), fill.submit(version, "north")
    clock.advance(5)
    claimed = [store.claim_run("w"), store.claim_run("w")]
    assert [run.id for run in claimed] == [first.id, second.id]
    assert store.claim_run("w") is None
    assert all((run.state, run.attempt, run.started_at) == (RunState.RUNNING, 1, clock()) for run in claimed)
    assert claimed[0].fence < claimed[1].fence
    assert states_of(store, first) == ["queued", "running"]


def test_progress_and_error_come_back_as_they_were(store, fill, clock):
    _, version = fill.published()
    run = fill.start(version)
    progress = Progress(cell=3, of=7, title="Forecast", started_at=clock(), usual_seconds=20.0)
    assert store.record(run, events=[], progress=progress)
    assert store.run(run.id).progress == progress
    error = RunError(
        cause=Cause.ERROR,
        message="no \ud800",
        reference="R-1",
        cell=3,
        ename="ValueError",
        traceback=("a", "b"),
    )
    assert store.finish_run(
        run,
        state=RunState.FAILED,
        error=error,
        document_digest=None,
        outcome=Outcome(engine="fork", peak_memory_bytes=2**33),
    )
    ended = store.run(run.id)
    assert (ended.error, ended.engine, ended.peak_memory_bytes) == (error, "fork", 2**33)
    assert (ended.state, ended.finished_at) == (RunState.FAILED, clock())


def test_a_run_ends_once(store, fill):
    _, version = fill.published()
    run = fill.start(version)
    revision = store.dashboard("sales").revision
    assert fill.finish(run)
    assert not fill.finish(run, RunState.FAILED)
    assert not store.record(run, events=[(EventKind.OUTPUT, {})])
    assert not store.heartbeat(run).owned
    assert store.run(run.id).state is RunState.SUCCEEDED
    assert states_of(store, run) == ["queued", "running", "succeeded"]
    assert store.dashboard("sales").revision == revision + 1


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_a_run_cannot_end_in_a_state_that_is_none(store, fill, state):
    _, version = fill.published()
    run = fill.start(version)
    with pytest.raises(ValueError, match=state):
        fill.finish(run, state)
    assert store.run(run.id).state is RunState.RUNNING


def test_sweep_leaves_living_workers_alone(store, fill, clock):
    _, version = fill.published()
    run = fill.start(version)
    clock.advance(LEASE - 1)
    store.heartbeat(run)
    clock.advance(LEASE - 1)
    store.record(run, events=[])
    clock.advance(LEASE - 1)
    assert store.sweep(LEASE) == []


def test_run_of_a_dead_worker_is_tried_again_and_the_old_worker_is_fenced_off(store, fill, clock, make_card):
    dashboard, version = fill.published()
    old = fill.start(version)
    store.record(old, events=[(EventKind.CELL_START, {"cell": 1})], cards=[make_card(content=b"old")])
    clock.advance(LEASE + 1)
    (swept,) = store.sweep(LEASE)
    assert (swept.id, swept.state, swept.attempt, swept.started_at) == (old.id, RunState.QUEUED, 1, None)
    assert not store.record(old, events=[(EventKind.OUTPUT, {})], cards=[make_card(content=b"late")])

    new = store.claim_run("second")
    assert (new.id, new.attempt) == (old.id, 2) and new.fence > old.fence
    assert store.cards(old.id) == []
    before = store.events(old.id)
    assert not store.heartbeat(old).owned
    assert not store.record(old, events=[(EventKind.OUTPUT, {})], cards=[make_card(content=b"late")])
    assert not fill.finish(old)
    assert not store.release_run(old)
    assert store.events(old.id) == before and store.cards(old.id) == []
    assert store.current_run(dashboard.id) is None

    assert fill.finish(new)
    assert states_of(store, new) == ["queued", "running", "queued", "running", "succeeded"]
    assert store.integrity() == []


def test_run_whose_worker_died_twice_fails(store, fill, clock):
    dashboard, version = fill.published()
    good = fill.succeed(version)
    run = fill.start(version)
    progress = Progress(cell=2, of=3, title="Forecast")
    clock.advance(LEASE + 1)
    store.sweep(LEASE)
    again = store.claim_run("second")
    store.record(again, events=[], progress=progress)
    clock.advance(LEASE + 1)
    revision = store.dashboard("sales").revision
    (failed,) = store.sweep(LEASE)
    assert (failed.state, failed.attempt, failed.finished_at) == (RunState.FAILED, 2, clock())
    assert failed.error.cause is Cause.LOST and "twice" in failed.error.message
    assert (failed.error.cell, failed.error.title) == (2, "Forecast")
    assert failed.error.reference == f"R-{run.id[:6].upper()}"
    assert store.sweep(LEASE) == [] and store.claim_run("third") is None
    assert states_of(store, run).count("failed") == 1
    assert store.current_run(dashboard.id).id == good.id
    assert store.dashboard("sales").revision == revision + 1


def test_cancelled_run_of_a_dead_worker_is_not_tried_again(store, fill, clock):
    _, version = fill.published()
    run = fill.start(version)
    store.request_cancel(run.id)
    clock.advance(LEASE + 1)
    assert [each.state for each in store.sweep(LEASE)] == [RunState.CANCELLED]


def test_clock_put_back_does_not_hide_a_dead_worker(store, fill, clock):
    _, version = fill.published()
    fill.start(version)
    clock.advance(-86400)
    assert [each.state for each in store.sweep(LEASE)] == [RunState.QUEUED]


def test_released_run_has_lost_no_attempt(store, fill):
    _, version = fill.published()
    run = fill.start(version)
    assert store.release_run(run)
    assert store.run(run.id).attempt == 0
    again = store.claim_run("second")
    assert (again.id, again.attempt) == (run.id, 1) and again.fence > run.fence
    assert not store.heartbeat(run).owned


def test_run_that_is_tried_again_comes_before_newer_ones(store, fill):
    _, version = fill.published()
    run = fill.start(version)
    fill.submit(version, "north")
    store.release_run(run)
    assert store.claim_run("w").id == run.id
