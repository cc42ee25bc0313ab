"""Warnings that a process shows once, though its figures are drawn in several forks of it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from .streams import Drawer


@contextlib.contextmanager
def warnings_told(drawer: Drawer) -> Iterator[None]:
    """Have each warning's text sent with what Python knows it by; at the end, whether later ones will know it, too.

    Python forgets which warnings it has shown whenever its filters change.
    """
    module: Any = warnings
    show, version = module._showwarnmsg, _filters_version()

    def tell(message: warnings.WarningMessage) -> None:
        drawer.send_text()
        show(message)
        drawer.send_text(f"{version} {_name_of(message)}" if _is_shown_once(message) else None)

    module._showwarnmsg = tell
    yield
    module._showwarnmsg = show
    drawer.send("drawn", is_remembered=version == _filters_version())


def _filters_version() -> Any:
    """A number that changes whenever filters do: Python puts it into the registry of each warning."""
    module: Any = warnings
    registry: dict[Any, Any] = {}
    show, module._showwarnmsg = module._showwarnmsg, lambda _: None
    with contextlib.suppress(Warning):  # an error by the filters
        warnings.warn_explicit("", UserWarning, "", 0, registry=registry)
    module._showwarnmsg = show
    return registry.get("version")


def _name_of(message: warnings.WarningMessage) -> str:
    return f"{message.category.__name__} {message.filename} {message.lineno} {message.message}"


def _is_shown_once(message: warnings.WarningMessage) -> bool:
    """By the first filter that fits, as Python looks for it; those for single modules aside."""
    for action, pattern, category, module, line in warnings.filters:
        fits = pattern is None or pattern.match(str(message.message))
        if fits and issubclass(message.category, category) and module is None and line in (0, message.lineno):
            return action not in ("always", "all")
    return True
