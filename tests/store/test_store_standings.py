"""Where dashboards stand: the question for many tells what the rule, said step by step, tells of each."""

from __future__ import annotations

import random

import pytest

from nbdash.model import RunState
from nbdash.store import Outline, Standing
from nbdash.store.standings import NEWEST

ENDS = (RunState.SUCCEEDED, RunState.FAILED, RunState.LOST, RunState.CANCELLED)


def standing_of(store, dashboard, key):
    """The rule, run by run."""
    current = store.current_run(dashboard.id, key)
    active = [run for run in store.active_runs(dashboard.id) if run.parameters_key == key]
    return Standing(
        current=current, active=active[-1] if active else None, failed=last_failure(store, dashboard, key, current)
    )


def last_failure(store, dashboard, key, current):
    for run in store.runs(dashboard.id, limit=NEWEST):
        if current is not None and run.id == current.id:
            return None
        foreign = run.origin == "publish" and run.version_id != dashboard.version_id
        if run.parameters_key != key or not run.state.is_final or (foreign and current is not None):
            continue
        if run.state is RunState.CANCELLED:
            continue
        return run if run.state in (RunState.FAILED, RunState.LOST) else None
    return None


def random_history(fill, clock, rng, slug):
    """A dashboard with versions, and runs that end in every way, or do not end."""
    dashboard = fill.dashboard(slug, listed=rng.random() < 0.5)
    versions = [fill.version(dashboard, f"{slug} {n}") for n in range(rng.randint(1, 3))]
    for _ in range(rng.randint(0, 30)):
        clock.advance(rng.choice((0, 1)))
        run = fill.start(
            rng.choice(versions), rng.choice(("", "", "north")), rng.choice(("publish", "rerun", "rerun", "watch"))
        )
        fill.finish(run, rng.choice(ENDS))
    return dashboard, versions


@pytest.mark.parametrize("seed", range(12))
def test_the_question_for_many_is_the_rule_for_each(store, fill, clock, seed):
    rng = random.Random(seed)
    made = [random_history(fill, clock, rng, f"d{n}") for n in range(4)]
    for _, versions in made:  # now nothing is claimed any more
        for _ in range(rng.randint(0, 2)):
            fill.submit(rng.choice(versions), rng.choice(("", "north")), "rerun")
    dashboards = [store.dashboard_by_id(dashboard.id) for dashboard, _ in made]
    outlines = store.outlines(dashboard.id for dashboard in dashboards)
    for dashboard in dashboards:
        expected = standing_of(store, dashboard, "")
        assert store.standing(dashboard.id) == expected
        assert store.standing(dashboard.id, "north") == standing_of(store, dashboard, "north")
        assert outlines[dashboard.id] == Outline(
            current_run=expected.current and expected.current.id,
            data_at=expected.current and expected.current.started_at,
            active_run=expected.active and expected.active.id,
            has_failed=expected.failed is not None,
        )


def test_what_is_not_there_stands_nowhere(store, fill):
    dashboard = fill.dashboard()
    assert store.outlines([]) == {} == store.versions_shown([dashboard.id, 999])
    assert store.standing(999) == Standing(current=None, active=None, failed=None)
    nothing = Outline(current_run=None, data_at=None, active_run=None, has_failed=False)
    assert store.outlines([dashboard.id, 999]) == {dashboard.id: nothing}


def test_versions_shown_are_the_current_or_the_newest(store, fill):
    new, _ = fill.published("new")
    newest = fill.version(new, "second")
    old, first = fill.published("old")
    fill.succeed(first)
    fill.version(old, "not yet")
    assert store.versions_shown([new.id, old.id]) == {new.id: newest, old.id: first}


def test_figures_of_runs_in_page_order(store, fill, make_card):
    _, version = fill.published()
    run = fill.start(version)
    for position, name in enumerate(("b", "a")):
        assert store.record(run, events=[], cards=[make_card(position, name=name, content=name.encode())])
    assert [figure.name for figure in store.figures([run.id, "unknown"])[run.id]] == ["b", "a"]


def test_the_state_is_another_after_every_change_of_whoever(store, make_store, fill):
    other, seen = make_store(), [store.state()]
    assert store.state() == seen[0]
    for change in (
        lambda: fill.dashboard("own"),
        lambda: other.create_dashboard("other", title="O", source_path="/o.ipynb", listed=True),
        lambda: other.remove_dashboard(other.dashboard("own").id),
        store.close,
    ):
        change()
        seen.append(store.state())
    assert len(set(seen)) == len(seen)
    assert store.state() == seen[-1]


def test_more_than_one_question_may_hold(store, fill, monkeypatch):
    monkeypatch.setattr("nbdash.store.standings._AT_ONCE", 2)
    ids = [fill.dashboard(f"d{n}").id for n in range(5)]
    assert store.outlines(ids).keys() == set(ids)
