"""Figures drawn elsewhere sleep: the first look at any part of one draws it here, too, as a kernel had done by then.

Drawing leaves traces in a figure (positions after layout, tick labels, limits) that later cells can see.
Most figures are never looked at again.  So each object that drawing changes gets a class of the same name
in place of its own, until something reads or sets any attribute of any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MARK = "_nbdash_slumber"


class Slumber:
    """Objects that sleep until one is touched; kept alive by nothing but themselves."""

    def __init__(self, objects: list[Any], on_wake: Callable[[], None]) -> None:
        self._objects = objects
        self._classes = [type(each) for each in objects]
        self._on_wake = on_wake

    def begin(self) -> None:
        """Put all to sleep; raises TypeError, and changes nothing, if one of them cannot."""
        stand_ins = {kind: _stand_in(kind) for kind in set(self._classes)}
        try:
            for each, kind in zip(self._objects, self._classes, strict=True):
                each.__dict__[_MARK] = self
                each.__class__ = stand_ins[kind]
        except BaseException:
            self._restore()
            raise

    def end(self) -> None:
        """Wake all, and make up for what they missed."""
        self._restore()
        self._on_wake()

    def _restore(self) -> None:
        for each, kind in zip(self._objects, self._classes, strict=True):
            object.__setattr__(each, "__class__", kind)
            vars(each).pop(_MARK, None)


class _Sleeper:
    """Put before an object's own class: any look at the object wakes it, but asking for its class does not."""

    def __init_subclass__(cls) -> None:
        """Not the class's own, which may do much."""

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return type(self).__base__
        wake(self)
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        wake(self)
        setattr(self, name, value)

    def __delattr__(self, name: str) -> None:
        wake(self)
        delattr(self, name)


def wake(value: Any) -> None:
    """Wake the value, if it sleeps."""
    if is_asleep(type(value)):
        slumber: Slumber = object.__getattribute__(value, "__dict__")[_MARK]
        slumber.end()


def is_asleep(kind: type) -> bool:
    """Whether it is a stand-in, so that its instances sleep."""
    return issubclass(kind, _Sleeper)


class _Drowsy(type):
    """The type of stand-ins: a class's only base is the original, so its instances may change over to it."""

    def mro(cls) -> list[type]:
        """The traps come before the original; its ``__init_subclass__``, which may do much, is not called."""
        itself, *others = super().mro()
        return [itself, _Sleeper, *others]


_STAND_INS: dict[type, type] = {}


def _stand_in(kind: type) -> type:
    """A class of the same name whose instances sleep."""
    if kind not in _STAND_INS:
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        meta = _Drowsy if type(kind) is type else type("_Drowsy", (_Drowsy, type(kind)), {})
        _STAND_INS[kind] = meta(kind.__name__, (kind,), names)
    return _STAND_INS[kind]
