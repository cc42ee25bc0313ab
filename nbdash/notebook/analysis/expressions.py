"""Reads expressions: follows each to the names it may share objects with, noting reads and changes on the way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from nbdash.notebook.analysis.facts import (
    CALLABLE,
    CUSTOM,
    FIGURE,
    ITERATOR,
    MARKS,
    NOTHING,
    OPAQUE,
    STREAMS,
    Change,
    Facts,
    Value,
    called_state,
    container,
    either,
)
from nbdash.notebook.analysis.scopes import NotebookNames, free_names
from nbdash.notebook.analysis.tables import (
    CONSTANTS,
    FUNCTIONS,
    INDEXERS,
    LABELS,
    NAMESPACE_ATTRIBUTES,
    SOLID_ATTRIBUTES,
)

#: What IPython keeps of earlier cells: ``_``, ``_3``, ``_i``, ``Out`` …
_HISTORY = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|In|Out|_[iod]h|get_ipython")
#: Methods that run unasked.  A text or a dictionary under such a name is none.
_MAGIC_NAME = re.compile(
    r"__(?!(?:doc|name|qualname|module|version|dict|class|slots|all|match_args)__)\w+__|_repr_\w+_|_ipython_display_"
)
#: Pseudo-name for what is loaded of a package: ``import scipy.stats`` changes it for ``scipy``.
PACKAGE = "<package {}>"


def is_magic_name(name: str) -> bool:
    """Whether a method of this name runs without being called by it."""
    return bool(_MAGIC_NAME.fullmatch(name))


class ExpressionReader(ast.NodeVisitor):
    """Every ``visit`` of an expression gives its :class:`Value`."""

    def __init__(self, names: NotebookNames, number: int) -> None:
        self.names = names
        self.facts = Facts()
        self.bound: set[str] = set()  #: surely bound by the cell so far
        self.scope: dict[str, Value] = {}  #: what comprehensions, lambdas and class bodies bind for themselves
        self.lazy = False  #: inside a generator expression
        #: What the cell's current figure may share objects with.
        self.drawn = {f"<figures of {number}>"}
        self.facts.holds |= {(figures, FIGURE) for figures in self.drawn}

    def value_of(self, node: ast.AST | None) -> Value:
        """The value of an expression; None has none."""
        return cast("Value", self.visit(node)) if node else NOTHING

    def generic_visit(self, node: ast.AST) -> Value:
        """Operators, displays and whatever else is a new object of its parts."""
        return container(*[self.value_of(child) for child in ast.iter_child_nodes(node)])

    def dotted(self, node: ast.expr) -> str | None:
        """As :meth:`NotebookNames.dotted`, seen from the scope that is being read."""
        root = next((part.id for part in ast.walk(node) if isinstance(part, ast.Name)), "")
        return None if root in self.scope else self.names.dotted(node)

    def note_read(self, name: str) -> None:
        """The cell reads ``name`` now; within a generator expression, perhaps later."""
        if name not in self.bound:
            self.facts.reads.add(name)
        if self.lazy:
            self.facts.later_reads.add(name)

    def note_change(
        self, value: Value, *, deep: bool = False, marks: frozenset[str] = frozenset(), own: bool = False
    ) -> None:
        """The object of ``value`` changes."""
        self.facts.changes += [
            Change(name=name, inner=value.inner, own=own, deep=deep or value.inner, marks=marks)
            for name in sorted(value.aliases)
        ]

    def note_iteration(self, value: Value, *, perhaps: bool = False) -> None:
        """Something goes through ``value``, which uses it up if it is an iterator; or, ``perhaps``, if known as one."""
        marks = frozenset({ITERATOR} if perhaps else {OPAQUE, ITERATOR})
        self.facts.changes += [
            Change(name=name, inner=value.inner, own=perhaps, deep=True, marks=marks, spreads=True)
            for name in sorted(value.aliases)
            if not value.solid
        ]

    def bind(self, name: str, value: Value) -> None:
        """``name = value``."""
        if name in self.scope:
            self.scope[name] = either(self.scope[name], value)
            return
        self.facts.binds.add(name)
        self.bound.add(name)
        self.facts.aliases |= {(name, alias) for alias in value.aliases}
        if not value.solid:
            self.facts.sources |= {(name, alias) for alias in value.aliases}
        self.facts.natures |= {(name, mark) for mark in value.holds & MARKS}
        self.facts.holds |= {(name, held) for held in value.holds}
        if value.inner and value.aliases:
            self.facts.inner.add(name)

    def assign(self, target: ast.AST, value: Value) -> None:
        """Any assignment: to a name, an attribute, an item, or several at once."""
        match target:
            case ast.Name(id=name):
                self.bind(name, value)
            case ast.Attribute(value=owner, attr=name):
                is_method = is_magic_name(name) and value != NOTHING
                self._store(self.value_of(owner), container(value, marks=frozenset({CUSTOM} if is_method else ())))
            case ast.Subscript(value=owner, slice=key):
                self.note_iteration(value, perhaps=not isinstance(key, ast.Slice))
                self._store(self.value_of(owner), container(value, self.value_of(key)))
            case ast.Starred(value=inner):
                self.assign(inner, container(value))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self.note_iteration(value)
                for item in targets:
                    self.assign(item, value.part)
                if value != NOTHING:
                    self.note_siblings(targets)

    def note_siblings(self, targets: list[ast.expr]) -> None:
        """These may share objects, as ``fig`` and ``ax`` do."""
        found = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        names = [name for name in found if name not in self.scope]
        self.facts.aliases |= {(names[0], name) for name in names[1:]}

    def _store(self, owner: Value, value: Value) -> None:
        self.note_change(owner)
        self.note_holding(owner, value)

    def note_holding(self, owner: Value, *values: Value) -> None:
        """From now on ``owner`` may contain these."""
        held = container(*values).holds
        states = {called_state(name) for name in owner.aliases & self.names.functions}
        self.facts.holds |= {(name, item) for name in owner.aliases | states for item in held}

    # --- kinds of expressions ---

    def visit_Name(self, node: ast.Name) -> Value:
        name = node.id
        if name in self.scope:
            return self.scope[name]
        self.facts.mentions.add(name)
        self.facts.surveys |= bool(_HISTORY.fullmatch(name)) and name not in self.bound
        self.note_read(name)
        if (package := self.names.modules.get(name, ".")).isidentifier():
            self.note_read(PACKAGE.format(package))
        if self.names.is_builtin(name):
            return NOTHING
        if name not in self.names.bound:
            self.facts.effects.append(f"uses `{name}`, which no cell makes")
        return Value(aliases=frozenset({name}), holds=self._marks_of_member(node))

    def _marks_of_member(self, node: ast.expr) -> frozenset[str]:
        """What something of a module may be."""
        dotted = self.dotted(node) or ""
        if "." not in dotted or (dotted in FUNCTIONS and FUNCTIONS[dotted].is_pure):
            return frozenset()
        return frozenset({CALLABLE if dotted in FUNCTIONS else OPAQUE})

    def visit_Constant(self, node: ast.Constant) -> Value:
        return NOTHING

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        owner = self.value_of(node.value)
        self.note_iteration(owner, perhaps=True)
        dotted = self.dotted(node)
        self.facts.surveys |= node.attr in NAMESPACE_ATTRIBUTES or dotted == "sys.modules"
        if node.attr in INDEXERS:
            return owner
        if dotted and node.attr in CONSTANTS:
            return NOTHING
        if node.attr in LABELS - self.names.methods:
            return Value(aliases=owner.part.aliases, inner=True, solid=True)
        if node.attr in SOLID_ATTRIBUTES - self.names.methods:
            return container(owner, marks=frozenset({FIGURE} if node.attr == "style" else ()))
        return either(owner.part, Value(holds=self._marks_of_member(node)))

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        self.note_iteration(self.value_of(node.slice), perhaps=True)
        return self.value_of(node.value).part

    def visit_Starred(self, node: ast.Starred) -> Value:
        value = self.value_of(node.value)
        self.note_iteration(value)
        return container(value)

    def visit_Compare(self, node: ast.Compare) -> Value:
        self.visit(node.left)
        self._compare(node.ops[0], node.comparators[0])
        with self.perhaps():
            for operator, operand in zip(node.ops[1:], node.comparators[1:], strict=True):
                self._compare(operator, operand)
        return NOTHING

    def _compare(self, operator: ast.cmpop, operand: ast.expr) -> None:
        value = self.value_of(operand)
        if isinstance(operator, ast.In | ast.NotIn):
            self.note_iteration(value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Value:
        self.generic_visit(node)
        return NOTHING

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        first, *others = node.values
        value = self.value_of(first)
        with self.perhaps():
            return either(value, *[self.value_of(other) for other in others])

    def visit_IfExp(self, node: ast.IfExp) -> Value:
        self.visit(node.test)
        with self.perhaps():
            return either(self.value_of(node.body), self.value_of(node.orelse))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.value_of(node.value)
        self.bind(node.target.id, value)
        return value

    def visit_Await(self, node: ast.Await) -> Value:
        self.facts.effects.append("awaits")
        self.facts.reads |= STREAMS
        value = self.value_of(node.value).part
        return Value(aliases=value.aliases, holds=value.holds | {OPAQUE}, inner=True)

    def visit_Lambda(self, node: ast.Lambda) -> Value:
        self.generic_visit(node.args)
        return self.captured(free_names(node))

    def captured(self, names: frozenset[str]) -> Value:
        """The notebook's own code that will read these names when it is called."""
        self.facts.later_reads |= names - self.scope.keys()
        self.facts.surveys |= any(map(_HISTORY.fullmatch, names - self.names.bound))
        local = container(*[self.scope[name] for name in names & self.scope.keys()]).holds
        return Value(holds=frozenset((names & self.names.bound) | local | {CALLABLE}))

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        with self.inner_scope(), self.perhaps():
            self._bind_generators(node.generators)
            return container(self.value_of(node.elt))

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> Value:
        with self.inner_scope(), self.perhaps():
            self._bind_generators(node.generators)
            return container(self.value_of(node.key), self.value_of(node.value))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Value:
        before, self.lazy = self.lazy, True
        value = self.visit_ListComp(node)
        self.lazy = before
        used = (free_names(node) & self.names.bound) - self.names.modules.keys()
        calls = any(isinstance(child, ast.Call) for child in ast.walk(node))
        return container(value, marks=frozenset(used | {ITERATOR} | (STREAMS if calls else frozenset())))

    def _bind_generators(self, generators: list[ast.comprehension]) -> None:
        for generator in generators:
            value = self.value_of(generator.iter)
            self.note_iteration(value)
            for node in ast.walk(generator.target):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    self.scope[node.id] = Value(inner=True)
            self.assign(generator.target, value.part)
            for condition in generator.ifs:
                self.visit(condition)
            if generator.is_async:
                self.facts.effects.append("awaits")

    # --- contexts ---

    @contextmanager
    def inner_scope(self, own: Mapping[str, Value] | None = None) -> Iterator[None]:
        """What is bound for ``own`` names, or any put into ``scope`` meanwhile, stays inside."""
        before = self.scope
        self.scope = {**before, **(own or {})}
        yield
        self.scope = before

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """What is bound meanwhile is not surely bound afterwards."""
        before = set(self.bound)
        yield
        self.bound = before
