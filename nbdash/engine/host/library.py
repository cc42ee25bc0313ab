"""The installed code that drawing uses, as it was when the zygote was ready, and whether it still is.

What can change a drawing without changing the figure: a function put into a module or a class, a function's
code or defaults, a class constant, an entry of a table that many figures share.  So everything that can be
reached from the modules of the drawing packages is remembered by identity, and compared: two flat lists,
made and compared in C.  Tables that change in ordinary use are left out here by name; they are either told
by value (``surroundings``) or caches of what is not left out.
"""

from __future__ import annotations

import builtins
import copyreg
import functools
import gc
import itertools
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Sequence
from operator import is_, itemgetter
from typing import Any

from .packages import CORE, EXTRA, NARROW, OUTSIDE, STANDARD, drawing_modules, root_of
from .values import HEAP_TYPE
from .watch import Watch

#: Names whose values change in ordinary use.
_VOLATILE = frozenset({"matplotlib.dates._epoch", "warnings.filters", "builtins.input"})
#: Classes whose objects are told by value: in the figure that uses them, or with the surroundings.
_BY_VALUE = frozenset(
    f"matplotlib.{name}"
    for name in (
        "RcParams units.Registry cbook.Grouper cbook.CallbackRegistry font_manager.FontEntry font_manager.FontManager "
        "colors.ListedColormap colors.LinearSegmentedColormap colors.SegmentedBivarColormap "
        "colors.BivarColormapFromImage colors.MultivarColormap cm.ColormapRegistry _mathtext.Parser"
    ).split()
)
#: Caches, by the class or object that they are an attribute of.
_CACHES = (
    "matplotlib.colors._colors_full_map.cache",
    "matplotlib.backend_bases._default_backends",
    "matplotlib._pylab_helpers.Gcf.figs",
    "dateutil.tz.tz.gettz._GettzFunc__strong_cache",
    "dateutil.tz.tz.tzoffset._TzOffsetFactory__strong_cache",
    "dateutil.tz.tz.tzstr._TzStrFactory__strong_cache",
    "pandas.core.dtypes.dtypes.PeriodDtype._cache_dtypes",
    "pandas.core.dtypes.dtypes.DatetimeTZDtype._cache_dtypes",
    "pandas.core.dtypes.dtypes.IntervalDtype._cache_dtypes",
    "pandas.plotting._core._backends",
    "pandas.plotting._matplotlib.converter._mpl_units",
)
_VOLATILE_NAMES = ("__warningregistry__", "__builtins__")
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_CONTAINERS = frozenset({dict, list, set, types.CellType, OrderedDict, defaultdict, deque, types.SimpleNamespace})
_LIMPID = (tuple, frozenset)
_WRAPPERS = (property, staticmethod, classmethod, functools.partial, types.MappingProxyType)


class Library:
    """The drawing packages that are loaded when it is made."""

    def __init__(self) -> None:
        self.modules: dict[str, Any] = dict(drawing_modules())
        self._globals = {id(vars(module)): name for name, module in self.modules.items()}
        self.named_values: dict[int, str] = {}
        self.plain_functions: set[int] = set()  #: those that their module, name and line tell apart
        self.shared_paths: list[Any] = []  #: used by many artists, and changed by some projections
        self.class_names: dict[type, tuple[str, str, int]] = {}
        self._class_roots: dict[type, str] = {}
        self._parts: dict[str, _Part] = {}
        by_root = itertools.groupby(sorted(self.modules, key=root_of), key=root_of)
        seen = {id(self), id(vars(self)), *self._globals, *map(id, map(_resolve, _CACHES))}
        self.modules_of = {root: list(names) for root, names in by_root}
        for root in sorted(self.modules_of, key=(*CORE, *EXTRA, STANDARD).index):
            self._parts[root] = _Part({name: self.modules[name] for name in self.modules_of[root]}, self, seen)

    def root_of_class(self, kind: type) -> str | None:
        """The package of a class that was there at first."""
        return self._class_roots.get(kind)

    def module_of_function(self, function: Any) -> str | None:
        """The module whose names the function uses, if it is known and the function's code is from its file."""
        name = self._globals.get(id(function.__globals__))
        if name is None or root_of(name) == STANDARD:
            return None
        return name if function.__code__.co_filename == getattr(self.modules[name], "__file__", None) else None

    def is_unchanged(self, roots: Iterable[str]) -> bool:
        """Whether the packages, and those that each drawing uses, are as they were."""
        wanted = {*CORE, STANDARD, *roots}
        if not all(map(is_, map(sys.modules.get, self.modules), self.modules.values())):
            return False
        return all(part.is_unchanged() for root, part in self._parts.items() if root in wanted)

    def changes(self, roots: Iterable[str] = ()) -> list[str]:
        """What is not as it was, in words."""
        wanted = {*CORE, STANDARD, *roots}
        moved = [name for name, module in self.modules.items() if sys.modules.get(name) is not module]
        return moved + [each for root, part in self._parts.items() if root in wanted for each in part.changes()]

    def add_class(self, kind: type, root: str) -> None:
        """Know a class by a name that no other has."""
        name = (kind.__module__, kind.__qualname__)
        place = sum(each[:2] == name for each in self.class_names.values()) if name in self._taken else 0
        self._taken.add(name)
        self.class_names[kind] = (*name, place)
        self._class_roots[kind] = root

    @functools.cached_property
    def _taken(self) -> set[tuple[str, str]]:
        return set()

    def root_of_globals(self, function: Any) -> str | None:
        """The package whose module's names the function uses."""
        name = self._globals.get(id(function.__globals__))
        return None if name is None else root_of(name)


class _Part:
    """One package: its modules' names, and what is reached through them."""

    def __init__(self, modules: dict[str, Any], library: Library, seen: set[int]) -> None:
        self._namespaces = [_Namespace(name, module) for name, module in modules.items()]
        self._root = root_of(next(iter(modules)))
        self._library = library
        self._seen = seen
        self.arrays: list[Any] = []
        self._members: list[Any] = []
        self._discover()
        del self._seen
        self._known = [tuple(_parts_of(each)) for each in self._members]
        self._spaces = Watch([namespace.space for namespace in self._namespaces])
        self._watch = Watch(self._members)
        self._array_bytes = [each.tobytes() for each in self.arrays]

    def is_unchanged(self) -> bool:
        return (
            all(self._namespaces[place].is_unchanged() for place in self._spaces.suspects())
            and all(map(self._is_same, self._watch.suspects()))
            and [each.tobytes() for each in self.arrays] == self._array_bytes
        )

    def changes(self) -> list[str]:
        found = [change for namespace in self._namespaces for change in namespace.changes()]
        places = [place for place in range(len(self._members)) if not self._is_same(place)]
        return found + [_difference(self._members[place], self._known[place]) for place in places]

    def _is_same(self, place: int) -> bool:
        return _same(_parts_of(self._members[place]), self._known[place])

    def _discover(self) -> None:
        todo = [value for namespace in self._namespaces for value in namespace.values]
        for namespace in self._namespaces:
            self._name_values(namespace)
        while todo:
            found: list[Any] = []
            for value in todo:
                if id(value) not in self._seen:
                    self._seen.add(id(value))
                    found.extend(self._visit(value))
            todo = found

    def _name_values(self, namespace: _Namespace) -> None:
        for key, value in zip(namespace.names, namespace.values, strict=False):
            if type(value) is object or type(value).__module__.partition(".")[0] in CORE:
                self._library.named_values.setdefault(id(value), f"{namespace.name}.{key}")

    def _visit(self, value: Any) -> Iterable[Any]:
        """Remember what can change about a value; what to visit next."""
        kind = type(value)
        if kind is types.FunctionType:
            return self._visit_function(value)
        if isinstance(value, type):
            return self._visit_class(value)
        if kind in _LIMPID:
            return gc.get_referents(value)
        if kind in _WRAPPERS:
            return gc.get_referents(value)
        if kind in _CONTAINERS:
            if self._root == STANDARD and kind is not types.CellType:
                return ()  # tables and caches of the standard library
            self._members.append(value)
            return gc.get_referents(value)
        if kind is functools._lru_cache_wrapper:
            return (value.__wrapped__,)
        return self._visit_instance(value)

    def _visit_function(self, function: Any) -> Iterable[Any]:
        if self._library.root_of_globals(function) != self._root:
            self._seen.discard(id(function))
            return ()
        self._members.append(function)
        if function.__closure__ is None and "<" not in function.__qualname__:
            self._library.plain_functions.add(id(function))
        parts = (function.__defaults__, function.__kwdefaults__, function.__closure__)
        wrapped = getattr(function, "__wrapped__", None)
        return [each for each in (*parts, wrapped) if each is not None]

    def _visit_class(self, kind: Any) -> Iterable[Any]:
        root = kind.__module__.partition(".")[0] if isinstance(kind.__module__, str) else ""
        if root_of(root) != self._root or kind.__module__ in OUTSIDE:
            self._seen.discard(id(kind))
            return ()
        if self._root == STANDARD and kind.__module__ not in self._library.modules:
            return ()
        self._library.add_class(kind, self._root)
        if not kind.__flags__ & HEAP_TYPE:
            return ()
        copyreg._slotnames(kind)  # type: ignore[attr-defined]  # copying an object would put them into the class
        if self._root == STANDARD:
            return [value for value in vars(kind).values() if isinstance(value, (types.FunctionType, property))]
        self._members.append(kind)
        self._seen.update(id(each) for name, each in vars(kind).items() if name.startswith("__annotat"))
        return gc.get_referents(kind)

    def _visit_instance(self, value: Any) -> Iterable[Any]:
        kind = type(value)
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.ndarray):
            self.arrays.append(value.view(numpy.ndarray))
        if kind is object:
            self._library.named_values.setdefault(id(value), f"{self._root} {len(self._library.named_values)}")
        if self._root == STANDARD or root_of(kind.__module__) == STANDARD or not gc.is_tracked(value):
            return ()
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name == "matplotlib.path.Path":
            self._library.shared_paths.append(value)
        if name == "matplotlib.path.Path" or name in _BY_VALUE:
            return ()
        getattr(value, "__dict__", None)  # makes it, where Python puts that off
        self._members.append(value)
        return gc.get_referents(value)


class _Namespace:
    """A module's names and their values."""

    def __init__(self, name: str, module: Any) -> None:
        self.name = name
        self._is_standard = name.partition(".")[0] in sys.stdlib_module_names
        self.space = vars(module)
        self._narrow = NARROW.get(name)
        self.names = [key for key in self.space if self._counts(key)]
        self._get = itemgetter(*self.names, "__name__", "__name__")
        self.values = self._get(self.space)
        self._length = len(self.space)

    def is_unchanged(self) -> bool:
        try:
            same = _same(self._get(self.space), self.values)
        except KeyError:
            return False
        return same and (len(self.space) == self._length or not self._new_names())

    def changes(self) -> list[str]:
        if self.is_unchanged():
            return []
        space = self.space
        values = dict(zip(self.names, self.values, strict=False))
        changed = [f"{self.name}.{key}" for key, value in values.items() if space.get(key, self) is not value]
        return changed + [f"{self.name}.{key}" for key in self._new_names()]

    def _counts(self, key: Any) -> bool:
        if key in _VOLATILE_NAMES or f"{self.name}.{key}" in _VOLATILE:
            return False
        if self._narrow is not None:
            return key in self._narrow
        return not self._is_standard or isinstance(self.space[key], _CODE)

    def _new_names(self) -> list[str]:
        """Names that may hide a builtin one; a submodule that has since been imported is nothing new."""
        known = {*self.names, *_VOLATILE_NAMES}
        if self._is_standard or self._narrow is not None:
            found = [key for key in self.space if key not in known and key in vars(builtins)]
            return found if self.name != "builtins" else []
        found = [key for key in self.space if key not in known and f"{self.name}.{key}" not in _VOLATILE]
        return [key for key in found if sys.modules.get(f"{self.name}.{key}") is not self.space[key]]


def _parts_of(member: Any) -> Sequence[Any]:
    """What is remembered of an object that can change."""
    if type(member) is types.FunctionType:
        return member.__code__, member.__defaults__, member.__kwdefaults__
    return gc.get_referents(member)


def _difference(member: Any, known: Sequence[Any]) -> str:
    about = member.get("__qualname__") or member.get("__doc__") if type(member) is dict else None
    fresh = _parts_of(member)
    old, new = set(map(id, known)), set(map(id, fresh))
    more, less = [each for each in fresh if id(each) not in old], [each for each in known if id(each) not in new]
    return f"{type(member).__qualname__} {about or member!r:.80}: + {more!r:.100} - {less!r:.100}"


def _same(fresh: Sequence[Any], known: Sequence[Any]) -> bool:
    return len(fresh) == len(known) and all(map(is_, fresh, known))


def _resolve(path: str) -> Any:
    """What a dotted path names, None if there is no such thing."""
    package, *names = path.split(".")
    return functools.reduce(lambda value, name: getattr(value, name, None), names, sys.modules.get(package))
