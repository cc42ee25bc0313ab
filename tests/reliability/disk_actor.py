"""Everything that writes into a data directory, once: ``disk_actor.py DATA`` says ``done``, or why it could not."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from nbdash.errors import ConflictError, StoreError
from nbdash.model import Block, BlockKind, Card, CellKind, EventKind, RunState, Selection, ShownCard
from nbdash.store import Store, StoredCard, open_store

BLOB_BYTES = 20_000


def main(data: Path) -> None:
    """Say how it went."""
    try:
        with open_store(data) as store:
            act(store)
        print("done")
    except StoreError as error:
        print(error)


def act(store: Store) -> None:
    """Publish, submit, run, show, share, tidy up."""
    store.sweep(-1.0)
    with suppress(ConflictError):
        store.create_dashboard("sales", title="Sales", source_path="/w", listed=True)
    dashboard = store.dashboard("sales")
    digest = secrets.token_hex(8)
    blob = store.put_blob(digest.encode())
    version = store.add_version(
        dashboard.id, digest=digest, title="Sales", notebook_digest=blob, selection=Selection.NEEDED
    )
    store.submit_run(dashboard.id, version.id, parameters={}, parameters_key="", origin="publish")
    while run := store.claim_run("actor"):
        frame = Block(kind=BlockKind.FRAME, digest=store.put_blob(os.urandom(BLOB_BYTES)))
        shown = ShownCard(card=Card(name="card", index=0, kind=CellKind.CODE), title=None, blocks=(frame,))
        store.record(run, events=[(EventKind.OUTPUT, {})], cards=[StoredCard(position=0, shown=shown)])
        store.heartbeat(run)
        store.finish_run(run, state=RunState.SUCCEEDED, document_digest=store.put_blob(os.urandom(BLOB_BYTES)))
    page = store.put_blob(os.urandom(BLOB_BYTES))
    store.keep_page("page", store.dashboard("sales").revision, body_digest=page, etag=page)
    store.prune(2)
    store.collect_blobs(-1.0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
