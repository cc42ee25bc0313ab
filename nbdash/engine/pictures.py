"""Pictures of figures that were drawn before: used again for a figure of the same fingerprint, and checked."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Protocol

from nbdash.model import CellJob, OutputAdded

_log = logging.getLogger(__name__)
#: One in so many is drawn all the same, and compared.
_CHECKED = 50
#: A larger one is drawn each time.
_MOST_BYTES = 4 * 1024**2
#: After so many runs with new figures only, fingerprints are taken in one of so many.
_PATIENCE, _SELDOM = 2, 4
_MOST_CELLS = 10_000


class PictureStore(Protocol):
    """Bytes by dashboard and fingerprint; losing them costs only time."""

    def find(self, dashboard: str, fingerprint: str) -> bytes | None:
        """What was kept."""
        ...

    def keep(self, dashboard: str, fingerprint: str, data: bytes) -> None:
        """Keep it, for a while."""
        ...

    def distrust(self, dashboard: str) -> None:
        """Forget all of a dashboard's, and keep no more."""
        ...


class Prospects:
    """Which cells may have figures that have not changed; safe for several threads.

    Where they were new in each of the last runs, a fingerprint is most likely taken in vain.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: OrderedDict[Hashable, int] = OrderedDict()  # in how many runs one after the other

    def are_good(self, cell: Hashable) -> bool:
        """Whether to take fingerprints in that cell."""
        new = self._new.get(cell, 0)
        return new < _PATIENCE or (new + 1) % _SELDOM == 0

    def note(self, cell: Hashable, *, is_new: bool) -> None:
        """What came of it in one run; without fingerprints all is new."""
        with self._lock:
            new = self._new.pop(cell, 0)
            if is_new:
                self._new[cell] = new + 1
            while len(self._new) > _MOST_CELLS:
                self._new.popitem(last=False)


class Pictures:
    """The pictures of one dashboard, for one run."""

    def __init__(
        self, store: PictureStore, dashboard: str, *, prospects: Prospects | None = None, checks_all: bool = False
    ) -> None:
        """``checks_all``: draw everything all the same, and compare."""
        self._store = store
        self._dashboard = dashboard
        self._prospects = prospects or Prospects()
        self._checks_all = checks_all
        self._expected: dict[tuple[str, int], OutputAdded] = {}  # two cells may make the same figure
        self._sources: dict[int, str] = {}
        self._are_new: dict[int, bool] = {}  # by cell: whether all of its figures are

    def are_wanted(self, cell: CellJob) -> bool:
        """Whether the cell's figures are worth their fingerprints."""
        self._sources[cell.index] = cell.source
        is_wanted = self._checks_all or self._prospects.are_good((self._dashboard, cell.source))
        if not is_wanted:
            self._are_new[cell.index] = True
        return is_wanted

    def close(self) -> None:
        """The run is over: the next ones may learn from it."""
        for index, is_new in self._are_new.items():
            self._prospects.note((self._dashboard, self._sources[index]), is_new=is_new)

    def find(self, fingerprint: str, index: int) -> OutputAdded | None:
        """The output of that figure, now in cell ``index``; None: it is to be drawn."""
        found = self._find(fingerprint, index)
        is_new = found is None and (fingerprint, index) not in self._expected
        self._are_new[index] = self._are_new.get(index, True) and is_new
        return found

    def _find(self, fingerprint: str, index: int) -> OutputAdded | None:
        data = self._store.find(self._dashboard, fingerprint)
        found = None if data is None else _output_from(data, index)
        if found is not None and (self._checks_all or secrets.randbelow(_CHECKED) == 0):
            self._expected[fingerprint, index] = found
            return None
        return found

    def keep(self, fingerprint: str, drawn: OutputAdded) -> None:
        """Keep what was drawn; if it is not what was kept before, that dashboard's figures are not used again."""
        expected = self._expected.pop((fingerprint, drawn.index), drawn)
        if expected != drawn:
            _log.error("A figure of %s has changed, though its fingerprint has not: all are drawn from now on.", self)
            self._store.distrust(self._dashboard)
        elif len(data := _data_of(drawn)) <= _MOST_BYTES:
            self._store.keep(self._dashboard, fingerprint, data)

    def __str__(self) -> str:
        return f"dashboard {self._dashboard!r}"


def _data_of(drawn: OutputAdded) -> bytes:
    return json.dumps({"output": drawn.output, "title": drawn.title, "alt": drawn.alt}).encode()


def _output_from(data: bytes, index: int) -> OutputAdded | None:
    try:
        kept: dict[str, Any] = json.loads(data)
        return OutputAdded(index=index, output=kept["output"], title=kept["title"], alt=kept["alt"])
    except (ValueError, KeyError, TypeError):  # a file that a crash has left empty
        return None
