"""Values that people give for parameters: one table checks them, be they from a form, JSON or a shell."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nbdash.errors import ParameterError
from nbdash.model import Json, Notebook, Parameter
from nbdash.notebook.parameters import find_parameters

_Kind = TypeVar("_Kind")

_CHARACTERS = 100_000
_OPTIONAL = re.compile(r"(?:typing\.)?Optional\[(.*)\]|(.*?)\s*\|\s*None|None\s*\|\s*(.*)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_SWITCHES = {"true": True, "on": True, "false": False, "off": False}


def resolve_values(notebook: Notebook, values: Mapping[str, Json]) -> dict[str, Json]:
    """``values`` as the parameters' types demand, without those that equal their default.

    Text is converted, so form fields and query strings may be passed as they are.  Raises
    ParameterError, which names the field.
    """
    known = {parameter.name: parameter for parameter in find_parameters(notebook)}
    resolved = {}
    for name, value in values.items():
        if name not in known:
            raise ParameterError(f"{unknown_name(notebook.name, name, list(known))}.", field=name)
        resolved[name] = read_value(known[name], value)
    return {name: value for name, value in resolved.items() if not _is_default(value, known[name])}


def read_value(parameter: Parameter, value: Json) -> Json:
    """``value``, or the text of one, as the parameter's type demands; raises ParameterError.

    Parameters of other types than JSON's (dates, say) take any value as it is.
    """
    kind, optional = _kind_of(parameter)
    if kind not in _READERS or (value is None and (optional or parameter.default is None)):
        return value
    try:
        return _READERS[kind](value)
    except ValueError:
        shown = repr(value)[:60]
        message = f"Parameter {parameter.name!r} is {shown}: give {_EXPECTED[kind]}."
        raise ParameterError(message, field=parameter.name) from None


def unknown_name(notebook: str, name: str, known: list[str]) -> str:
    """The sentence, without its full stop, about a name that is no parameter."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? It has" if near else "it has"
    return f"Notebook {notebook!r} has no parameter {name[:80]!r}; {hint}: {', '.join(known) or 'none'}"


def _kind_of(parameter: Parameter) -> tuple[str, bool]:
    """The bare name of a parameter's type, and whether it may be None."""
    written = (parameter.type or "").strip()
    optional = _OPTIONAL.fullmatch(written)
    inner = next((part for part in optional.groups() if part), "") if optional else written
    return inner.partition("[")[0].strip().lower(), optional is not None


def _is_default(value: Json, parameter: Parameter) -> bool:
    """Whether a value says nothing new; True is not 1 here."""
    return parameter.source != "" and type(value) is type(parameter.default) and value == parameter.default


def _read_bool(value: Json) -> bool:
    if isinstance(value, str) and value.strip().lower() in _SWITCHES:
        return _SWITCHES[value.strip().lower()]
    return _checked(value, bool)


def _read_int(value: Json) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    return _checked(value, int)


def _read_float(value: Json) -> float:
    if isinstance(value, str) and _FLOAT.fullmatch(value.strip()):
        value = float(value)
    number = float(value) if type(value) is int else _checked(value, float)
    if not math.isfinite(number):
        raise ValueError
    return number


def _read_str(value: Json) -> str:
    text = _checked(value, str)
    if len(text) > _CHARACTERS:
        raise ValueError
    return text


def _read_list(value: Json) -> list[Any]:
    return _checked(_loaded(value), list)


def _read_dict(value: Json) -> dict[str, Any]:
    return _checked(_loaded(value), dict)


def _loaded(value: Json) -> Json:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except RecursionError:
        raise ValueError from None


def _checked(value: Json, kind: type[_Kind]) -> _Kind:
    """``value`` if it is of exactly this type: True is no integer."""
    if type(value) is not kind:
        raise ValueError
    return value


_READERS: Mapping[str, Callable[[Json], Json]] = {
    "bool": _read_bool,
    "int": _read_int,
    "float": _read_float,
    "str": _read_str,
    "list": _read_list,
    "dict": _read_dict,
}
_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a finite number",
    "str": f"a text of at most {_CHARACTERS} characters",
    "list": "a JSON list",
    "dict": "a JSON object",
}
