from __future__ import annotations

import pytest

from nbdash.model import RunState
from nbdash.store import pointers


def shown(store, dashboard, key=""):
    run = store.current_run(dashboard.id, key)
    return run.id if run else None


def test_first_success_lists_the_dashboard_and_shows_its_version(store, fill):
    dashboard, version = fill.published()
    assert shown(store, dashboard) is None
    run = fill.succeed(version, origin="rerun")
    after = store.dashboard("sales")
    assert shown(store, dashboard) == run.id
    assert (after.version_id, after.listed, after.title) == (version.id, True, version.title)


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED, RunState.LOST])
def test_what_did_not_succeed_is_never_shown(store, fill, state):
    dashboard, version = fill.published()
    good = fill.succeed(version)
    newer = fill.version(dashboard, "second")
    run = fill.start(newer)
    assert fill.finish(run, state)
    assert shown(store, dashboard) == good.id
    assert store.dashboard("sales").version_id == version.id


def test_failed_first_run_leaves_the_dashboard_unlisted(store, fill):
    dashboard, version = fill.published()
    fill.finish(fill.start(version), RunState.FAILED)
    after = store.dashboard("sales")
    assert (after.listed, after.version_id, shown(store, dashboard)) == (False, None, None)


def test_rerun_of_the_old_version_that_ends_last_does_not_replace_the_new_one(store, fill):
    dashboard, old = fill.published()
    fill.succeed(old)
    new = fill.version(dashboard, "second")
    publish = fill.start(new)
    rerun = fill.start(old, origin="rerun")  # submitted after the publish, while people still saw the old
    fill.finish(publish)
    fill.finish(rerun)
    after = store.dashboard("sales")
    assert (shown(store, dashboard), after.version_id) == (publish.id, new.id)
    assert after.title == new.title
    assert store.integrity() == []


def test_older_publish_that_ends_last_does_not_replace_the_newer_one(store, fill):
    dashboard, first = fill.published()
    second = fill.version(dashboard, "second")
    runs = [fill.start(first), fill.start(second)]
    fill.finish(runs[1])
    fill.finish(runs[0])
    assert (shown(store, dashboard), store.dashboard("sales").version_id) == (runs[1].id, second.id)


def test_rollback_shows_the_last_good_run_of_that_version(store, fill):
    dashboard, first = fill.published()
    fill.succeed(first)
    last = fill.succeed(first)
    north = fill.succeed(first, "north", "rerun")
    second = fill.version(dashboard, "second")
    fill.succeed(second)
    fill.succeed(second, "north", "rerun")
    revision = store.dashboard("sales").revision
    store.set_current_version(dashboard.id, first.id)
    after = store.dashboard("sales")
    assert (after.version_id, after.title, after.revision) == (first.id, first.title, revision + 1)
    assert shown(store, dashboard) == last.id
    assert shown(store, dashboard, "north") == north.id
    assert store.integrity() == []


def test_run_under_way_does_not_undo_a_rollback_but_a_later_publish_does(store, fill):
    dashboard, first = fill.published()
    good = fill.succeed(first)
    second = fill.version(dashboard, "second")
    fill.succeed(second)
    late = fill.start(second)
    store.set_current_version(dashboard.id, first.id)
    fill.finish(late)
    assert (shown(store, dashboard), store.dashboard("sales").version_id) == (good.id, first.id)

    again = fill.succeed(second)
    assert (shown(store, dashboard), store.dashboard("sales").version_id) == (again.id, second.id)


def test_rerun_of_a_newer_version_does_not_undo_a_rollback(store, fill):
    dashboard, first = fill.published()
    good = fill.succeed(first)
    second = fill.version(dashboard, "second")
    fill.succeed(second)
    store.set_current_version(dashboard.id, first.id)
    fill.succeed(second, origin="rerun")  # the viewer's page was still that of the second version
    assert (shown(store, dashboard), store.dashboard("sales").version_id) == (good.id, first.id)


def test_publish_that_joins_a_run_from_before_the_rollback_still_counts(store, fill):
    dashboard, first = fill.published()
    fill.succeed(first)
    second = fill.version(dashboard, "second")
    fill.succeed(second)
    run = fill.start(second, origin="rerun")
    store.set_current_version(dashboard.id, first.id)
    assert fill.submit(second, origin="publish").id == run.id
    fill.finish(run)
    assert (shown(store, dashboard), store.dashboard("sales").version_id) == (run.id, second.id)


def test_rollback_to_a_version_that_has_no_good_run_keeps_the_figures_until_it_has(store, fill):
    dashboard, first = fill.published()
    second = fill.version(dashboard, "second")
    good = fill.succeed(second)
    store.set_current_version(dashboard.id, first.id)
    assert shown(store, dashboard) == good.id
    run = fill.succeed(first, origin="rerun")
    assert shown(store, dashboard) == run.id


def test_variants_have_pointers_of_their_own(store, fill):
    dashboard, version = fill.published()
    default, north = fill.succeed(version), fill.succeed(version, "north", "rerun")
    assert (shown(store, dashboard), shown(store, dashboard, "north")) == (default.id, north.id)
    assert shown(store, dashboard, "south") is None


def test_variants_used_longest_ago_are_forgotten(store, fill, clock, monkeypatch):
    monkeypatch.setattr(pointers, "VARIANTS", 4)
    dashboard, version = fill.published()
    default = fill.succeed(version)
    keys = [f"v{number}" for number in range(4)]
    for key in keys:
        clock.advance(1)
        fill.succeed(version, key, "rerun")
    clock.advance(1)
    store.request_cancel(fill.submit(version, keys[0], "rerun").id)  # asked for again: in use
    fill.succeed(version, "one more", "rerun")
    assert shown(store, dashboard) == default.id
    assert shown(store, dashboard, keys[1]) is None
    assert all(shown(store, dashboard, key) for key in [keys[0], *keys[2:], "one more"])
    assert store.integrity() == []
