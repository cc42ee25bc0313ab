"""Values as Python source, spelled as papermill spells them."""

from __future__ import annotations

import math

from nbdash.errors import ParameterError
from nbdash.model import Json

#: Levels of nesting in a value.
DEPTH = 32


def python_literal(value: Json, name: str, depth: int = 0) -> str:
    """The source of a JSON value; nothing in it can be anything but data.

    ``name`` is the parameter's, for the ParameterError that is raised if it is no JSON value.
    """
    if depth > DEPTH:
        raise ParameterError(f"Parameter {name!r} is nested too deeply: give at most {DEPTH} levels.", field=name)
    match value:
        case None | bool():
            return str(value)
        case str():
            return _quoted(value)
        case int():
            return _digits(value, name)
        case float():
            return str(value) if math.isfinite(value) else f"float('{value}')"
        case list() | tuple():
            return f"[{', '.join(python_literal(item, name, depth + 1) for item in value)}]"
        case dict():
            pairs = (f"{_quoted(str(key))}: {python_literal(item, name, depth + 1)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
    raise ParameterError(f"Parameter {name!r} is a {type(value).__name__}: give a JSON value.", field=name)


def _quoted(text: str) -> str:
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def _digits(number: int, name: str) -> str:
    try:
        return str(number)
    except ValueError:
        raise ParameterError(f"Parameter {name!r} has more than 4300 digits: give fewer.", field=name) from None
