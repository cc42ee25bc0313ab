"""A figure as bytes that say everything about it, the same in every process that made it in the same way.

A pickle, but for comparing instead of loading.  Matplotlib's own loses what cannot be loaded again (callbacks,
shared axes) and keeps what differs from process to process (``id()`` values as keys of a transform's ``_parents``,
weak references, counters).  Here every object of a class written in Python is taken with the whole of its
attributes, whatever its ``__getstate__`` says; what is left out, and why it is safe to, is in ``_reducers_for``.

Equal bytes mean equal object graphs: values, types, order and sharing.  Whatever cannot be told so is refused.
"""

from __future__ import annotations

import abc
import collections
import contextlib
import copyreg
import enum
import functools
import io
import itertools
import marshal
import operator
import pathlib
import pickle
import sys
import types
import weakref
from collections.abc import Iterable
from typing import Any

from .library import Library
from .packages import STANDARD, root_of
from .reducers import (
    Reduce,
    newobj,
    reduce_axes,
    reduce_builtin,
    reduce_callbacks,
    reduce_compiled_object,
    reduce_grouper,
    reduce_numpy_function,
    reduce_text,
    token,
    without,
)
from .values import BASES, HEAP_TYPE, OWN_PICKLE, Refused, base_of, has_hidden_part, refuse

#: Made anew or cleared by each draw, or about windows.
_CANVAS_EXTRAS = frozenset({"manager", "toolbar", "renderer", "_lastKey", "mouse_grabber", "widgetlock"})
#: pandas' objects, most of which have a part in C that only their own pickle tells.
_COMPILED = ("pandas._libs.", "pandas.core.base.")
#: Objects of C++ that hold a copy of attributes beside them, and are not read when drawing.
_DERIVED = ("contourpy.", "matplotlib._tri.")
_SMALL_BYTES = 16384


class _Pickler(pickle.Pickler):
    """What a ``reducer_override`` can be given to."""


class Canonicalizer:
    """Learns each class once, so that it is made in the zygote and used in its forks."""

    def __init__(self, library: Library, fonts: Any) -> None:
        self._library = library
        self._fonts = fonts
        self.roots: set[str] = set()  #: the packages that are named by what was told last
        self._nodes: dict[int, int] = {}
        self._parents: list[Any] = []
        self._reducers: dict[type, Reduce | None] = {
            types.FunctionType: self._reduce_function,
            types.MethodType: lambda method: (token, ("method", method.__func__, method.__self__)),
            types.BuiltinFunctionType: reduce_builtin,
            types.ModuleType: self._reduce_module,
            types.CellType: lambda cell: (token, ("cell",), cell.cell_contents),
            weakref.ReferenceType: lambda reference: (token, ("reference",), reference()),
            functools._lru_cache_wrapper: lambda cached: (token, ("cached", cached.__wrapped__)),
            itertools.count: lambda count: (token, ("count", repr(count))),
            object: self._reduce_sentinel,
            property: lambda each: (token, ("property",), (each.fget, each.fset, each.fdel)),
            staticmethod: lambda each: (token, ("static",), each.__func__),
            classmethod: lambda each: (token, ("class",), each.__func__),
            types.MappingProxyType: lambda each: (token, ("mapping",), dict(each)),
            types.SimpleNamespace: lambda each: (token, ("namespace",), vars(each)),
            weakref.WeakKeyDictionary: lambda each: (token, ("weak keys",), list(each.items())),
            weakref.WeakValueDictionary: lambda each: (token, ("weak values",), list(each.items())),
            weakref.WeakMethod: lambda each: (token, ("reference",), each()),
            pathlib.PosixPath: lambda path: (token, ("path", str(path))),
            **dict.fromkeys((functools.partial, operator.attrgetter, operator.itemgetter, operator.methodcaller)),
        }
        self._standard = frozenset(self._reducers)

    def learn(self, kinds: Iterable[type]) -> None:
        """Know classes before they are met."""
        for kind in kinds:
            with contextlib.suppress(Refused):
                self._reducers.setdefault(kind, self._reducer_of(kind))

    def bytes_of(self, value: Any) -> list[Any]:
        """The pickle and the buffers beside it.  Raises for what is refused."""
        self.roots, self._nodes, self._parents = set(), {}, []
        buffers: list[Any] = []
        keep: Any = buffers.append
        stream = io.BytesIO()
        pickler: Any = _Pickler(stream, 5, buffer_callback=lambda each: _is_small(each) or keep(each))
        pickler.reducer_override = self._reduce
        pickler.dump(value)
        pickler.dump(self._links())
        return [stream.getbuffer(), *(each.raw() for each in buffers)]

    def _reduce(self, value: Any) -> Any:
        """Called for all but exact numbers, texts and containers."""
        kind = type(value)
        try:
            reduce = self._reducers[kind]
        except KeyError:
            reduce = self._reducers[kind] = self._reducer_of(kind)
        return NotImplemented if reduce is None else reduce(value)

    def _links(self) -> list[list[int]]:
        """For each transform in the order of the pickle, which of the others it invalidates."""
        place_of = self._nodes.get
        found: list[list[int]] = []
        outside: list[type] = []
        for parents in self._parents:
            alive = [parent for reference in parents.values() if (parent := reference()) is not None]
            places = [place for parent in alive if (place := place_of(id(parent))) is not None]
            found.append(sorted(places))
            if len(places) < len(alive):
                outside.extend(type(parent) for parent in alive if id(parent) not in self._nodes)
        for kind in set(outside):
            self._verify_class(kind)  # it is invalidated too
        return found

    def _reducer_of(self, kind: type) -> Reduce | None:
        if issubclass(kind, type):
            return self._reduce_class
        if kind in OWN_PICKLE or _is_of_numpy(kind):
            return None
        numpy = sys.modules["numpy"]
        if kind is numpy.ufunc or kind is type(numpy.mean) is not types.FunctionType:
            return reduce_numpy_function
        if kind in BASES[:3]:
            return self._plain_reducer(kind)
        if kind.__name__ == "cython_function_or_method":
            return self._reduce_compiled
        if self._library.root_of_class(kind) is not None:
            self._verify_class(kind)  # else it is told by what is in it, or refused, when it is named
        return self._library_reducer(kind)

    def _library_reducer(self, kind: type) -> Reduce:
        numpy = sys.modules["numpy"]
        if any(f"{each.__module__}.".startswith(_COMPILED) for each in kind.__mro__):
            return reduce_compiled_object
        if f"{kind.__module__}.".startswith(_DERIVED):
            return lambda _: (token, ("derived", kind))
        if issubclass(kind, numpy.ndarray):
            return lambda array: (token, ("array", kind, array.view(numpy.ndarray)), vars(array))
        if issubclass(kind, enum.Enum):
            return lambda member: (token, ("member", kind, member.name))
        special = next((special for base, special in self._special.items() if issubclass(kind, base)), None)
        return special or self._plain_reducer(kind)

    @functools.cached_property
    def _special(self) -> dict[type, Reduce]:
        """By class: Matplotlib's that keep something that is not theirs, or not the same in another process."""
        axes, bases, agg, cbook, figure, spines, transforms = (
            sys.modules[f"matplotlib.{name}"]
            for name in "axes._base backend_bases backends.backend_agg cbook figure spines transforms".split()
        )
        font_manager, text = sys.modules["matplotlib.font_manager"], sys.modules["matplotlib.text"]
        return {
            font_manager.FontProperties: self._reduce_font,
            text.Text: reduce_text,
            transforms.TransformNode: self._reduce_transform,
            cbook.CallbackRegistry: reduce_callbacks,
            cbook.Grouper: reduce_grouper,
            axes._AxesBase: reduce_axes,
            figure.Figure: without({"canvas", "number", "_number"}, also=lambda each: {"canvas": each.canvas}),
            figure._AxesStack: without(set()),
            bases.FigureCanvasBase: without(_CANVAS_EXTRAS),
            agg.RendererAgg: lambda each: (token, ("renderer", type(each), each.width, each.height, each.dpi)),
            spines.Spines: without(set()),
        }

    def _plain_reducer(self, kind: type) -> Reduce:
        """Class, contents and all attributes of an object that has nothing else."""
        slots: list[str] = copyreg._slotnames(kind)  # type: ignore[attr-defined]
        base = base_of(kind)
        if has_hidden_part(kind):
            return refuse(kind, "keeps something out of sight")
        has_dict = kind.__dictoffset__ != 0
        named = self._library.named_values
        items_of: Any = getattr(base, "items", None)
        parts_of: Any = list if base is collections.deque else base

        def reduce_simply(value: Any) -> Any:
            if id(value) in named:
                return reduce_plain(value)
            return newobj, (kind,), vars(value)

        def state_of(value: Any) -> Any:
            state = vars(value) if has_dict else None
            return (state, {name: getattr(value, name) for name in slots if hasattr(value, name)}) if slots else state

        def reduce_plain(value: Any) -> Any:
            name = named.get(id(value))
            if name is not None:  # code may ask whether it is that very object
                return token, ("global", name, kind), state_of(value)
            return newobj, (kind,), state_of(value)

        def reduce_container(value: Any) -> Any:
            parts = list(items_of(value)) if issubclass(base, dict) else parts_of(value)
            factory = value.default_factory if base is collections.defaultdict else None
            return token, ("container", kind), (parts, factory, state_of(value))

        if base is not object:
            return reduce_container
        return reduce_plain if slots or not has_dict else reduce_simply

    def _verify_class(self, kind: type) -> None:
        root = self._library.root_of_class(kind)
        if root is None or root == STANDARD:
            refuse(kind, "is not of an installed package that is known to draw")
        self.roots.add(str(root))

    def _reduce_class(self, kind: type) -> Any:
        if kind.__module__ == "builtins" and getattr(sys.modules["builtins"], kind.__name__, None) is kind:
            return NotImplemented
        if kind in OWN_PICKLE or kind in BASES or kind in self._standard:
            return token, ("type", kind.__module__, kind.__qualname__)
        if kind in (abc.ABCMeta, enum.EnumMeta):
            return token, ("type", kind.__module__, kind.__qualname__)
        if self._library.root_of_class(kind) is None:
            return self._reduce_made_class(kind)
        self._verify_class(kind)
        return token, ("type", *self._library.class_names[kind])

    def _reduce_made_class(self, kind: type) -> Any:
        """A class that a library's function made while it ran: by what is in it."""
        if kind.__module__ not in self._library.modules:
            refuse(kind, "is not of an installed package that is known to draw")
        hidden = ("__dict__", "__weakref__", "__doc__", "_abc_impl", "__annotations__", "__annotations_cache__")
        members = {name: each for name, each in vars(kind).items() if name not in hidden}
        return token, ("made", kind.__name__, kind.__module__, type(kind), kind.__bases__), members

    def _reduce_function(self, function: Any) -> Any:
        if function is newobj or function is token:
            return NotImplemented
        name = self._library.module_of_function(function)
        if name is None:
            refuse(function, "is not of an installed package that is known to draw")
        self.roots.add(root_of(str(name)))
        if id(function) in self._library.plain_functions:
            return token, ("function", name, function.__qualname__, function.__code__.co_firstlineno)
        state = (function.__defaults__, function.__kwdefaults__, function.__closure__, vars(function) or None)
        return token, ("function", name, marshal.dumps(function.__code__, 0)), state

    def _reduce_compiled(self, function: Any) -> Any:
        module = str(function.__module__)
        if not module.startswith("pandas._libs.") or getattr(sys.modules[module], function.__name__) is not function:
            refuse(function, "is not pandas' own")
        self.roots.add("pandas")
        return token, ("compiled", module, function.__name__)

    def _reduce_module(self, module: Any) -> Any:
        if module.__name__ not in self._library.modules:
            refuse(module, "is not of an installed package that is known to draw")
        return token, ("module", module.__name__)

    def _reduce_sentinel(self, value: Any) -> Any:
        name = self._library.named_values.get(id(value))
        return token, ("sentinel", name)

    def _reduce_font(self, properties: Any) -> Any:
        self._fonts.verify(properties)
        return newobj, (type(properties),), vars(properties)

    def _reduce_transform(self, node: Any) -> Any:
        self._nodes[id(node)] = len(self._nodes)
        state = vars(node).copy()
        self._parents.append(state.pop("_parents"))
        return newobj, (type(node),), state


def _is_of_numpy(kind: type) -> bool:
    """Whether it is an array, a scalar or a data type, and no subclass that somebody made."""
    numpy = sys.modules["numpy"]
    of_numpy = issubclass(kind, (numpy.generic, numpy.dtype)) and not kind.__flags__ & HEAP_TYPE
    return kind is numpy.ndarray or of_numpy


def _is_small(buffer: pickle.PickleBuffer) -> bool:
    """Whether copying it into the pickle is less work than keeping it beside."""
    return memoryview(buffer).nbytes < _SMALL_BYTES
