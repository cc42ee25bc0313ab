"""What one cell does, as facts: the names it reads and binds, the objects it changes, its other effects.

An expression is followed to a :class:`Value`: the names whose objects it may be (or be a view of), and those
whose objects it may contain.  A change of a value is then a change of these names' objects.  Whether that matters
is for :mod:`nbdash.notebook.selection` to say; here everything is noted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Marks that a name's object can carry.
OPAQUE = "<unknown>"  #: may be an iterator, a file, a figure: anything
FIGURE = "<figure>"  #: is or holds a Matplotlib object
CALLABLE = "<function>"  #: is or holds the notebook's own code
CUSTOM = "<class>"  #: its operators or properties have effects
MODULE = "<module>"  #: is, or is part of, a module


@dataclass(frozen=True, kw_only=True)
class Value:
    """What an expression may share with names."""

    aliases: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    inner: bool = False  #: may be anything inside the aliases rather than these themselves

    @property
    def names(self) -> frozenset[str]:
        """Everything it may reach."""
        return self.aliases | self.holds

    @property
    def part(self) -> Value:
        """An element or attribute of it."""
        return Value(aliases=self.names, inner=True)


NOTHING = Value()


def container(*values: Value) -> Value:
    """A new object that holds these."""
    return Value(holds=frozenset().union(*(value.names for value in values)))


def either(*values: Value) -> Value:
    """An object that is one of these."""
    return Value(
        aliases=frozenset().union(*(value.aliases for value in values)),
        holds=frozenset().union(*(value.holds for value in values)),
        inner=any(value.inner for value in values),
    )


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the object of ``name``; with ``marks`` only if the object carries one of them."""

    name: str
    deep: bool = False  #: also of everything inside
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """An unknown effect if the object of ``name`` carries one of ``marks``."""

    name: str
    marks: frozenset[str]
    words: str


@dataclass
class Facts:
    """All that the selection needs to know of a cell."""

    reads: set[str] = field(default_factory=set)  #: before the cell has bound them itself
    later_reads: set[str] = field(default_factory=set)  #: at any later time: by functions, generators, texts
    mentions: set[str] = field(default_factory=set)  #: every name used, in whatever way
    binds: set[str] = field(default_factory=set)
    surely_binds: set[str] = field(default_factory=set)  #: on every way through the cell
    changes: list[Change] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)  #: words for each effect that always matters
    aliases: set[tuple[str, str]] = field(default_factory=set)  #: may be the same object
    holds: set[tuple[str, str]] = field(default_factory=set)  #: the first may contain the second
    inner: set[str] = field(default_factory=set)  #: may be something inside one of their aliases
    surveys: bool = False  #: may read any name
    shows: bool = False  #: displays or draws something
    kinds: set[str] = field(default_factory=set)  #: the statements' types, for words
