"""Which names may share objects, so that a change through one is seen through another.

Names that may be the same object, or views of one, form a group; a group *holds* what its objects may contain.
The order of cells plays no part: what may ever be shared counts as shared throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nbdash.notebook.analysis.facts import MARKS, OPAQUE, Change, Facts, called_state


class Sharing:
    """The groups of a whole notebook."""

    def __init__(self, cells: Iterable[Facts]) -> None:
        self._parents: dict[str, str] = {}
        self._holds: dict[str, set[str]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        cells = list(cells)
        for first, second in (pair for facts in cells for pair in facts.aliases):
            self._parents[self._group(first)] = self._group(second)
        for first, second in (pair for facts in cells for pair in facts.holds):
            self._holds.setdefault(self._group(first), set()).add(self._group(second))
        #: What the objects of the classes in a group share.
        self._states: dict[str, set[str]] = {}
        for first, second in (pair for facts in cells for pair in facts.holds):
            if second == called_state(first):
                self._states.setdefault(self._group(first), set()).add(self._group(second))
        self._sources = _by_first(pair for facts in cells for pair in facts.sources)
        self._natures = _by_first(pair for facts in cells for pair in facts.natures)
        self._inner = {name for facts in cells for name in facts.inner}

    def carries(self, name: str, marks: frozenset[str], *, inner: bool = True, own: bool = False) -> bool:
        """Whether a name's object may be one of ``marks``; with ``inner`` or contain one, with ``own`` is known to."""
        found = self._reach(self._group(name)) if inner and not own else self._marks_of(name, own=own)
        return bool(marks & found)

    def viewer_of(self, change: Change, live: Mapping[str, int]) -> str | None:
        """The name among ``live`` through which a change would be seen; None if there is none."""
        changed = self._changed_by(change)
        if change.name in live and self._group(change.name) in changed:
            return change.name
        return next((name for name in live if changed & self._reach(self._group(name))), None)

    def _changed_by(self, change: Change) -> frozenset[str]:
        """The groups of the objects that a change may reach."""
        group = self._group(change.name)
        if change.marks and not self.carries(change.name, change.marks, inner=change.inner, own=change.own):
            return frozenset()
        is_deep = change.deep or any(name in self._inner for name in self._sources_of(change.name))
        reached = self._reach(group) - MARKS if is_deep else frozenset({group, *self._states.get(group, ())})
        if not change.marks or change.spreads:
            return reached
        return frozenset(other for other in reached if other == group or change.marks & self._reach(other))

    def _marks_of(self, name: str, *, own: bool) -> frozenset[str]:
        """What a name's own object may be: the marks of all that it was bound to, on whatever way."""
        sources = self._sources_of(name, known=own)
        marks = {mark for source in sources for mark in self._natures.get(source, ())}
        if own:
            return frozenset(marks)
        inside = (self._reach(self._group(source)) & MARKS for source in sources & self._inner)
        return frozenset(marks).union(*inside)

    def _sources_of(self, name: str, *, known: bool = False) -> set[str]:
        """The name and all that it may have been bound to; if ``known``, other than by unknown calls."""
        found, waiting = {name}, [name]
        while waiting:
            source = waiting.pop()
            if not (known and OPAQUE in self._natures.get(source, ())):
                new = self._sources.get(source, set()) - found
                found |= new
                waiting.extend(new)
        return found

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


def _by_first(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
    return found
