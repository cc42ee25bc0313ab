"""Looking through a figure before it is drawn elsewhere: what drawing may change, and whether it calls foreign code.

Drawing calls methods of everything in the figure.  Matplotlib's own change the figure at most; what a
notebook, or a library that is not known, has put in may change anything, so such a figure is drawn where it is.
"""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any

from .pure import is_pure
from .sleeping import is_asleep, wake

#: More objects than any figure that is worth it has.
_MOST_OBJECTS = 200_000
#: Libraries whose code, called while a figure is drawn, changes nothing but the figure.
_HARMLESS = frozenset(
    {"matplotlib", "mpl_toolkits", "matplotlib_inline", "IPython", "numpy", "pandas", "seaborn", "cycler", "dateutil"}
    | {"PIL", "kiwisolver", "contourpy", "pytz", "tzdata", "traitlets", "pyparsing", "scipy"}
) | (frozenset(sys.stdlib_module_names) - {"__main__"})
_OPAQUE = (type, types.ModuleType, types.CodeType, types.FunctionType, types.BuiltinFunctionType, weakref.ref)
_UNKNOWN = (types.FrameType, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
#: Matplotlib's classes whose instances drawing changes, by module.
_CHANGING = {
    "matplotlib.artist": ("Artist",),
    "matplotlib.transforms": ("TransformNode",),
    "matplotlib.ticker": ("TickHelper",),
    "matplotlib.colors": ("Normalize",),
    "matplotlib.colorbar": ("Colorbar",),
    "matplotlib.colorizer": ("Colorizer",),
    "matplotlib.gridspec": ("GridSpecBase", "SubplotSpec", "SubplotParams"),
    "matplotlib.layout_engine": ("LayoutEngine",),
    "matplotlib.backend_bases": ("FigureCanvasBase",),
}


def survey_figure(figure: Any) -> list[Any] | None:
    """The objects of the figure that drawing may change; None if it would call what is not known to be harmless."""
    if figure.canvas.callbacks.callbacks.get("draw_event"):
        return None  # called when it has been drawn: an animation begins, a widget
    kinds = _Kinds()
    seen = {id(figure)}
    changing: list[Any] = []
    frontier = [figure]
    while frontier and len(seen) < _MOST_OBJECTS:
        types_here = set(map(type, frontier))
        if not kinds.know(types_here, frontier):
            return None
        if not kinds.changing.isdisjoint(types_here):
            changing += [each for each in frontier if type(each) in kinds.changing]
        if not kinds.opaque.isdisjoint(types_here):
            frontier = [each for each in frontier if type(each) not in kinds.opaque]
        referents = list(filter(gc.is_tracked, gc.get_referents(*frontier)))
        found = dict(zip(map(id, referents), referents, strict=True))
        frontier = [found[key] for key in found.keys() - seen]
        seen.update(found)
    return None if frontier else changing


class _Kinds:
    """The types met so far: those that are not looked into, and those that drawing changes."""

    def __init__(self) -> None:
        self.opaque: set[type] = set()
        self.changing: set[type] = set()
        self._known: set[type] = set()
        self._classes = tuple(_classes())

    def know(self, kinds: set[type], objects: list[Any]) -> bool:
        """Get to know the types of these objects; whether all of them are harmless."""
        if not all(self._judge(kind, objects) for kind in kinds - self._known):
            return False
        if types.FunctionType not in kinds:
            return True
        functions = (each for each in objects if isinstance(each, types.FunctionType))
        return all(is_harmless(each.__module__) or is_pure(each) for each in functions)

    def _judge(self, kind: type, objects: list[Any]) -> bool:
        if is_asleep(kind):  # a part of another figure, which is drawn now, too
            wake(next(each for each in objects if type(each) is kind))
            return self._judge(kind.__base__ or object, objects)
        self._known.add(kind)
        if issubclass(kind, _OPAQUE):
            self.opaque.add(kind)
        if issubclass(kind, self._classes):
            self.changing.add(kind)
        return is_harmless(kind.__module__) and not issubclass(kind, _UNKNOWN)


def _classes() -> Iterator[type]:
    for module, names in _CHANGING.items():
        for name in names:
            found = getattr(sys.modules.get(module), name, None)
            if found is not None:
                yield found


def is_harmless(module: str | None) -> bool:
    """Whether drawing may call code of that module without anybody noticing."""
    return (module or "").partition(".")[0] in _HARMLESS
