"""What one cell does, as facts: the names it reads and binds, the objects it changes, its other effects.

An expression is followed to a :class:`Value`: the names whose objects it may be (or be a view of), and those
whose objects it may contain.  A change of a value is a change of these names' objects.  Whether that matters
is for the selection to say; here everything is noted.

A name in angle brackets stands for state that has no name in Python, such as a stream of random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Marks: what a name's object may be, as names that it "holds".
OPAQUE = "<unknown>"  #: anything: an iterator, a file, a figure
ITERATOR = "<iterator>"  #: used up by going through it
FIGURE = "<figure>"  #: a Matplotlib object
CALLABLE = "<function>"  #: the notebook's own code
CUSTOM = "<class>"  #: an object whose operators, properties or end have effects
MARKS = frozenset({OPAQUE, ITERATOR, FIGURE, CALLABLE, CUSTOM})

#: Streams of random numbers: global state that a seed sets and a draw moves on.
NUMPY_STREAM = "<random numbers of numpy>"
PYTHON_STREAM = "<random numbers of random>"
STREAMS = frozenset({NUMPY_STREAM, PYTHON_STREAM})

#: Outputs that ``update`` of a display handle replaces, in any cell.
DISPLAYS = "<displays>"


@dataclass(frozen=True, kw_only=True)
class Value:
    """What an expression's object may share with the objects of names."""

    aliases: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    inner: bool = False  #: it may be anything inside the aliases, not only these themselves
    solid: bool = False  #: going through it does not use it up, and it is none of the marks

    @property
    def names(self) -> frozenset[str]:
        """Everything it may reach, marks included."""
        return self.aliases | self.holds

    @property
    def part(self) -> Value:
        """An element or attribute of it."""
        aliases, marks = self.names - MARKS - STREAMS, self.names & MARKS - {ITERATOR}
        return Value(aliases=aliases, holds=marks, inner=True, solid=self.solid)


NOTHING = Value()


def called_state(name: str) -> str:
    """The pseudo-name for what a function or class of the notebook works on beside its arguments."""
    return f"<of {name}>"


def names_in(values: tuple[Value, ...]) -> frozenset[str]:
    """Everything that these reach."""
    return frozenset().union(*(value.names for value in values))


def container(*values: Value, marks: frozenset[str] = frozenset()) -> Value:
    """A new object that holds these."""
    return Value(holds=names_in(values) | marks)


def either(*values: Value) -> Value:
    """An object that is one of these."""
    return Value(
        aliases=frozenset().union(*(value.aliases for value in values)),
        holds=frozenset().union(*(value.holds for value in values)),
        inner=any(value.inner for value in values),
        solid=all(value.solid for value in values),
    )


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the object of ``name``; with ``marks`` only of what may be one of these."""

    name: str
    inner: bool = False  #: of something inside it instead
    own: bool = False  #: with ``marks``: only if the name was bound to such an object as such
    deep: bool = False  #: also of anything inside
    marks: frozenset[str] = frozenset()
    spreads: bool = False  #: with ``marks``: and of all that these hold, as lazy code may


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """An unknown effect, if the object of ``name`` may be one of ``marks``."""

    name: str
    inner: bool  #: if something inside it may be
    own: bool = False  #: only if the name was bound to such an object as such
    marks: frozenset[str]
    words: str


@dataclass
class Facts:
    """All that the selection needs to know of a cell."""

    reads: set[str] = field(default_factory=set)  #: before the cell itself has surely bound them
    later_reads: set[str] = field(default_factory=set)  #: at any later time: by functions and generators
    mentions: set[str] = field(default_factory=set)  #: all names that it uses while it runs
    binds: set[str] = field(default_factory=set)
    surely_binds: set[str] = field(default_factory=set)  #: on every way through the cell
    changes: list[Change] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)  #: words for each effect that always matters
    aliases: set[tuple[str, str]] = field(default_factory=set)  #: may be the same object
    holds: set[tuple[str, str]] = field(default_factory=set)  #: the first may contain the second
    sources: set[tuple[str, str]] = field(default_factory=set)  #: of ``aliases``: the first was bound to the second
    natures: set[tuple[str, str]] = field(default_factory=set)  #: names bound to what may be this mark
    inner: set[str] = field(default_factory=set)  #: bound to something inside one of its sources
    surveys: bool = False  #: may read any name, and what IPython keeps of any cell
    draws: bool = False  #: uses pyplot's or an axes' drawing
