"""A served folder: each tagged notebook in it is a dashboard, and saving one publishes it again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import watchfiles

from nbdash.errors import NbdashError, StoreError
from nbdash.notebook.reader import read_notebook
from nbdash.publisher.publication import WATCH, Publisher, PublishOptions

log = logging.getLogger(__name__)

#: Milliseconds without a further change after which a save counts as finished (Jupyter writes in steps).
DEBOUNCE_MS = 400
#: Milliseconds without a change after which what could not be published for want of space is tried again.
RETRY_MS = 2000
UNTAGGED = "No cell has the tag 'dash': tag the cells worth showing, or let 'nbdash init' propose them."


class Watcher:
    """Publishes the tagged notebooks below some folders, now and whenever one is saved."""

    def __init__(self, publisher: Publisher, paths: Sequence[Path]) -> None:
        self._publisher = publisher
        self._paths = [path.resolve() for path in paths]
        self._owed: set[Path] = set()  # what could not be kept yet

    def scan(self) -> None:
        """Publish every tagged notebook there is; the unchanged ones stay as they are."""
        self._offer_all(self._paths)

    def serve(self, stop: threading.Event) -> None:
        """Scan, then publish what is saved until ``stop`` is set.

        The first time that nothing has changed for a while it scans again, for what was saved after the scan
        and before the folders were watched.
        """
        self.scan()
        is_complete = False  # whether nothing can have been overlooked
        watched = {path.parent if path.is_file() else path for path in self._paths}
        for changes in watchfiles.watch(
            *watched,
            watch_filter=_is_notebook_change,
            stop_event=stop,
            debounce=DEBOUNCE_MS,
            step=100,
            rust_timeout=RETRY_MS,
            yield_on_timeout=True,
        ):
            if not (changes or is_complete):
                is_complete = self._offer_all(self._paths)
            owed, self._owed = self._owed, set()  # what is gone since is owed no longer
            is_complete &= self._offer_all(sorted({Path(changed) for _, changed in changes} | owed))

    def _offer_all(self, paths: Sequence[Path]) -> bool:
        """Offer these notebooks and those below these folders; False if a folder went away meanwhile."""
        is_complete = True
        for path in paths:
            try:
                for notebook in find_notebooks([path]):
                    self.offer(notebook)
            except OSError as error:
                log.warning("a watched folder could not be looked through: %s", error)
                is_complete = False
        return is_complete

    def offer(self, path: Path) -> None:
        """Publish one notebook if it is tagged; else leave a hint that says why it is no dashboard.

        A save that changed outputs only changes nothing. Where the store fails it is offered again later.
        """
        self._owed.discard(path)
        if not self._is_watched(path):
            return
        try:
            self._publish(path)
        except StoreError as error:
            log.warning("%s", error)
            self._owed.add(path)

    def _publish(self, path: Path) -> None:
        store = self._publisher.store
        try:
            if not read_notebook(path).is_tagged:
                store.keep_hint(str(path), UNTAGGED)
                return
            self._publisher.publish(path, PublishOptions(listed=True, origin=WATCH))
            store.drop_hint(str(path))
        except StoreError:
            raise
        except NbdashError as error:
            log.warning("%s", error)
            store.keep_hint(str(path), str(error))

    def _is_watched(self, path: Path) -> bool:
        return path.is_file() and any(path == each or _is_visible_in(each, path) for each in self._paths)


def find_notebooks(paths: Sequence[Path]) -> Iterator[Path]:
    """The notebooks among resolved ``paths`` and below them, but for those in hidden folders."""
    for path in paths:
        if path.is_file():
            yield path
        else:
            yield from (each for each in sorted(path.rglob("*.ipynb")) if _is_visible_in(path, each))


def _is_visible_in(folder: Path, path: Path) -> bool:
    """Whether ``path`` lies below ``folder`` with no hidden folder (``.ipynb_checkpoints``) between."""
    return path.is_relative_to(folder) and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_notebook_change(change: watchfiles.Change, path: str) -> bool:
    """Of a new folder too: what is written into it at once would go unseen."""
    is_new_folder = change is watchfiles.Change.added and Path(path).is_dir()
    return (path.endswith(".ipynb") or is_new_folder) and ".ipynb_checkpoints" not in path
