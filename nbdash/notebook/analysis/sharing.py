"""Which names may share objects, so that a change through one is seen through another.

Names that may be the same object, or views of one, form a group; a group *holds* what its objects may contain.
The order of cells plays no part: what may ever be shared counts as shared throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nbdash.notebook.analysis.facts import MARKS, OPAQUE, Change, Facts


class Sharing:
    """The groups of a whole notebook.  ``known`` are the names whose every binding was read."""

    def __init__(self, cells: Iterable[Facts], known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._parents: dict[str, str] = {}
        self._holds: dict[str, set[str]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        cells = list(cells)
        for first, second in (pair for facts in cells for pair in facts.aliases):
            self._parents[self._group(first)] = self._group(second)
        for first, second in (pair for facts in cells for pair in facts.holds):
            self._holds.setdefault(self._group(first), set()).add(self._group(second))
        self._inner = {self._group(name) for facts in cells for name in facts.inner}

    def carries(self, name: str, marks: frozenset[str]) -> bool:
        """Whether a name's object may be, or contain, one of ``marks``."""
        found = self._reach(self._group(name))
        return bool(marks & found) or (OPAQUE in marks and not self._is_known(name))

    def viewer_of(self, change: Change, live: Mapping[str, int]) -> str | None:
        """The name among ``live`` through which a change would be seen; None if there is none."""
        changed = self._changed_by(change)
        if change.name in live and self._group(change.name) in changed:
            return change.name
        return next((name for name in live if changed & self._reach(self._group(name))), None)

    def _changed_by(self, change: Change) -> frozenset[str]:
        """The groups of the objects that a change may reach."""
        group = self._group(change.name)
        if not self._is_known(change.name):
            return self._reach(group) - MARKS
        reached = self._reach(group) - MARKS if change.deep or group in self._inner else frozenset({group})
        if not change.marks:
            return reached
        marked = frozenset(other for other in reached if change.marks & self._reach(other))
        return marked.union(*map(self._reach, marked)) - MARKS if change.spreads else marked

    def _is_known(self, name: str) -> bool:
        return name in self._known or name.startswith("<") or name in MARKS

    def _group(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name

    def _reach(self, group: str) -> frozenset[str]:
        """All groups that may be found inside this one, and itself."""
        if group not in self._reached:
            found, waiting = {group}, [group]
            while waiting:
                new = self._holds.get(waiting.pop(), set()) - found
                found |= new
                waiting.extend(new)
            self._reached[group] = frozenset(found)
        return self._reached[group]
