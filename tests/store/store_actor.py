"""A process that uses a store: what the tests start several times at once, and kill.

``store_actor.py DATA ACTION [ARGUMENT]`` prints a line per thing that was committed.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from nbdash.errors import ConflictError, StoreError
from nbdash.model import Block, BlockKind, Card, CellKind, EventKind, RunState, Selection, ShownCard, Version
from nbdash.store import Store, StoredCard, open_store

THREADS = 12


def publish(store: Store) -> Version:
    """The dashboard that all actors share."""
    with suppress(ConflictError):  # another actor came first
        store.create_dashboard("sales", title="Sales", source_path="/w", listed=False)
    dashboard = store.dashboard("sales")
    digest = store.put_blob(b"notebook")
    return store.add_version(
        dashboard.id, digest="d", title="Sales", notebook_digest=digest, selection=Selection.NEEDED
    )


def submit(store: Store, version: Version, key: str = "") -> str:
    """Asks for a run."""
    run, _ = store.submit_run(version.dashboard_id, version.id, parameters={}, parameters_key=key, origin="publish")
    return run.id


def execute(store: Store) -> None:
    """Claims a run and takes it to its end, with a card whose content is new."""
    run = store.claim_run("actor")
    if run is None:
        return
    frame = Block(kind=BlockKind.FRAME, digest=store.put_blob(os.urandom(64)))
    card = Card(name="card", index=0, kind=CellKind.CODE)
    shown = ShownCard(card=card, title=None, blocks=(frame,))
    store.record(run, events=[(EventKind.OUTPUT, {})], cards=[StoredCard(position=0, shown=shown)])
    store.finish_run(run, state=RunState.SUCCEEDED, document_digest=store.put_blob(os.urandom(64)))


def submit_in_threads(store: Store) -> None:
    """As many equal submissions at once as there are threads."""
    version = publish(store)
    barrier = threading.Barrier(THREADS)

    def ask() -> None:
        barrier.wait()
        say(submit(store, version))

    run_in_threads(ask)


def claim_in_threads(store: Store) -> None:
    """Claims until nothing is queued, and says what it got."""

    def claim() -> None:
        while run := store.claim_run("actor"):
            say(f"{run.id} {run.fence}")

    run_in_threads(claim)


def work(store: Store) -> None:
    """Submits and executes without end."""
    version = publish(store)
    for number in range(10_000):
        say(submit(store, version, str(number % 3)))
        execute(store)


def die_at_each_statement(data: Path) -> None:
    """Uses a store in a child that dies before its n-th statement, for every n; says what is wrong."""
    trials = 0
    while dies_at(data / str(trials), trials):
        with open_store(data / str(trials)) as store:
            store.sweep(-1.0)
            execute(store)
            store.collect_blobs(-1.0)
            for sentence in store.integrity():
                say(f"killed at {trials}: {sentence}")
        trials += 1
    say(f"{trials} trials")


def dies_at(data: Path, number: int) -> bool:
    """Whether the child had so many statements to die at."""
    child = os.fork()
    if child == 0:
        kill_before_statement(number)
        with open_store(data) as store:
            submit(store, publish(store))
            execute(store)
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def kill_before_statement(number: int) -> None:
    """From now on this process has ``number`` statements to live."""
    left = number

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: Any) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1


def fill_the_disk(data: Path) -> None:
    """Goes on when no file may grow beyond what the database has now, then without that limit."""
    with open_store(data) as store:
        version = publish(store)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = (data / "nbdash.sqlite").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        say(sentence_of(lambda: store.put_blob(os.urandom(10 * size))))
        say(sentence_of(lambda: [submit(store, version, str(number)) for number in range(10_000)]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        say(str(store.integrity()))
        submit(store, version, "last")


def sentence_of(act: Callable[[], object]) -> str:
    """What a person reads of the failure."""
    try:
        act()
    except StoreError as error:
        return str(error)
    return "it worked"


def run_in_threads(target: Callable[[], None]) -> None:
    """Runs ``target`` in all threads."""
    threads = [threading.Thread(target=target) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def say(line: str) -> None:
    """One whole line, at once."""
    os.write(1, f"{line}\n".encode())


def main(data: Path, action: str) -> None:
    """Performs one action."""
    whole = {"die": die_at_each_statement, "fill": fill_the_disk}
    if action in whole:
        whole[action](data)
        return
    with open_store(data) as store:
        {"submit": submit_in_threads, "claim": claim_in_threads, "work": work}[action](store)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
