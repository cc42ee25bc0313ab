"""How figures are turned into outputs: by IPython's own functions, or by something else."""

from __future__ import annotations

import functools
import json
import sys
from typing import Any

#: Formats whose bytes depend on nothing but what is drawn: others hold dates and random names.
_REPEATABLE = {"image/png"}


def figure_formats(shell: Any) -> dict[str, Any] | None:
    """For each MIME type that a figure is given, IPython's function and its arguments; None if there is another."""
    figure = sys.modules["matplotlib.figure"].Figure
    found = {}
    for mime, formatter in (
        *shell.display_formatter.formatters.items(),
        ("", shell.display_formatter.mimebundle_formatter),
    ):
        try:
            function = formatter.lookup_by_type(figure)
        except KeyError:
            continue
        if not _is_usual(function):
            return None
        found[mime] = [function.func.__name__, function.keywords]
    return found


def _is_usual(function: Any) -> bool:
    tools = sys.modules["IPython.core.pylabtools"]
    return isinstance(function, functools.partial) and function.func in (tools.print_figure, tools.retina_figure)


def repeatable(formats: dict[str, Any]) -> dict[str, Any] | None:
    """The formats, if the same figure has the same bytes in each of them, and they can be told in JSON."""
    try:
        json.dumps(formats)
    except (TypeError, ValueError):
        return None
    is_same = formats.keys() <= _REPEATABLE and all("format" not in options for _, options in formats.values())
    return formats if is_same else None
