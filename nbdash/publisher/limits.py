"""The limits of a run: the settings', and what a notebook's own metadata lowers of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from nbdash.config import Settings
from nbdash.model import Limits, Notebook


def held_to(settings: Settings, notebook: Notebook) -> Notebook:
    """The notebook without the limits it asks for that are not lower than the settings', each with a notice."""
    refused = {name: value for name, value in notebook.limits.items() if value > _most(settings, name)}
    notices = [
        f"The notebook's metadata asks for 'nbdash.{name}' {value:g}; the server allows {_most(settings, name):g}, "
        "and a notebook may only lower it."
        for name, value in refused.items()
    ]
    kept = {name: value for name, value in notebook.limits.items() if name not in refused}
    return replace(notebook, limits=kept, notices=(*notebook.notices, *notices))


def settings_for(notebook: Notebook, settings: Settings) -> Settings:
    """The settings for a run of this notebook, whose metadata may only lower limits."""
    lowered: dict[str, Any] = {
        name: value if isinstance(getattr(settings, name), float) else math.ceil(value)
        for name, value in notebook.limits.items()
        if value < _most(settings, name)
    }
    return replace(settings, **lowered)


def _most(settings: Settings, name: str) -> float:
    """The setting as a limit; a cell may take as long as its run."""
    most = float(getattr(settings, name))
    return (most or settings.timeout) if name == "cell_timeout" else most


def limits_from(settings: Settings) -> Limits:
    """The hard limits that the settings ask for."""
    return Limits(
        run_seconds=settings.timeout,
        cell_seconds=settings.cell_timeout or None,
        memory_bytes=settings.memory_mib * 1024**2,
        processes=settings.processes,
        output_bytes=settings.output_mib * 1024**2,
        figures=settings.figures,
    )
