"""One small cell, or a few, per feature of IPython and ipykernel; the cells of a session share one kernel.

A session holds what belongs together.  What can differ between two kernels is in sessions of its own: there the
kernel is run again, and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import nbformat

from tests.conformance.execution import Case
from tests.conformance.features import (
    different,
    display,
    endings,
    errors,
    figures,
    language,
    libraries,
    magics,
    processes,
)


@dataclass(frozen=True, kw_only=True)
class Session:
    """Cells for one kernel."""

    cells: Mapping[str, str]
    needs: tuple[str, ...] = ()  #: packages
    is_sample: bool = True  #: whether it belongs to the default run
    differs: str = ""  #: why the engine is known to differ from a kernel in every cell that shows anything

    @property
    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


SESSIONS: Mapping[str, Session] = {
    "language": Session(cells=language.STEADY),
    "files": Session(cells=language.FILES),
    "shell": Session(cells=language.SHELL),
    "display": Session(cells=display.STEADY),
    "magics": Session(cells=magics.STEADY),
    "more magics": Session(cells=magics.SELDOM, is_sample=False),
    "unsteady language": Session(cells=language.UNSTEADY, is_sample=False),
    "unsteady displays": Session(cells=display.UNSTEADY, is_sample=False),
    "unsteady frames": Session(cells=libraries.UNSTEADY, needs=("pandas",), is_sample=False),
    "a recursion": Session(cells=errors.SLOW, is_sample=False),
    "a figure that cannot be drawn": Session(cells=figures.SLOW, is_sample=False),
    "unsteady magics": Session(cells=magics.UNSTEADY, is_sample=False),
    "errors": Session(cells=errors.STEADY),
    "processes": Session(cells=processes.STEADY),
    "starting processes": Session(cells=processes.SLOW, is_sample=False),
    "figures": Session(cells=figures.STEADY),
    "figure options": Session(cells=figures.OPTIONS, is_sample=False),
    "figure kinds": Session(cells=figures.KINDS, is_sample=False),
    "back ends": Session(cells=figures.BACK_ENDS, is_sample=False),
    **{name: Session(cells=cells, needs=("pandas",)) for name, cells in libraries.PANDAS.items()},
    **{name: Session(cells=cells, needs=(name,), is_sample=False) for name, cells in libraries.OTHERS.items()},
    **{name: Session(cells=cells, is_sample=False) for name, cells in endings.SESSIONS.items()},
    **{
        name: Session(cells=cells, is_sample=False, differs=reason)
        for name, (cells, reason) in different.SESSIONS.items()
    },
}


def case_of(name: str) -> Case:
    """A session as a notebook."""
    cells = [nbformat.v4.new_code_cell(source) for source in SESSIONS[name].cells.values()]
    return Case(package="features", name=name, document=nbformat.v4.new_notebook(cells=cells))
