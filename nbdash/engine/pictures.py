"""Pictures of figures that were drawn before: used again for a figure of the same fingerprint, and checked."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any, Protocol

from nbdash.model import OutputAdded

_log = logging.getLogger(__name__)
#: One in so many is drawn all the same, and compared.
_CHECKED = 50
#: A larger one is drawn each time.
_MOST_BYTES = 4 * 1024**2


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


class Pictures:
    """The pictures of one dashboard."""

    def __init__(self, store: PictureStore, dashboard: str, *, checks_all: bool = False) -> None:
        """``checks_all``: draw everything all the same, and compare."""
        self._store = store
        self._dashboard = dashboard
        self._checks_all = checks_all
        self._expected: dict[str, OutputAdded] = {}

    def find(self, fingerprint: str, index: int) -> OutputAdded | None:
        """The output of that figure, now in cell ``index``; None: it is to be drawn."""
        data = self._store.find(self._dashboard, fingerprint)
        found = None if data is None else _output_from(data, index)
        if found is not None and (self._checks_all or secrets.randbelow(_CHECKED) == 0):
            self._expected[fingerprint] = found
            return None
        return found

    def keep(self, fingerprint: str, drawn: OutputAdded) -> None:
        """Keep what was drawn; if it is not what was kept before, that dashboard's figures are not used again."""
        expected = self._expected.pop(fingerprint, drawn)
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
