"""What has changed is always a suspect; what has not is none, where it can be watched."""

from __future__ import annotations

import abc
import gc
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nbdash.engine.host.library import Library
from nbdash.engine.host.watch import Watch

#: Since 3.13 Python changes attributes behind their dictionary's back, so these are looked at each time.
ATTRIBUTES_ARE_WATCHED = sys.version_info < (3, 13)


class Plain:
    def __init__(self) -> None:
        self.one: object = 1


class Other(Plain):
    pass


class Slotted:
    __slots__ = ("one", "two")

    def __init__(self) -> None:
        self.one: object = 1


class SlottedAndPlain(Slotted):
    pass


@dataclass
class Data:
    one: object = 1


class Pair(NamedTuple):
    one: object
    two: object


class Table(dict[str, object]):
    pass


class Row(list[object]):
    pass


def function(_a: object = 1, *, _b: object = 2) -> object:
    return _a


def with_attributes(value: Any) -> Any:
    """Python puts making them off until somebody asks."""
    assert vars(value) is not None
    return value


def own_attributes(kind: type) -> Any:
    """Of a class; not the view of them that Python hands out."""
    return next(each for each in gc.get_referents(kind) if type(each) is dict)


def new_class(bases: tuple[type, ...] = (Plain,), kind: Any = type) -> Any:
    return kind("New", bases, {"one": 1})


def new_function() -> Any:
    made = types.FunctionType(function.__code__, globals(), argdefs=(1,))
    made.__kwdefaults__ = {"_b": 2}
    return made


def store(value: Any, times: int = 50) -> None:
    """As often as Python needs to take a short way for it."""
    for _ in range(times):
        value.one = object()


#: What it is; how one is made; what changes it.
WATCHED: list[tuple[str, Callable[[], Any], Callable[[Any], object]]] = [
    ("a value is another", lambda: {"one": 1}, lambda it: it.update(one=object())),
    ("a key is new", lambda: {"one": 1}, lambda it: it.setdefault("two")),
    ("a key is gone", lambda: {"one": 1}, lambda it: it.pop("one")),
    ("a key goes and comes", lambda: {"one": 1, "two": 2}, lambda it: it.update(one=it.pop("one"))),
    ("an empty dictionary is filled", dict, lambda it: it.update(one=1)),
    ("a dictionary is emptied", lambda: {"one": 1}, lambda it: it.clear()),
    ("a dictionary grows", dict, lambda it: it.update(dict.fromkeys(map(str, range(999))))),
    ("code", new_function, lambda it: setattr(it, "__code__", (lambda: None).__code__)),
    ("defaults", new_function, lambda it: setattr(it, "__defaults__", (2,))),
    ("no defaults", new_function, lambda it: setattr(it, "__defaults__", None)),
    ("defaults by name", new_function, lambda it: setattr(it, "__kwdefaults__", {"_b": 3})),
    ("a function gets defaults", lambda: lambda: None, lambda it: setattr(it, "__defaults__", (2,))),
    ("a cell", lambda: types.CellType(1), lambda it: setattr(it, "cell_contents", 2)),
    ("a cell is filled", types.CellType, lambda it: setattr(it, "cell_contents", 2)),
    ("a cell is emptied", lambda: types.CellType(1), lambda it: delattr(it, "cell_contents")),
    ("an item is another", lambda: [1, 2], lambda it: it.__setitem__(0, object())),
    ("an item more", lambda: [1, 2], lambda it: it.append(3)),
    ("an item less", lambda: [1, 2], lambda it: it.pop()),
    ("items change places", lambda: [1, 2], lambda it: it.reverse()),
    ("an empty list is filled", list, lambda it: it.append(1)),
    ("a list is emptied", lambda: [1, 2], lambda it: it.clear()),
    ("a list moves", lambda: [1, 2], lambda it: it.extend(range(9999))),
    ("all attributes", lambda: with_attributes(Plain()), lambda it: setattr(it, "__dict__", {"one": 1})),
    ("the class of an object", lambda: with_attributes(Plain()), lambda it: setattr(it, "__class__", Other)),
    ("a slot is another", Slotted, lambda it: setattr(it, "one", object())),
    ("a slot is filled", Slotted, lambda it: setattr(it, "two", object())),
    ("a slot is emptied", Slotted, lambda it: delattr(it, "one")),
    ("a slot beside attributes", lambda: with_attributes(SlottedAndPlain()), lambda it: setattr(it, "two", 1)),
    ("the bases of a class", new_class, lambda it: setattr(it, "__bases__", (Other,))),
    ("a small set", lambda: {1, 2}, lambda it: it.add(3)),
    ("another member", lambda: {1, 2}, lambda it: (it.remove(1), it.add(1001))),
    ("an empty list of a class of its own", Row, lambda it: it.append(1)),
    ("an empty queue", deque, lambda it: it.append(1)),
]
#: Dictionaries that belong to something; how to get at the one of what was made, what changes it.
ATTRIBUTES: list[tuple[str, Callable[[], Any], Callable[[Any], Any], Callable[[Any], object]]] = [
    ("an attribute is another", Plain, vars, lambda it: setattr(it, "one", object())),
    ("it is stored often", Plain, vars, store),
    ("an attribute is new", Plain, vars, lambda it: setattr(it, "two", 1)),
    ("an attribute is gone", Plain, vars, lambda it: delattr(it, "one")),
    ("of a dataclass", Data, vars, store),
    ("beside slots", SlottedAndPlain, vars, lambda it: setattr(it, "three", 1)),
    ("of a class", new_class, own_attributes, store),
    ("new, of a class", new_class, own_attributes, lambda it: setattr(it, "two", 1)),
    ("of an abstract class", lambda: new_class((), abc.ABCMeta), own_attributes, store),
    ("of a function", new_function, vars, store),
    ("of a module", lambda: types.ModuleType("made"), vars, store),
]
#: What is looked at each time.
UNWATCHED: list[Callable[[], Any]] = [
    lambda: Table(one=1),
    lambda: Row([1]),
    lambda: OrderedDict(one=1),
    lambda: defaultdict(list, one=[]),
    lambda: deque([1]),
    lambda: set(range(100)),
    lambda: np.array([object()]),
]


@pytest.mark.parametrize(("make", "change"), [each[1:] for each in WATCHED], ids=[each[0] for each in WATCHED])
def test_a_change_is_seen(make: Callable[[], Any], change: Callable[[Any], object]) -> None:
    before, it, after = [1, 2, 3], make(), {"one": 1}
    watch = Watch([before, it, after])
    assert watch.suspects() == [] or not ATTRIBUTES_ARE_WATCHED
    change(it)
    assert watch.suspects() == [1]


@pytest.mark.parametrize(
    ("make", "attributes", "change"), [each[1:] for each in ATTRIBUTES], ids=[each[0] for each in ATTRIBUTES]
)
def test_a_change_of_attributes_is_seen(
    make: Callable[[], Any], attributes: Callable[[Any], Any], change: Callable[[Any], object]
) -> None:
    it = make()
    watch = Watch([attributes(it)])
    assert watch.suspects() == [] or not ATTRIBUTES_ARE_WATCHED
    change(it)
    assert watch.suspects() == [0]


@pytest.mark.parametrize("make", UNWATCHED)
def test_what_cannot_be_watched_is_always_a_suspect(make: Callable[[], Any]) -> None:
    assert Watch([make(), {}]).suspects() == [0]


def test_looking_changes_nothing() -> None:
    values = [{"one": 1}, [1, 2], Slotted(), new_function(), types.CellType(1), Pair(1, 2), new_class()]
    watch = Watch(values)
    counts = list(map(sys.getrefcount, values))
    assert list(map(repr, values)) and gc.get_referents(*values)
    assert watch.suspects() == []
    assert list(map(sys.getrefcount, values)) == counts


def test_a_watch_of_nothing() -> None:
    assert Watch([]).suspects() == []


def functions_of(*owners: Any) -> Iterator[Any]:
    for owner in owners:
        yield from (each for each in vars(owner).values() if isinstance(each, types.FunctionType))


def test_each_of_a_librarys_functions_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = list(functions_of(Axes, Figure, np.linalg))
    assert len(functions) > 100
    watch = Watch(functions)
    for place, each in enumerate(functions):
        with monkeypatch.context() as patch:
            patch.setattr(each, "__defaults__", ("another",))
            assert watch.suspects() == [place]
        assert watch.suspects() == []


def changed_a_little(member: Any) -> Callable[[], object] | None:
    """What undoes it; None if it is of another kind."""
    if type(member) is dict and all(type(key) is str for key in member):
        member["_of_this_test"] = None
        return lambda: member.pop("_of_this_test")
    if type(member) is list:
        member.insert(0, None)
        return lambda: member.pop(0)
    if type(member) is types.FunctionType:
        code, member.__code__ = member.__code__, member.__code__.replace(co_name="of_this_test")
        return lambda: setattr(member, "__code__", code)
    return None


def test_of_the_libraries_nothing_is_overlooked() -> None:
    """Every fiftieth of all that is remembered of them, compared as if nothing were watched."""
    seen = 0
    for part in Library()._parts.values():
        always = set(part._watch.suspects())
        for place in range(0, len(part._members), 50):
            undo = changed_a_little(part._members[place])
            if undo is not None:
                differs, suspects = not part._is_same(place), part._watch.suspects()
                undo()
                assert differs
                assert place in suspects
                seen += place not in always
    assert seen > 200
