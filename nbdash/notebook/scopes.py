"""Whose names are whose: what a function takes from outside, and what a notebook's names mean throughout."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def free_names(scope: ast.AST) -> frozenset[str]:
    """The names that a function, class or comprehension takes from the scopes around it, or declares global."""
    body = _Names()
    for child in ast.iter_child_nodes(scope):
        body.visit(child)
    own = frozenset() if isinstance(scope, ast.ClassDef) else frozenset(body.bound - body.outer)
    return frozenset(body.loaded | body.outer) - own


def bound_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The names that these nodes bind in their own scope."""
    names = _Names()
    for node in nodes:
        names.visit(node)
    return frozenset(names.bound)


def root_and_path(node: ast.expr) -> tuple[str, list[str]] | None:
    """``np.random.seed`` as ``("np", ["random", "seed"])``; None for anything but a dotted name."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    return (node.id, path) if isinstance(node, ast.Name) else None


@dataclass
class NotebookNames:
    """What the notebook as a whole says about its names."""

    bound: set[str] = field(default_factory=set)  #: bound anywhere at module level
    modules: dict[str, str] = field(default_factory=dict)  #: only ever imported, as this dotted name
    methods: set[str] = field(default_factory=set)  #: attributes that the notebook itself defines

    def dotted(self, node: ast.expr) -> str | None:
        """The dotted name an expression stands for, through imports and builtins; None if it is an object."""
        found = root_and_path(node)
        if found is None:
            return None
        root, path = found
        if root in self.modules:
            return ".".join([self.modules[root], *path])
        return None if root in self.bound or path else f"builtins.{root}"


def names_of(trees: Iterable[ast.Module]) -> NotebookNames:
    """Survey all cells: what each name is bound to, and which attributes are the notebook's own."""
    names = NotebookNames()
    imported: dict[str, set[str]] = {}
    otherwise: set[str] = set()
    for tree in trees:
        otherwise |= bound_names(tree.body)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, target in imports_of(node):
                    imported.setdefault(name, set()).add(target)
            elif isinstance(node, ast.Global):
                otherwise.update(node.names)
            names.methods |= _own_attributes(node)
    names.bound = otherwise | set(imported)
    names.modules = {
        name: targets.copy().pop() for name, targets in imported.items() if len(targets) == 1 and name not in otherwise
    }
    return names


def imports_of(node: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    """The names an import binds, each with the dotted name it stands for."""
    if isinstance(node, ast.Import):
        return [
            (item.asname, item.name) if item.asname else (item.name.split(".")[0],) * 2 for item in node.names
        ]
    base = "." * node.level + (node.module or "")
    return [(item.asname or item.name, f"{base}.{item.name}") for item in node.names]


def _own_attributes(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return {node.attr}
    if isinstance(node, ast.ClassDef):
        return set(bound_names(node.body))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
        return {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return set()


class _Names(ast.NodeVisitor):
    """Names loaded and bound in one scope; inner scopes count with what they take from outside.

    Imports are left to :func:`imports_of` at module level, but bind here too inside a function.
    """

    def __init__(self) -> None:
        self.loaded: set[str] = set()
        self.bound: set[str] = set()
        self.outer: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        (self.loaded if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)

    def visit_arg(self, node: ast.arg) -> None:
        self.bound.add(node.arg)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.outer.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.loaded.add(node.target.id)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._bind_name(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self._bind_name(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.bound.add(node.rest)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.bound.add(node.name)
        self._inner(node)

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_ClassDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._inner(node)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self._inner(node)
        self.bound.update(item.target.id for item in ast.walk(node) if isinstance(item, ast.NamedExpr))

    visit_SetComp = visit_ListComp
    visit_DictComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def _bind_name(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    def _inner(self, node: ast.AST) -> None:
        self.loaded |= free_names(node)
