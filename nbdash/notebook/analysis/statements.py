"""Reads a cell's statements into its facts, in order and along every branch."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterable

from nbdash.notebook.analysis.calls import CallReader
from nbdash.notebook.analysis.expressions import PACKAGE, is_magic_name
from nbdash.notebook.analysis.facts import (
    CALLABLE,
    CUSTOM,
    FIGURE,
    NOTHING,
    OPAQUE,
    STREAMS,
    Change,
    Facts,
    Value,
    called_state,
    container,
)
from nbdash.notebook.analysis.forms import magic_of
from nbdash.notebook.analysis.scopes import NotebookNames, free_names, global_names, imports_of
from nbdash.notebook.analysis.tables import (
    BASES,
    DECORATORS,
    FUNCTIONS,
    HARMLESS_MODULES,
    METHODS,
    NAMESPACE_ATTRIBUTES,
    NAMESPACE_READERS,
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
#: Methods that run only when an object is made, which is a call.
_MAKERS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__class_getitem__"})
#: Methods whose results count as new objects: ``a + 1`` and ``1 + a``, but not ``a[1]``.
_OPERATORS = frozenset(
    f"__{side}{name.strip('_')}__" for name in dir(operator) if name.startswith("__") for side in ("", "r")
) - {"__getitem__", "__call__"}


def read_facts(tree: ast.Module, names: NotebookNames, number: int) -> Facts:
    """The facts of one cell, which has this number."""
    reader = StatementReader(names, number)
    reader.read_all(tree.body)
    reader.facts.surely_binds = reader.bound & reader.facts.binds
    return reader.facts


class StatementReader(CallReader):
    """A call reader that also knows statements; one that it does not know is an effect."""

    def read_all(self, statements: Iterable[ast.stmt]) -> None:
        """One after the other."""
        for statement in statements:
            self.visit(statement)

    def generic_visit(self, node: ast.AST) -> Value:
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass | ast.Break | ast.Continue | ast.Global):
            self.facts.effects.append("does something unknown")
        return super().generic_visit(node)

    def read_branches(self, *branches: Iterable[ast.stmt]) -> None:
        """One of these runs: surely bound is what each of them binds."""
        before, ends = self.bound, []
        for branch in branches:
            self.bound = set(before)
            self.read_all(branch)
            ends.append(self.bound)
        self.bound = set.intersection(*ends)

    # --- simple statements ---

    def visit_Expr(self, node: ast.Expr) -> None:
        value = self.value_of(node.value)
        self.note_change(value, marks=frozenset({FIGURE}))  # showing a figure draws it, which lays it out

    def visit_Assign(self, node: ast.Assign) -> None:
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if _pair(targets, values):
                found = [self.value_of(value) for value in values]
                for target, value in zip(targets, found, strict=True):
                    self.assign(target, value)
            case _:
                value = self.value_of(node.value)
                for target in node.targets:
                    self.assign(target, value)
                if len(node.targets) > 1:
                    self.note_siblings(node.targets)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value:
            self.assign(node.target, self.value_of(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        value = self.value_of(node.value)
        self.note_iteration(value)
        before = self.value_of(node.target)
        self.note_change(before)
        self.assign(node.target, container(before, value))

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._delete(target)

    def _delete(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self.value_of(target)
                self.bind(name, NOTHING)
                self.bound.discard(name)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for item in targets:
                    self._delete(item)
            case _:
                self.assign(target, NOTHING)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.facts.effects.append("may stop the run")
        self.visit(node.test)
        with self.perhaps():
            self.value_of(node.msg)

    def visit_Raise(self, node: ast.Raise) -> None:
        self.facts.effects.append("may stop the run")
        super().generic_visit(node)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, dotted in imports_of(node):
            self._note_import(dotted, is_whole=isinstance(node, ast.Import))
            if name != "*":
                self.bind(name, NOTHING)
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._note_package(alias.name)

    visit_ImportFrom = visit_Import

    def _note_import(self, dotted: str, *, is_whole: bool) -> None:
        package = dotted.partition(".")[0]
        if package == "__future__":
            self.facts.effects.append("sets options")
        elif package not in HARMLESS_MODULES:
            self.facts.surveys |= package == "__main__"
            self.facts.effects.append(f"imports `{dotted.removesuffix('.*')}`, whose effects are unknown")
        elif dotted.endswith(".*"):
            self.facts.effects.append(f"imports all of `{dotted[:-2]}`")
        if not is_whole:
            self._note_package(dotted)

    def _note_package(self, dotted: str) -> None:
        """Importing a submodule makes it an attribute of its package."""
        package, _, rest = dotted.partition(".")
        if rest:
            self.facts.changes.append(Change(name=PACKAGE.format(package)))

    # --- compound statements ---

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.read_branches(node.body, node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        value = self.value_of(node.iter)
        self.note_iteration(value)
        with self.perhaps():
            self.assign(node.target, value.part)
            self.read_all(node.body)
        with self.perhaps():
            self.read_all(node.orelse)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.facts.effects.append("awaits")
        self.visit_For(node)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        for body in (node.body, node.orelse):
            with self.perhaps():
                self.read_all(body)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        with self.perhaps():
            self.read_all([*node.body, *node.orelse])
        for handler in node.handlers:
            with self.perhaps():
                self.visit(handler)
        self.read_all(node.finalbody)

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.value_of(node.type)
        if node.name:
            self.bind(node.name, Value(holds=frozenset({OPAQUE})))
        self.read_all(node.body)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        with self.perhaps():  # a context manager may swallow an exception
            for item in node.items:
                value = self._enter(item.context_expr)
                if item.optional_vars:
                    self.assign(item.optional_vars, value)
            self.read_all(node.body)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.facts.effects.append("awaits")
        self.visit_With(node)

    def _enter(self, manager: ast.expr) -> Value:
        """What ``as`` gives.  Entering and leaving those that are known has no lasting effect."""
        value = self.read_manager(manager)
        if value is None:
            value = self.value_of(manager)
            if not (isinstance(manager, ast.Call) and self.dotted(manager.func) == "builtins.open"):
                self.facts.effects.append(f"unknown effect: `with {ast.unparse(manager)[:40]}`")
        return value

    def visit_Match(self, node: ast.Match) -> None:
        value = self.value_of(node.subject)
        self.note_iteration(value)
        for case in node.cases:
            with self.perhaps():
                self._bind_pattern(case.pattern, value)
                self.value_of(case.guard)
                self.read_all(case.body)

    def _bind_pattern(self, pattern: ast.pattern, value: Value) -> None:
        for node in ast.walk(pattern):
            name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
            if name:
                self.bind(name, container(value).part)
            elif isinstance(node, ast.MatchValue | ast.MatchClass):
                self.visit(node.value if isinstance(node, ast.MatchValue) else node.cls)

    # --- definitions ---

    def visit_FunctionDef(self, node: _Function) -> None:
        self._read_decorators(node)
        defaults = self.generic_visit_defaults(node.args)
        for annotation in (*_annotations(node.args), node.returns):
            self.value_of(annotation)
        state = self._note_state(node.name, node, defaults)
        if any(isinstance(child, ast.Yield | ast.YieldFrom) for child in ast.walk(node)):
            self.facts.holds |= {(state, stream) for stream in STREAMS}
        self.bind(node.name, Value(holds=frozenset({state, CALLABLE})))

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._read_decorators(node)
        bases = container(*[self.value_of(base) for base in node.bases])
        for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
            if self.names.dotted(base) not in BASES:
                self.facts.effects.append(f"unknown effect: base class `{ast.unparse(base)}`")
        state = self._note_state(node.name, node, bases)
        own = dict.fromkeys(_class_names(node), Value(aliases=frozenset({state}), inner=True))
        for name in own.keys() & self.names.bound:
            self.note_read(name)  # until the class binds it for itself
        with self.inner_scope(own):
            self.read_all(node.body)
            held = container(*(self.scope[name] for name in own)).holds - {CALLABLE}  # its methods do not count
            self.facts.holds |= {(state, name) for name in held}
        if any(self._is_active(child) for child in ast.walk(node)):
            self.facts.holds.add((state, CUSTOM))
        self.bind(node.name, Value(holds=frozenset({state, CALLABLE})))

    def visit_TypeAlias(self, node: ast.AST) -> None:
        """``type Row = dict[str, int]``, from Python 3.12 on: evaluated when it is asked for."""
        name = str(getattr(node, "name").id)  # noqa: B009 - a field that older Pythons do not know
        self.bind(name, self.captured(free_names(getattr(node, "value"))))  # noqa: B009

    def _note_state(self, name: str, node: ast.stmt, given: Value) -> str:
        """The pseudo-name for all that code works on beside its arguments, so that a call can change it."""
        state = called_state(name)
        used = free_names(node) - {name} - self.scope.keys()
        self.captured(used)
        shared = (used & self.names.bound) - self.names.modules.keys()
        others = {called_state(name) if name in self.names.functions else name for name in shared}
        self.facts.aliases |= {(state, other) for other in others}
        self.facts.inner.add(state)
        self.facts.holds |= {(state, held) for held in given.names}
        self.facts.natures |= {(other, OPAQUE) for other in global_names(node)}
        self.facts.sources |= {(other, state) for other in global_names(node)}
        self.facts.holds |= {(state, OPAQUE)}
        self.facts.surveys |= bool((used - self.names.bound) & (NAMESPACE_READERS - {"locals", "vars", "dir"}))
        for call in (child for child in ast.walk(node) if isinstance(child, ast.Call)):
            if self.names.dotted(call.func) not in FUNCTIONS and magic_of(call) is None:
                self.note_texts_later(call)
            if (known := self.known_function(self.names.dotted(call.func) or "")) and CUSTOM in known.gives:
                self.facts.holds.add((state, CUSTOM))
        attributes = {child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)}
        self.facts.surveys |= bool(attributes & NAMESPACE_ATTRIBUTES)
        return state

    def note_texts_later(self, call: ast.Call) -> None:
        """As :meth:`note_texts`, in code that runs later."""
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in METHODS):
            surveys = self.facts.surveys
            self.note_texts(call)
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            self.facts.surveys = surveys if name in NAMESPACE_READERS else self.facts.surveys

    def _read_decorators(self, node: _Function | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            for part in ast.iter_child_nodes(decorator) if isinstance(decorator, ast.Call) else (function,):
                self.value_of(part)
            if not self._is_harmless_decorator(function):
                self.facts.effects.append(f"unknown effect: `@{ast.unparse(function)}`")

    def _is_harmless_decorator(self, node: ast.expr) -> bool:
        dotted = self.names.dotted(node) or ""
        is_accessor = isinstance(node, ast.Attribute) and node.attr in ("setter", "getter", "deleter")
        return dotted.removeprefix("builtins.") in DECORATORS or is_accessor

    def _is_active(self, node: ast.AST) -> bool:
        """Whether a method runs unasked, as operators and properties do, and does more than compute."""
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                is_unasked = bool(node.decorator_list) or (is_magic_name(name) and name not in _MAKERS)
                gives_itself = name in _OPERATORS and any(map(_gives_itself, ast.walk(node)))
                return is_unasked and (gives_itself or any(self._acts(child) for child in ast.walk(node)))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                is_method = not isinstance(value, ast.Constant | ast.Tuple | ast.List | ast.Dict)
                return is_magic_name(name) and is_method
        return False

    def _acts(self, node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if self.names.dotted(node.func) is None:
                behaviour = None if name in self.names.methods else METHODS.get(name)
            case ast.Call(func=function):
                behaviour = self.known_function(self.names.dotted(function) or "")
            case ast.Attribute(ctx=context) | ast.Subscript(ctx=context):
                return not isinstance(context, ast.Load)
            case _:
                return isinstance(node, ast.Global | ast.Nonlocal | ast.Yield | ast.AugAssign | ast.For)
        return behaviour is None or not behaviour.is_pure or (behaviour.iterates and not behaviour.lazy)


def _gives_itself(node: ast.AST) -> bool:
    """Whether an operator's result may be one of its operands or of their parts."""
    return isinstance(node, ast.Return) and isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript)


def _class_names(node: ast.ClassDef) -> set[str]:
    """What a class body binds for itself."""
    names: set[str] = set()
    shared = {name for child in ast.walk(node) if isinstance(child, ast.Global) for name in child.names}
    for child in ast.walk(ast.Module(body=node.body, type_ignores=[])):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            names.add(child.id)
        elif isinstance(child, _Function | ast.ClassDef):
            names.add(child.name)
        names.update(name for name, _ in imports_of(child))
    return names - shared


def _annotations(arguments: ast.arguments) -> list[ast.expr | None]:
    return [node.annotation for node in ast.walk(arguments) if isinstance(node, ast.arg)]


def _pair(targets: list[ast.expr], values: list[ast.expr]) -> bool:
    starred = any(isinstance(node, ast.Starred) for node in (*targets, *values))
    return len(targets) == len(values) and not starred
