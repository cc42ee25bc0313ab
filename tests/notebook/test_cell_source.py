"""A cell's source as Python, with IPython's own syntax."""

from __future__ import annotations

import ast

import pytest

from nbdash.notebook.source import cell_magic_of, parse_cell, parse_python


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", "x = 1"),
        ("%%time\nx = 2\nx", "x = 2\nx"),
        ("\n  \n%%timeit -n 3\nf()", "f()"),
        ("%%time\n\n%%capture out\nx = 2", "x = 2\nout = get_ipython().run_cell_magic('capture', '')"),
        ("%%timeit -n 3 x = 1\nf(x)", "x = 1\nf(x)"),
        ("%time x = f(3)", "x = f(3)"),
        ("%prun -T out.txt f(x)", "get_ipython().run_line_magic('prun', '-T out.txt f(x)')"),
        ("%time x = f(3)\n%prun -s cum f(x)", "x = f(3)\nf(x)"),
        ("if a:\n    %timeit -n 10 -r3 f(x)", "if a:\n    f(x)"),
        ("%%capture\nprint(1)", "print(1)"),
        (
            "%%capture out --no-stderr\nprint(1)",
            "print(1)\nout = get_ipython().run_cell_magic('capture', '')",
        ),
        ("%matplotlib inline", "get_ipython().run_line_magic('matplotlib', 'inline')"),
        ("files = !ls $x", "files = get_ipython().getoutput('ls $x')"),
        ("x?", "get_ipython().run_line_magic('pinfo', 'x')"),
        (">>> x = 1\n... y", "x = 1\ny"),
        ("await f()", "await f()"),
        ("r = '\\d'", "r = '\\\\d'"),
        ("", ""),
    ],
)
def test_python_and_magics(source: str, expected: str) -> None:
    tree = parse_cell(source)
    assert tree is not None
    assert ast.unparse(tree) == expected


@pytest.mark.parametrize(
    "source",
    ["def f(:", "%%bash\nls", "%%html\n<b>", "%%time\n%%bash\nls", "%%prun -D f\nx", "(" * 5000, "'\0'", "x = = 1"],
)
def test_what_is_not_python_is_none(source: str) -> None:
    assert parse_cell(source) is None


@pytest.mark.parametrize(
    ("source", "magic"),
    [
        ("%%bash\nls", "bash"),
        ("\n %%time\nx", "time"),
        ("%%time?", None),
        ("%time x", None),
        ("x\n%%time", None),
    ],
)
def test_cell_magic(source: str, magic: str | None) -> None:
    assert cell_magic_of(source) == magic


@pytest.mark.parametrize("source", ["\n\nx", "%%time\n\nx", "\n%%time\nx", "%matplotlib inline\n\nx"])
def test_lines_are_those_of_the_cell(source: str) -> None:
    tree = parse_cell(source)
    assert tree is not None
    assert tree.body[-1].lineno == 3


def test_a_syntax_error_tells_the_line() -> None:
    with pytest.raises(SyntaxError) as caught:
        parse_python("\n\nx = = 1")
    assert caught.value.lineno == 3
