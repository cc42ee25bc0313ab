"""Which of many objects may have changed, without touching those that have not.

Python counts references in the objects themselves, so that a fork which looks at an object copies its page of memory,
and looking at a whole library's took longer than all else of a fingerprint.  Here the memory in which objects keep
what they refer to is read as numbers, which are compared with those of the start.

Nothing that changes is overlooked: an object is watched only if all that it refers to was found in the words that
are read, or if its version is read (dictionaries: PEP 509).  All others are suspects each time.
"""

from __future__ import annotations

import array
import ctypes
import gc
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from .values import has_hidden_part

_WORD = 8
#: Of an object: its count of references, its type, and then what is its own.
_TYPE, _OWN = _WORD, 2 * _WORD
#: Before an object: its attributes, where its class leaves their place to Python; then what collects garbage.
_ATTRIBUTES, _COLLECTOR = -4 * _WORD, -2 * _WORD
#: Of a dictionary: a number that no dictionary had before, after each change (Python 3.14 has none), and where its
#: values are if its keys are shared, which an object's attributes are.
_VERSION, _VALUES = 3 * _WORD, 5 * _WORD
#: Of a list: where its items are.
_ITEMS = 3 * _WORD


class Watch:
    """Objects as they are when it is made; they live as long as it does."""

    def __init__(self, objects: Sequence[Any]) -> None:
        numpy = sys.modules["numpy"]
        self._objects = objects
        self._unwatched = numpy.zeros(len(objects), dtype=bool)
        self._own = _Words(map(self._addresses_of, range(len(objects))))
        self._items = _Words(_items_of(each) if type(each) is list else () for each in objects)

    def _addresses_of(self, place: int) -> Iterable[int]:
        addresses = _addresses_of(self._objects[place])
        self._unwatched[place] = addresses is None
        return addresses or ()

    def suspects(self) -> list[int]:
        """The places in the sequence of those that may have changed."""
        suspected = self._unwatched.copy()
        self._own.mark_changed(suspected)
        self._items.mark_changed(suspected)  # of the others: theirs are still there
        found: list[int] = suspected.nonzero()[0].tolist()
        return found


class _Words:
    """Words of memory of objects, which are known by their places in a sequence."""

    def __init__(self, addresses_of_each: Iterable[Iterable[int]]) -> None:
        numpy = sys.modules["numpy"]
        addresses, places = array.array("q"), array.array("q")
        for place, found in enumerate(addresses_of_each):
            addresses.extend(found)
            places.extend([place] * (len(addresses) - len(places)))
        lowest, highest = (min(addresses), max(addresses)) if addresses else (id(self), id(self))
        room = (ctypes.c_uint64 * ((highest - lowest) // _WORD + 1)).from_address(lowest)
        self._memory = numpy.frombuffer(room, dtype=numpy.uint64)
        self._index = (numpy.array(addresses, dtype=numpy.int64) - lowest) // _WORD
        self._places = numpy.array(places, dtype=numpy.int32)
        self._words = self._memory[self._index]

    def mark_changed(self, marks: Any) -> None:
        """Mark each place of which a word has changed, in an array of bool; what is marked is not looked at."""
        rest = ~marks[self._places]
        places = self._places[rest]
        marks[places[self._memory[self._index[rest]] != self._words[rest]]] = True


def _addresses_of(value: Any) -> Sequence[int] | None:
    """Of words of memory, of which one differs once the object refers to anything else; None if there are no such."""
    kind = type(value)
    if kind is dict:
        has_version = _HAVE_VERSIONS if _word_at(id(value) + _VALUES) == 0 else _HAVE_ATTRIBUTES_VERSIONS
        return [id(value) + _VERSION] if has_version else None
    if kind is types.FunctionType:
        return [id(value) + offset for offset in _PARTS_OF_FUNCTIONS] if _PARTS_OF_FUNCTIONS else None
    if kind is list:
        is_known = list(map(_word_at, _items_of(value))) == list(map(id, value))
        return range(id(value) + _OWN, id(value) + kind.__basicsize__, _WORD) if is_known else None
    if isinstance(value, type):
        return _found_in(value, range(_TYPE, kind.__basicsize__, _WORD))
    if has_hidden_part(kind) and kind is not types.CellType:
        return None
    offsets = list(range(_TYPE, object.__sizeof__(value), _WORD))
    if kind.__dictoffset__ < 0:
        offsets.extend(range(_ATTRIBUTES, _COLLECTOR, _WORD))
    return None if _found_in(value, offsets) is None else [id(value) + offset for offset in offsets]


def _items_of(value: list[Any]) -> range:
    start = _word_at(id(value) + _ITEMS)
    return range(start, start + len(value) * _WORD, _WORD)


def _found_in(value: Any, offsets: Iterable[int]) -> list[int] | None:
    """The addresses at these offsets where the object keeps what it refers to; None if it keeps some elsewhere."""
    wanted = set(map(id, gc.get_referents(value)))
    words = {id(value) + offset: _word_at(id(value) + offset) for offset in offsets}
    return [address for address, word in words.items() if word in wanted] if wanted <= {*words.values()} else None


def _word_at(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value


class _Sample:
    pass


def _has_version(table: dict[str, Any], store: Callable[[str, int], None]) -> bool:
    """Whether the word that is taken for the dictionary's version is a new one after each change."""
    seen = [_word_at(id(table) + _VERSION)]
    for number in range(60):  # until Python takes a short way
        store("ab"[number % 2], number)
        seen.append(_word_at(id(table) + _VERSION))
    table.clear()
    seen.append(_word_at(id(table) + _VERSION))
    return len(set(seen)) == len(seen)


def _have_versions() -> bool:
    table: dict[str, int] = {"c": 0}
    return _word_at(id(table) + _VALUES) == 0 and _has_version(table, table.__setitem__)


def _have_attributes_versions() -> bool:
    """Not since Python 3.13, which changes them behind their dictionary's back."""
    sample = _Sample()
    return _HAVE_VERSIONS and _has_version(vars(sample), partial(setattr, sample))


def _parts_of_functions() -> list[int]:
    """Where functions have their code and the defaults of their arguments; empty if that is not known."""

    def sample(_a: object = None, *, _b: object = None) -> None: ...

    words = {_word_at(id(sample) + offset): offset for offset in range(_OWN, type(sample).__basicsize__, _WORD)}
    parts = (sample.__code__, sample.__defaults__, sample.__kwdefaults__)
    return [words[id(part)] for part in parts] if all(id(part) in words for part in parts) else []


_HAVE_VERSIONS = _have_versions()
_HAVE_ATTRIBUTES_VERSIONS = _have_attributes_versions()
_PARTS_OF_FUNCTIONS = _parts_of_functions()
