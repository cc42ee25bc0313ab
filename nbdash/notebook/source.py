"""A code cell's source as a Python syntax tree, IPython's own syntax included.

``%magics``, ``!commands`` and ``name?`` become calls of ``get_ipython()``, as IPython itself rewrites
them.  Magics that run Python in the notebook's namespace (``%time``, ``%%time``, ``%%capture`` …) are
replaced by that Python, so that its names count.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import cast

from IPython.core.inputtransformer2 import TransformerManager

#: Cell magics whose body is Python that runs in the notebook's namespace.
PYTHON_CELL_MAGICS = frozenset({"time", "timeit", "capture", "prun"})
#: Line magics whose argument is such a statement.
PYTHON_LINE_MAGICS = frozenset({"time", "timeit", "prun"})

_CELL_MAGIC = re.compile(r"\A\s*%%([^\s?]+)(?!\S)[^\S\n]*(.*)")
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)*")
_MAGIC_OPTIONS = re.compile(r"(?:-[lsnrp]\s*\S+\s+|-(?![TD])\w+\s+|--[\w-]+\s+)*")


def parse_cell(source: str) -> ast.Module | None:
    """The cell's syntax tree; None for a syntax error, or a cell magic whose body is not its Python."""
    try:
        return parse_python(source)
    except SyntaxError:
        return None


def parse_python(source: str) -> ast.Module | None:
    """Like :func:`parse_cell`, but raises SyntaxError with the line as IPython would see it."""
    found = _CELL_MAGIC.match(source)
    if found is None:
        return _expand_magics(_parse(source))
    if found[1] not in PYTHON_CELL_MAGICS:
        return None
    # A blank line in place of the magic's keeps the line numbers of what follows, another cell magic perhaps.
    tree = parse_python("\n" * source.count("\n", 0, found.end()) + source[found.end() :])
    if tree is not None and found[1] == "capture":
        tree.body.extend(_captured_name(found[2]))
    elif tree is not None:
        first = _statements_after(found[2])
        if first is None:
            return None
        tree.body[:0] = first
    return tree


def cell_magic_of(source: str) -> str | None:
    """The name of the cell magic that the cell begins with: ``bash`` for ``%%bash``; None without one."""
    found = _CELL_MAGIC.match(source)
    return found[1] if found else None


def _parse(source: str) -> ast.Module:
    blank = _BLANK_LINES.match(source)
    blank_lines = source.count("\n", 0, blank.end() if blank else 0)  # IPython drops them from the count
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the author's invalid escapes are not ours to report
        try:
            tree: ast.Module = ast.parse(TransformerManager().transform_cell(source))
        except SyntaxError as error:
            error.lineno = (error.lineno or 1) + blank_lines
            raise
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error)) from None
    ast.increment_lineno(tree, blank_lines)
    return tree


def _captured_name(line: str) -> list[ast.stmt]:
    """``%%capture out`` binds ``out``."""
    names = [word for word in line.split() if word.isidentifier()]
    return ast.parse(f"{names[0]} = get_ipython().run_cell_magic('capture', '')").body if names else []


def _expand_magics(tree: ast.Module) -> ast.Module:
    return cast("ast.Module", _MagicExpander().visit(tree))


class _MagicExpander(ast.NodeTransformer):
    """Replaces ``get_ipython().run_line_magic('time', 'x = f()')`` by ``x = f()``."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | list[ast.stmt]:
        match node.value:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"),
                args=[ast.Constant(value=str(name)), ast.Constant(value=str(line))],
            ) if name in PYTHON_LINE_MAGICS:
                statements = _statements_after(line) or [node]
                for statement in statements:
                    ast.increment_lineno(statement, node.lineno - 1 if statement is not node else 0)
                return statements
        return node


def _statements_after(line: str) -> list[ast.stmt] | None:
    """What a magic runs, without its options; None if that cannot be read, or an option writes a file."""
    try:
        return _parse(_MAGIC_OPTIONS.sub("", f"{line.strip()} ", count=1)).body
    except SyntaxError:
        return None
