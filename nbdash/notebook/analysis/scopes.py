"""Whose names are whose: Python's own symbol tables tell, for functions and for the notebook as a whole."""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


def free_names(scope: ast.stmt | ast.expr) -> frozenset[str]:
    """The names that a function, class or expression takes from the scopes around it, or declares global."""
    module = _table_of(scope)
    own = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_referenced()}
    inner = (table.get_symbols() for table in _inner_tables(module))
    return frozenset(own | {symbol.get_name() for symbols in inner for symbol in symbols if symbol.is_global()})


def bound_names(tree: ast.Module) -> frozenset[str]:
    """The names that code at module level binds, in its functions and comprehensions too."""
    module = _table_of(tree)
    own = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return frozenset(own | _bound_inside(module))


def global_names(scope: ast.stmt | ast.expr) -> frozenset[str]:
    """The names of the module that code inside a function or class binds."""
    return frozenset(_bound_inside(_table_of(scope)))


def _bound_inside(module: symtable.SymbolTable) -> set[str]:
    """Names of the module that ``global`` and ``:=`` bind in inner scopes."""
    return {
        symbol.get_name()
        for table in _inner_tables(module)
        for symbol in table.get_symbols()
        if symbol.is_global() and symbol.is_assigned()
    }


@dataclass
class NotebookNames:
    """What the notebook as a whole says about its names."""

    bound: set[str] = field(default_factory=set)  #: bound anywhere at module level
    modules: dict[str, str] = field(default_factory=dict)  #: only ever imported, and always as this
    functions: set[str] = field(default_factory=set)  #: only ever defined, as functions or classes
    methods: set[str] = field(default_factory=set)  #: attributes that the notebook itself defines

    def is_builtin(self, name: str) -> bool:
        """Whether a name means what Python (or IPython, for ``display``) makes of it."""
        return name not in self.bound and (hasattr(builtins, name) or name in ("display", "get_ipython"))

    def dotted(self, node: ast.expr) -> str | None:
        """The dotted name of a function or module, through imports and builtins; None for any other object."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        if node.id in self.modules:
            return ".".join([self.modules[node.id], *path])
        return f"builtins.{node.id}" if self.is_builtin(node.id) and not path else None


def survey_names(trees: Iterable[ast.Module]) -> NotebookNames:
    """Survey all cells.  Raises SyntaxError for code that Python's symbol tables refuse."""
    names = NotebookNames()
    meanings: dict[str, set[str]] = {}  # what each name is imported as; empty for any other binding
    rebound: set[str] = set()
    for tree in trees:
        names.bound |= bound_names(tree)
        for name in _assigned_names(tree):
            meanings.setdefault(name, set()).add("")
        for node in ast.walk(tree):
            names.methods |= _own_attributes(node)
            rebound |= _plainly_bound(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.functions.add(node.name)
            for name, target in imports_of(node):
                meanings.setdefault(name, set()).add(target)
    names.modules = {
        name: target for name, targets in meanings.items() if len(targets) == 1 for target in targets if target
    }
    names.functions -= rebound
    return names


def imports_of(node: ast.AST) -> list[tuple[str, str]]:
    """The names that a statement imports, each with the dotted name it stands for."""
    match node:
        case ast.Import(names=names):
            tops = [alias.name.partition(".")[0] for alias in names]
            return [
                (alias.asname or top, alias.name if alias.asname else top)
                for alias, top in zip(names, tops, strict=True)
            ]
        case ast.ImportFrom(module=module, names=names, level=level):
            base = "." * level + (module or "")
            return [(alias.asname or alias.name, f"{base}.{alias.name}") for alias in names]
    return []


def _assigned_names(tree: ast.Module) -> set[str]:
    """The names bound by anything but an import."""
    module = _table_of(tree)
    return {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned()} | _bound_inside(module)


def _plainly_bound(node: ast.AST) -> set[str]:
    """The names that one node binds other than by a definition."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
    return {name for name, _ in imports_of(node)}


def _own_attributes(node: ast.AST) -> set[str]:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return {name}
        case ast.ClassDef(body=body):
            return set(bound_names(ast.Module(body=body, type_ignores=[])))
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=str(name)), *_]):
            return {name}
    return set()


def _table_of(node: ast.Module | ast.stmt | ast.expr) -> symtable.SymbolTable:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the author's invalid escapes are not ours to report
            return symtable.symtable(ast.unparse(node), "cell", "exec")
    except (RecursionError, ValueError) as error:
        raise SyntaxError(str(error)) from None


def _inner_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inner_tables(child)
