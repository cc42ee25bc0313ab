"""A viewer's parameter values against those that the notebook declares: the one place that decides."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from nbdash.errors import ParameterError
from nbdash.model import Json, Notebook, Parameter
from nbdash.notebook.parameters import find_parameters

MAX_TEXT = 10_000  #: characters of one value


def resolve_parameters(notebook: Notebook, given: Mapping[str, Json]) -> dict[str, Json]:
    """The values that differ from the notebook's defaults, each of its default's type.

    Text (from a query string or a form) is read as the declared type; JSON values must have it.
    Raises ParameterError, with the field, for an unknown name or a value that does not fit.
    """
    declared = {parameter.name: parameter for parameter in find_parameters(notebook)}
    values: dict[str, Json] = {}
    for name, value in given.items():
        if name not in declared:
            raise ParameterError(_unknown(name, notebook, declared), field=name)
        fitting = _fit(declared[name], value)
        if fitting != declared[name].default or type(fitting) is not type(declared[name].default):
            values[name] = fitting
    return values


def _unknown(name: str, notebook: Notebook, declared: Mapping[str, Parameter]) -> str:
    there = f"it has: {', '.join(declared)}" if declared else "it has none"
    return f"Notebook {notebook.name!r} has no parameter {name[:80]!r}; {there}."


def _fit(parameter: Parameter, value: Json) -> Json:
    kind = type(parameter.default)
    if parameter.default is None:
        return _bounded(parameter, value)
    if isinstance(value, str) and kind is not str:
        value = _from_text(parameter, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise _misfit(parameter, value)
    return _bounded(parameter, value)


def _from_text(parameter: Parameter, text: str) -> Json:
    """A form's text as JSON, with Python's spelling of the constants accepted too."""
    plain = {"True": "true", "False": "false", "None": "null", "on": "true"}.get(text, text)
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        raise _misfit(parameter, text) from None


def _bounded(parameter: Parameter, value: Json) -> Json:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise _misfit(parameter, value) from None
    if size > MAX_TEXT or (isinstance(value, float) and not math.isfinite(value)):
        raise _misfit(parameter, value)
    return value


def _misfit(parameter: Parameter, value: Json) -> ParameterError:
    kind = type(parameter.default).__name__
    shown = repr(value)[:80]
    return ParameterError(
        f"Parameter {parameter.name!r} is {shown}, which does not fit: give a value like "
        f"{parameter.source} ({kind}).",
        field=parameter.name,
    )
