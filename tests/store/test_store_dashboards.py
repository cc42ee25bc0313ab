from __future__ import annotations

import pytest

from nbdash.errors import ConflictError, NotFoundError
from nbdash.model import Dashboard, RerunBy, RunState, Selection
from nbdash.store import Store


def test_dashboard_comes_back_as_it_was_created(store, clock):
    created = store.create_dashboard("sales", title="Sales 2026", source_path="/w/sales.ipynb", listed=True)
    assert created == Dashboard(
        id=created.id,
        slug="sales",
        title="Sales 2026",
        source_path="/w/sales.ipynb",
        listed=True,
        version_id=None,
        revision=created.revision,
        public=False,
        rerun_by=RerunBy.VIEWERS,
        owner="",
        created_at=clock(),
    )
    assert store.dashboard("sales") == store.find_dashboard("sales") == created
    assert store.dashboard_by_id(created.id) == created


def test_slug_is_taken_once(store, fill):
    fill.dashboard("sales")
    with pytest.raises(ConflictError, match="'sales'"):
        fill.dashboard("sales")


@pytest.mark.parametrize("slug", ["nothing", "", "a\0b", "\udcff", "' OR 1=1 --"])
def test_unknown_slug_is_not_found(store, slug):
    assert store.find_dashboard(slug) is None
    with pytest.raises(NotFoundError):
        store.dashboard(slug)


def test_text_that_no_database_keeps_is_replaced_and_paths_come_back_exactly(store):
    made = store.create_dashboard("a", title="x\ud800y\0z 東京 🎉", source_path="/w/\udcff.ipynb", listed=True)
    assert made.title == "x\ufffdy\ufffdz 東京 🎉"
    assert store.dashboard("a").source_path == "/w/\udcff.ipynb"


def test_list_is_by_slug_in_pages_and_without_the_unlisted(store, fill):
    for slug in ("b", "d", "a", "c"):
        fill.dashboard(slug, listed=slug != "c")
    assert [each.slug for each in store.list_dashboards()] == ["a", "b", "d"]
    assert [each.slug for each in store.list_dashboards(limit=2)] == ["a", "b"]
    assert [each.slug for each in store.list_dashboards(after="b", limit=2)] == ["d"]
    assert [each.slug for each in store.list_dashboards(after="b", include_unlisted=True)] == ["c", "d"]
    store.list_dashboard(store.dashboard("c").id)
    assert [each.slug for each in store.list_dashboards(after="b")] == ["c", "d"]


def test_equal_publish_is_the_same_version_and_another_gets_the_next_number(store, fill):
    dashboard, first = fill.published()
    assert fill.version(dashboard) == first
    second = fill.version(dashboard, "second")
    again = fill.version(dashboard, "first")
    assert [first.number, second.number, again.number] == [1, 2, 3]
    assert [each.id for each in store.versions(dashboard.id)] == [again.id, second.id, first.id]
    assert store.version(first.id) == first
    assert first.selection is Selection.NEEDED


def test_versions_of_what_is_gone_are_refused(store, fill):
    dashboard, version = fill.published()
    other, _ = fill.published("other")
    with pytest.raises(NotFoundError):
        store.set_current_version(other.id, version.id)
    store.remove_dashboard(dashboard.id)
    with pytest.raises(NotFoundError):
        store.version(version.id)
    with pytest.raises(NotFoundError):
        fill.version(dashboard, "more")
    with pytest.raises(NotFoundError):
        fill.submit(version)


def test_remove_takes_everything_and_fences_the_worker_off(store: Store, fill, make_card):
    dashboard, version = fill.published()
    fill.succeed(version)
    run = fill.start(version)
    assert store.record(run, events=[], cards=[make_card()])
    store.remove_dashboard(dashboard.id)
    assert store.find_dashboard("sales") is None
    assert not store.heartbeat(run).owned
    assert not store.record(run, events=[], cards=[make_card()])
    assert not store.finish_run(run, state=RunState.SUCCEEDED)
    assert store.cards(run.id) == [] and store.events(run.id) == []
    assert store.integrity() == []


def test_id_of_a_removed_dashboard_is_never_used_again(store, fill):
    first = fill.dashboard()
    store.remove_dashboard(first.id)
    assert fill.dashboard().id != first.id


def test_hints_name_files_without_their_folders(store):
    store.keep_hint("/secret/b.ipynb", "no tag")
    store.keep_hint("/secret/a.ipynb", "old")
    store.keep_hint("/secret/a.ipynb", "new")
    assert store.hints() == [("a.ipynb", "new"), ("b.ipynb", "no tag")]
    store.drop_hint("/secret/a.ipynb")
    store.drop_hint("/secret/unknown.ipynb")
    assert store.hints() == [("b.ipynb", "no tag")]
