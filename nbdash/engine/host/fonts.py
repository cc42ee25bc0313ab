"""The font files that drawing may use."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from operator import attrgetter, is_
from typing import Any

from .values import refuse

_GENERIC = frozenset({"serif", "sans-serif", "sans serif", "sans", "cursive", "fantasy", "monospace"})


def stats_of(files: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Size, times and number of each file, None of one that is not there."""
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            yield file, None
        else:
            yield file, (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Fonts:
    """The font files that Matplotlib knows, as they were when it was made."""

    def __init__(self) -> None:
        self._manager = sys.modules["matplotlib.font_manager"].fontManager
        self._entries = list(self._all_entries())
        self._fields_of = attrgetter(*type(self._entries[0]).__dataclass_fields__)
        self._fields = list(map(self._fields_of, self._entries))
        self._attributes = dict(vars(self._manager))
        self.files = frozenset(each.fname for each in self._entries)
        self._stats = dict(stats_of(self.files))
        self._names = frozenset(each.name.lower() for each in self._entries)
        self.constant  # noqa: B018  # as it is now

    def verify_all(self) -> None:
        """Refuse if any font changed, for it may be loaded as it was."""
        entries = list(self._all_entries())
        same = len(entries) == len(self._entries) and all(map(is_, entries, self._entries))
        if not same or list(map(self._fields_of, entries)) != self._fields or dict(stats_of(self.files)) != self._stats:
            refuse(self._manager, "has fonts that are not the ones of the start")
        attributes = vars(self._manager)
        same = attributes.keys() == self._attributes.keys()
        if not same or not all(map(is_, attributes.values(), self._attributes.values())):
            refuse(self._manager, "is not as it was")
        if self._defaults() != self.constant[2]:
            refuse(self._manager, "has other default fonts")

    @functools.cached_property
    def constant(self) -> Any:
        """Every font."""
        return self._fields, sorted(self._stats.items()), self._defaults()

    def _defaults(self) -> Any:
        return self._manager.default_size, dict(self._manager.defaultFamily)

    def verify(self, properties: Any) -> None:
        """Refuse a font that is not known, or not found: the search for it writes a message, but only once."""
        file, families = properties._file, properties._family or ()
        if file is not None and os.fspath(file) not in self.files:
            refuse(properties, "names a font file that is not a known font")
        for family in [families] if isinstance(families, str) else families:
            self.verify_family(str(family).lower())

    def verify_family(self, family: str) -> None:
        """Refuse a family, or a generic one, that has no font."""
        settings = sys.modules["matplotlib"].rcParams
        if family in _GENERIC:
            key = "font.sans-serif" if family in ("sans serif", "sans") else f"font.{family}"
            found = any(str(each).lower() in self._names for each in settings[key])
        else:
            found = family in self._names
        if not found:
            refuse(self._manager, f"has no font {family}")

    def _all_entries(self) -> Iterator[Any]:
        yield from self._manager.ttflist
        yield from self._manager.afmlist
