from __future__ import annotations

import hashlib
import os
import threading

import pytest

from nbdash.errors import NotFoundError, StoreError
from nbdash.model import Block, BlockKind, Card, CellKind, ShownCard, Visibility
from nbdash.store import StoredCard, StoredPage
from nbdash.store.records import card_from_json, card_to_json


def test_cards_come_back_in_page_order_as_they_were(store, fill, make_card):
    _, version = fill.published()
    run = fill.start(version)
    late, early = make_card(2, name="b"), make_card(0, name="a", failed=True)
    for card in (late, early):
        assert store.record(run, events=[], cards=[card])
    assert store.cards(run.id) == [early.shown, late.shown]


def test_card_recorded_again_replaces_the_first(store, fill, make_card):
    _, version = fill.published()
    run = fill.start(version)
    for content in (b"one", b"two"):
        store.record(run, events=[], cards=[make_card(content=content)])
    (card,) = store.cards(run.id)
    assert store.read_blob(card.blocks[0].figure.digest) == b"two"


def test_every_field_of_a_card_survives_json(store, fill):
    card = Card(
        name="n",
        index=4,
        kind=CellKind.MARKDOWN,
        title="t",
        caption="c",
        alt="a",
        width=12,
        section="s",
        heading="h",
        source=Visibility.COLLAPSED,
        output=Visibility.ABSENT,
    )
    blocks = tuple(Block(kind=kind, html="<p>", text="x") for kind in BlockKind)
    shown = ShownCard(card=card, title=None, blocks=blocks, failed=True)
    _, version = fill.published()
    run = fill.start(version)
    store.record(run, events=[], cards=[StoredCard(position=0, shown=shown)])
    assert store.cards(run.id) == [shown]


def test_card_of_a_newer_nbdash_is_read_without_what_is_unknown(make_card):
    shown = make_card().shown
    data = card_to_json(shown)
    data["later"] = data["card"]["later"] = data["blocks"][0]["later"] = 1
    data["blocks"][0]["figure"]["later"] = 1
    assert card_from_json(data) == shown


def test_blob_is_named_by_its_content(store):
    digest = store.put_blob(b"png")
    assert digest == hashlib.sha256(b"png").hexdigest()
    assert store.put_blob(b"png") == digest
    assert store.read_blob(digest) == b"png"
    assert store.read_blob(store.put_blob(b"")) == b""


@pytest.mark.parametrize("digest", ["", "0" * 64, "..", "../../nbdash.sqlite", "A" * 64, "/etc/passwd", "0" * 63 + "/"])
def test_unknown_blob_is_not_found_and_no_path_gets_through(store, digest):
    with pytest.raises(NotFoundError):
        store.read_blob(digest)


def test_blob_that_could_not_be_written_whole_is_not_there(store, tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    data = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(StoreError, match=f"'{data / 'blobs'}' .No space left on device.*check its space"):
            store.put_blob(b"figure")
    assert [path for path in (data / "blobs").rglob("*") if path.is_file()] == []
    assert store.read_blob(store.put_blob(b"figure")) == b"figure"


def test_threads_may_put_the_same_blob_at_once(store, tmp_path):
    data = b"x" * 200_000
    threads = [threading.Thread(target=store.put_blob, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read_blob(hashlib.sha256(data).hexdigest()) == data
    assert len(list((tmp_path / "data" / "blobs").glob("*/*"))) == 1


def test_only_the_newest_revision_of_a_page_is_kept(store):
    digest = store.put_blob(b"page")
    for revision in (3, 5, 4):
        store.keep_page("theme-run", revision, digest, f'"{revision}"')
    assert store.stored_page("theme-run", 5) == StoredPage(key="theme-run", revision=5, body_digest=digest, etag='"5"')
    assert store.stored_page("theme-run", 3) is None
    assert store.stored_page("theme-run", 4) is None
    assert store.stored_page("other", 5) is None
