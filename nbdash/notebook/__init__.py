"""The notebook's side of nbdash: from an ``.ipynb`` file to what is to run and to be shown.

``read_notebook`` understands the file, ``make_plan`` says what runs and shows, ``check_notebook``
what is doubtful about it.  Parameters are found, checked and injected here; tags proposed and
written.  Nothing here executes a cell.
"""

from nbdash.notebook.checks import RULES, check_notebook
from nbdash.notebook.layout import lay_out
from nbdash.notebook.parameters import canonical_key, cast_value, find_parameters, inject_parameters
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import content_digest, parse_notebook, read_notebook, strip_outputs
from nbdash.notebook.selection import select_cells
from nbdash.notebook.tagging import Proposal, propose_tags, write_tags
from nbdash.notebook.text import slug_of
from nbdash.notebook.values import read_value, resolve_values

__all__ = [
    "RULES",
    "Proposal",
    "canonical_key",
    "cast_value",
    "check_notebook",
    "content_digest",
    "find_parameters",
    "inject_parameters",
    "lay_out",
    "make_plan",
    "parse_notebook",
    "propose_tags",
    "read_notebook",
    "read_value",
    "resolve_values",
    "select_cells",
    "slug_of",
    "strip_outputs",
    "write_tags",
]
