"""Which names a cell needs from others and which it makes: Python's own symbol tables tell."""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Scopes that run at once, as part of the statement they stand in.
_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
#: Statements in which a name may be made before it is read.
_COMPOUND = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
#: Calls and magics after which any name may exist.
_OPENING_CALLS = frozenset({"exec", "eval", "globals", "run_cell_magic", "push", "run_cell", "ex", "getoutput"})
_OPENING_MAGICS = frozenset({"run", "pylab", "store", "load", "autoreload", "reload_ext", "load_ext", "R", "sql"})


@dataclass(kw_only=True)
class CellNames:
    """One cell's names at the level of the notebook."""

    reads: set[str] = field(default_factory=set)  #: needed while the cell runs
    later_reads: set[str] = field(default_factory=set)  #: needed when its functions are called
    makes: set[str] = field(default_factory=set)
    makes_any: bool = False  #: ``from x import *``, ``exec``, ``%run``: anything may be made


def names_of_cell(tree: ast.Module) -> CellNames:
    """The names of a cell, statement by statement."""
    names = CellNames()
    for statement in tree.body:
        names.makes_any |= any(_opens(node) for node in ast.walk(statement))
        read, later, bound = _names_of_statement(statement)
        if not _expects_missing_names(statement):
            names.reads |= read - names.makes
        names.later_reads |= later
        names.makes |= bound
    names.later_reads -= names.makes
    return names


def _names_of_statement(statement: ast.stmt) -> tuple[set[str], set[str], set[str]]:
    """Names read at once, read by functions later, and bound."""
    module = ast.Module(body=[statement], type_ignores=[])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = symtable.symtable(ast.unparse(module), "cell", "exec")
    except (SyntaxError, RecursionError, ValueError):
        return set(), set(), set()
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    bound |= {name for scope, name in _global_bindings(table) if scope is not table}
    read, later = _reads_of(table)
    read -= {"*"}
    if isinstance(statement, (*_COMPOUND, *_DEFINITIONS)) or _has_walrus(statement):
        return read - bound, later, bound
    return read | _augmented(statement), later, bound


def _reads_of(table: symtable.SymbolTable, deferred: bool = False) -> tuple[set[str], set[str]]:
    """Names of the module's scope that a table and its children read: at once, and later."""
    own = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global())
    }
    read, later = (set(), own) if deferred else (own, set())
    for child in table.get_children():
        is_late = deferred or (child.get_type() != "class" and child.get_name() not in _COMPREHENSIONS)
        child_read, child_later = _reads_of(child, is_late)
        read, later = read | child_read, later | child_later
    return read, later


def _global_bindings(table: symtable.SymbolTable) -> Iterator[tuple[symtable.SymbolTable, str]]:
    """Names that functions bind by ``global``, and comprehensions by ``:=``."""
    for child in table.get_children():
        for symbol in child.get_symbols():
            if symbol.is_assigned() and symbol.is_global():
                yield child, symbol.get_name()
        yield from _global_bindings(child)


def _augmented(statement: ast.stmt) -> set[str]:
    """``n += 1`` reads ``n``."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _has_walrus(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.NamedExpr) for node in ast.walk(statement))


def _expects_missing_names(statement: ast.stmt) -> bool:
    """Whether a statement handles a name that does not exist: ``try: x … except NameError: …``."""
    return isinstance(statement, ast.Try) and any(
        handler.type is None or ast.unparse(handler.type).rpartition(".")[2] in ("NameError", "Exception")
        for handler in statement.handlers
    )


def _opens(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Call(func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value=magic), *_]):
            return magic in _OPENING_MAGICS
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _OPENING_CALLS
    return False
