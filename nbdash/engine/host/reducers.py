"""How single objects are told in the canonical pickle: each function gives what ``__reduce_ex__`` would."""

from __future__ import annotations

import copyreg
import operator
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from .values import refuse, verify_builtin

Reduce = Callable[[Any], Any]

#: What the pickler knows by its name: an object of a class, without calling anything of it.
newobj: Any = getattr(copyreg, "__newobj__")  # noqa: B009
#: Dead ends: what a canvas would do for a person at the screen.
_UI_SIGNALS = frozenset(
    "key_press_event key_release_event button_press_event button_release_event scroll_event motion_notify_event "
    "pick_event figure_enter_event figure_leave_event axes_enter_event axes_leave_event close_event".split()
)
#: Drawing calls these; what they do cannot be seen in advance.
_DRAW_SIGNALS = ("draw_event", "resize_event")


def token(*parts: Any) -> Any:
    """Stands in the pickle for what is told by its parts; it is never loaded."""
    raise TypeError(parts)


def without(names: Iterable[str], also: Callable[[Any], dict[str, Any]] | None = None) -> Reduce:
    left_out = frozenset(names)

    def reduce(value: Any) -> Any:
        state = {name: each for name, each in vars(value).items() if name not in left_out}
        if also is not None:
            state.update(also(value))
        return token, ("plain", type(value)), state

    return reduce


def reduce_text(text: Any) -> Any:
    if vars(text)["_usetex"]:
        refuse(text, "is set by other programs")
    return newobj, (type(text),), vars(text)


def reduce_callbacks(registry: Any) -> Any:
    """Who is called, in order; not the numbers that they are known by."""
    callbacks = registry.callbacks
    if any(callbacks.get(signal) for signal in _DRAW_SIGNALS):
        refuse(registry, "calls something when the figure is drawn")
    state = {
        name: value
        for name, value in vars(registry).items()
        if name not in ("callbacks", "_cid_gen", "_func_cid_map", "_pickled_cids")
    }
    called = {
        signal: [function for proxy in proxies.values() if (function := proxy()) is not None]
        for signal, proxies in callbacks.items()
        if signal not in _UI_SIGNALS
    }
    return token, ("callbacks", type(registry)), (state, called)


def reduce_compiled_object(value: Any) -> Any:
    """pandas' own pickle, which leaves out attributes that others have added."""
    if any(callable(each) for each in getattr(value, "__dict__", {}).values()):
        refuse(value, "has a function of its own")
    return NotImplemented


def reduce_grouper(grouper: Any) -> Any:
    order = sorted(grouper._ordering.items(), key=operator.itemgetter(1))
    places = {id(each): place for place, (each, _) in enumerate(order)}
    groups = [sorted(places[id(each)] for each in grouper._mapping[member]) for member, _ in order]
    return token, ("grouper", type(grouper)), ([member for member, _ in order], groups)


def reduce_axes(axes: Any) -> Any:
    """With those that share its limits or its place, which only the class knows."""
    shared = {name: group.get_siblings(axes) for name, group in axes._shared_axes.items() if axes in group}
    twinned = axes._twinned_axes.get_siblings(axes) if axes in axes._twinned_axes else None
    return token, ("axes", type(axes)), (vars(axes), shared, twinned)


def reduce_builtin(function: Any) -> Any:
    owner: Any = function.__self__
    if owner is None or isinstance(owner, (types.ModuleType, type)):
        verify_builtin(function)
        return token, ("builtin", function.__module__, function.__qualname__)
    return token, ("bound", function.__name__), owner


def reduce_numpy_function(function: Any) -> Any:
    module = str(getattr(function, "__module__", None) or "numpy")
    named: Any = vars(sys.modules.get(module, sys)).get(function.__name__, refuse)
    if named is not function or module.startswith("numpy.random"):
        refuse(function, "is not NumPy's own")
    return token, ("numpy", module, function.__name__)
