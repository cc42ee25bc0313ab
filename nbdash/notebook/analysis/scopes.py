"""Whose names are whose: Python's own symbol tables tell, for functions and for the notebook as a whole."""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

#: Builtins that end the session when IPython sees them.
_STOPPERS = {"exit", "quit"}


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
    imported: set[str] = field(default_factory=set)  #: modules somewhere, perhaps something else elsewhere
    methods: set[str] = field(default_factory=set)  #: attributes that the notebook itself defines
    stored: set[str] = field(default_factory=set)  #: those of them that it stores from outside, in a module perhaps
    gives_any: bool = False  #: it gives objects attributes whose names are found only when it runs

    def is_builtin(self, name: str) -> bool:
        """Whether a name means what Python (or IPython, for ``display``) makes of it."""
        is_given = hasattr(builtins, name) or name in ("display", "get_ipython")
        return is_given and name not in self.bound | _STOPPERS

    def dotted(self, node: ast.expr) -> str | None:
        """The dotted name of a function or module, through imports and builtins; None for any other object."""
        root, *path = _path_of(node)
        if root in self.modules:
            return ".".join([self.modules[root], *path])
        return f"builtins.{root}" if self.is_builtin(root) and not path else None

    def is_doubtful(self, node: ast.expr) -> bool:
        """Whether it belongs to what is a module only perhaps, as after ``except ImportError: np = None``."""
        return _path_of(node)[0] in self.imported - self.modules.keys()


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
            names.stored |= _stored_attributes(node)
            names.gives_any |= _gives_any(node)
            rebound |= _plainly_bound(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.functions.add(node.name)
            for name, target in imports_of(node):
                meanings.setdefault(name, set()).add(target)
                names.imported |= {name} if isinstance(node, ast.Import) else set()
    names.methods |= names.stored
    names.modules = {
        name: target for name, targets in meanings.items() if len(targets) == 1 for target in targets if target
    }
    names.functions -= rebound
    return names


def _path_of(node: ast.expr) -> list[str]:
    """``np.random.rand`` as its names; the first is empty for what does not begin with a name."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *path]


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
    """The attributes that a class gives to its objects, in whatever way it is written."""
    match node:
        case ast.ClassDef(body=body):
            return set(bound_names(ast.Module(body=body, type_ignores=[])))
        case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
            return {name}
        case ast.Call(func=ast.Name(id="type"), args=[_, _, ast.Dict(keys=keys)]):
            return {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        case ast.Call(func=ast.Name(id="namedtuple") | ast.Attribute(attr="namedtuple")):
            return {
                word for text in ast.walk(node) if isinstance(text, ast.Constant) for word in str(text.value).split()
            }
        case ast.Call(func=ast.Name() | ast.Attribute(attr="SimpleNamespace"), keywords=keywords):
            return {word.arg for word in keywords if word.arg and isinstance(word.value, ast.Lambda | ast.Name)}
    return set()


def _stored_attributes(node: ast.AST) -> set[str]:
    match node:
        case ast.Attribute(value=owner, attr=name, ctx=ast.Store()):
            return set() if isinstance(owner, ast.Name) and owner.id == "self" else {name}
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value=str(name)), *_]):
            return {name}
    return set()


def _gives_any(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(), *_]):
            return False
        case ast.Call(func=ast.Name(id="setattr")):
            return True
    return False


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
