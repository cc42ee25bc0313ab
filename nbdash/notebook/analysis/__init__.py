"""What a notebook's cells do to each other, found without running them.

Three steps, each a module or two:

1. ``scopes`` surveys the notebook's names: what is imported as what, what is ever bound.
2. ``statements``, ``expressions`` and ``calls`` read one cell into ``facts``: names it reads and binds, objects it
   changes, effects beyond these.  ``tables`` say what known functions and methods do, ``forms`` what the text of a call
   tells; a call in no table is an effect.
3. ``sharing`` joins all cells' facts about which names may share objects, so that it can tell who sees a change.
"""

from __future__ import annotations

from nbdash.notebook.analysis.facts import CUSTOM, DISPLAYS, OPAQUE, Change, Facts
from nbdash.notebook.analysis.scopes import NotebookNames, survey_names
from nbdash.notebook.analysis.sharing import Sharing
from nbdash.notebook.analysis.statements import read_facts

__all__ = [
    "CUSTOM",
    "DISPLAYS",
    "OPAQUE",
    "Change",
    "Facts",
    "NotebookNames",
    "Sharing",
    "read_facts",
    "survey_names",
]
