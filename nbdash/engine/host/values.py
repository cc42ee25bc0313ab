"""Which values outside the drawing libraries can be told by their pickle."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import re
import sys
import types
import uuid
from typing import Any, NoReturn

#: Types whose pickle says all there is.
OWN_PICKLE = frozenset(
    {
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
        decimal.Decimal,
        fractions.Fraction,
        uuid.UUID,
        complex,
        range,
        slice,
        bytearray,
        re.Pattern,
        type(Ellipsis),
        type(NotImplemented),
    }
)
#: Builtin classes whose contents can be asked for; the first is the one that another class is taken to derive from.
BASES: tuple[Any, ...] = (
    *(collections.OrderedDict, collections.defaultdict, collections.deque),
    *(dict, list, tuple, set, frozenset, str, int, float, complex, bytes),
)
HEAP_TYPE = 1 << 9
_PURE_MODULES = ("builtins", "math", "cmath", "_operator", "operator")
_IMPURE = frozenset(
    "open input id globals locals vars eval exec print dir breakpoint __import__ compile hash setattr delattr".split()
)


class Refused(Exception):
    """Something is there whose part in the drawing cannot be known."""


def refuse(value: Any, why: str) -> NoReturn:
    """Say no; ``value`` is what the reason is about."""
    kind = value if isinstance(value, type) else type(value)
    raise Refused(f"{kind.__module__}.{kind.__qualname__} {getattr(value, '__qualname__', '')} {why}")


def base_of(kind: type) -> Any:
    """Whose contents its objects have."""
    return next((each for each in BASES if issubclass(kind, each)), object)


def has_hidden_part(kind: type) -> bool:
    """Whether its objects have anything beside their attributes, and the contents of a builtin class."""
    base = base_of(kind)
    own = [vars(each) for each in kind.__mro__ if not issubclass(base, each)]
    slots = sum(isinstance(each, types.MemberDescriptorType) for space in own for each in space.values())
    extras = (bool(kind.__dictoffset__ > 0 or kind.__itemsize__), bool(kind.__weakrefoffset__ > 0), slots)
    return bool(kind.__basicsize__ > base.__basicsize__ + 8 * sum(extras))


def verify_builtin(function: Any) -> None:
    """That a function of C depends on nothing but its arguments."""
    name = function.__name__
    module = function.__module__
    if module is not None and module.split(".")[0] == "numpy" and not module.startswith("numpy.random"):
        return
    pure = module in _PURE_MODULES and name not in _IMPURE and isinstance(function.__self__, types.ModuleType)
    if not pure or getattr(sys.modules[str(module)], name, None) is not function:
        refuse(function, "may depend on more than its arguments")
