"""The cells that do the same whatever the parameters' values are, which a run with others need not execute again."""

from __future__ import annotations

import json

import pytest
from nbformat import v4

from nbdash.model import Selection
from nbdash.notebook.parameters import inject_parameters
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import parse_notebook

PARAMETERS = "year = 2024; region = 'north'"

#: Up to where a run may be taken over from another, marked by an empty line; the parameters' cell is the second.
PREFIXES: dict[str, list[str | None]] = {
    "read by name": ["df = read('x')", None, "df[df.year == year]", "1"],
    "a column's name is none": ["df = read('x'); df['year'].plot(); df.year.max()", None, "df[df.year == year]"],
    "a keyword's name is none": ["date = dict(region=1)", None, "print(year)"],
    "in a text that is evaluated": ["x = 1", None, "df.query('y > @year')", "1"],
    "in a formula": [None, "smf.ols('y ~ year', d)", "2"],
    "in a formatted text": ["x = 1", None, "print(f'{region}')"],
    "through a function": ["x = 1", "def f(): return year", None, "f()", "2"],
    "a function that is called at once": ["x = 1", None, "def f(): return year\nf()", "2"],
    "a function's default": [None, "def f(y=year): return y", "2"],
    "a decorated function": [None, "@cache\ndef f(y): return year", "2"],
    "a class": [None, "class A:\n    y = year", "2"],
    "bound anew": [None, "year = 3", "2"],
    "bound by a loop": [None, "for year in range(3): pass", "2"],
    "bound in a function": ["x = 1", None, "def f():\n    global year; year = 3\nf()", "2"],
    "deleted": [None, "del region", "2"],
    "bound by anything": [None, "from x import *", "2"],
    "bound by a script": [None, "%run other.py", "2"],
    "bound by text": [None, "exec(open('x').read())", "2"],
    "all variables": [None, "globals()", "2"],
    "all variables, elsewhere": [None, "import sys; sys.modules['__main__'].year", "2"],
    "a frame's variables": [None, "import inspect; inspect.currentframe().f_globals['year']", "2"],
    "listed": ["x = 1", None, "%who"],
    "earlier inputs": [None, "_i", "2"],
    "numbers of cells": [None, "len(In)", "2"],
    "IPython itself": [None, "get_ipython().execution_count", "2"],
    "a command": ["!echo 3", None, "!echo $year", "2"],
    "another language": [None, "%%bash\necho $year", "2"],
    "what cannot be read": [None, "a b", "2"],
    "never read": ["import helper; helper.go()", "print(1)"],
}


def plans_of(cells: list[str], first: str = "import pandas as pd") -> list[int]:
    """The prefix of a run without parameters, and with one."""
    sources = [first, PARAMETERS, *cells]
    code = [v4.new_code_cell(source) for source in sources]
    code[1].metadata["tags"] = ["parameters"]
    notebook = parse_notebook(json.dumps(v4.new_notebook(cells=code)), "x.ipynb")
    given = inject_parameters(notebook, {"year": 1})
    return [make_plan(each, Selection.ALL).prefix for each in (notebook, given)]


@pytest.mark.parametrize("name", PREFIXES)
def test_up_to_the_first_cell_that_can_tell_values_apart(name: str) -> None:
    cells = PREFIXES[name]
    place = cells.index(None) if None in cells else len(cells)
    assert plans_of([cell for cell in cells if cell is not None]) == [2 + place, 2 + place]


@pytest.mark.parametrize(
    "first", ["def f(): return year", "def g(): return year\nf = g", "d['k'] = lambda: year; f = d"]
)
def test_what_was_made_before_the_parameters_may_read_them(first: str) -> None:
    assert plans_of(["x = 1", "f()", "2"], first) == [3, 3]


def test_no_parameters_no_prefix() -> None:
    notebook = parse_notebook(json.dumps(v4.new_notebook(cells=[v4.new_code_cell("x = 1")])), "x.ipynb")
    assert make_plan(notebook, Selection.ALL).prefix == 0
    assert make_plan(inject_parameters(notebook, {"year": 1}), Selection.ALL).prefix == 0
