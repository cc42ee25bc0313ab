"""What a cell calls, by the dotted names of what it imports; and whether that draws."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: Methods of Matplotlib's axes, pandas' ``plot`` among them, that draw something.
DRAWING_METHODS = frozenset(
    """plot scatter bar barh hist hist2d hexbin errorbar fill_between stackplot step stem stairs boxplot
    violinplot semilogx semilogy loglog pie imshow matshow contour contourf pcolormesh pcolor quiver
    streamplot eventplot plot_surface plot_wireframe tripcolor spy""".split()
)
#: Those whose axes mean nothing without a label.
LABELLED_METHODS = DRAWING_METHODS - {"pie", "imshow", "matshow", "spy", "plot_surface", "plot_wireframe"}
_PYPLOT = "matplotlib.pyplot."
_SEABORN_FUNCTION = re.compile(r"seaborn\.\w*(?:plot|map|grid)")
_AXES_NAME = re.compile(r"_?ax(?:s|es|is)?\d*(?:_\w+)?")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the running cells as a whole say about a name."""

    modules: Mapping[str, str] = field(default_factory=dict)  #: imported names, with what they stand for
    made: frozenset[str] = frozenset()  #: names that are assigned somewhere
    drawing: frozenset[str] = frozenset()  #: the notebook's own functions that draw

    def dotted(self, node: ast.expr) -> str:
        """``plt.show`` as ``matplotlib.pyplot.show``; a builtin as itself; empty for an object's method."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        root = self.modules.get(node.id)
        if root is None and (path or node.id in self.made):
            return ""
        return ".".join([root or node.id, *path])


def surroundings_of(trees: Iterable[ast.Module], made: Iterable[str]) -> Surroundings:
    """Survey the running cells; ``made`` are the names that they assign."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {name: target for node in nodes for name, target in _imports(node)}
    plain = Surroundings(modules=modules, made=frozenset(made) - modules.keys())
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    drawing = {node.name for node in functions if any(draws_itself(call, plain) for call in calls_in(node))}
    return Surroundings(modules=modules, made=plain.made, drawing=frozenset(drawing))


def calls_in(tree: ast.AST) -> list[ast.Call]:
    """Every call in it, those in functions included."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def immediate_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that happen when the cell runs, rather than when one of its functions is called."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Call):
            yield child
        if not isinstance(child, _FUNCTIONS):
            yield from immediate_calls(child)


def magic_of(call: ast.Call) -> tuple[str, str] | None:
    """A line magic's or shell command's name (``!`` for the latter) and text."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=attribute),
            args=[ast.Constant(value=str(first)), *rest],
        ):
            if attribute in ("system", "getoutput"):
                return "!", first
            if attribute == "run_line_magic" and rest and isinstance(rest[0], ast.Constant):
                return first, str(rest[0].value)
    return None


def draws(tree: ast.Module, surroundings: Surroundings) -> bool:
    """Whether running the cell draws, itself or through one of the notebook's own functions."""
    return any(draws_itself(call, surroundings) or _calls_drawing(call, surroundings) for call in immediate_calls(tree))


def draws_itself(call: ast.Call, surroundings: Surroundings) -> bool:
    """Whether this very call draws."""
    dotted = surroundings.dotted(call.func)
    if dotted:
        method = dotted.removeprefix(_PYPLOT)
        return method in DRAWING_METHODS or method == "show" or bool(_SEABORN_FUNCTION.fullmatch(dotted))
    if not isinstance(call.func, ast.Attribute):
        return False
    return call.func.attr in DRAWING_METHODS or _is_pandas_plot(call.func)


def draws_on_axes(call: ast.Call, surroundings: Surroundings) -> bool:
    """Whether the call draws, on Matplotlib's bare axes, what needs labels."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LABELLED_METHODS:
        return False
    owner = call.func.value
    while isinstance(owner, ast.Subscript | ast.Attribute) and not surroundings.dotted(owner):
        owner = owner.value
    is_axes = isinstance(owner, ast.Name) and bool(_AXES_NAME.fullmatch(owner.id))
    return is_axes or surroundings.dotted(call.func).startswith(_PYPLOT)


def _calls_drawing(call: ast.Call, surroundings: Surroundings) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in surroundings.drawing


def _is_pandas_plot(function: ast.Attribute) -> bool:
    """``df.plot.bar()``."""
    return isinstance(function.value, ast.Attribute) and function.value.attr == "plot"


def _imports(node: ast.AST) -> list[tuple[str, str]]:
    """The names that an import binds, each with what it stands for."""
    match node:
        case ast.Import(names=names):
            return [(a.asname, a.name) if a.asname else (a.name.partition(".")[0],) * 2 for a in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [(alias.asname or alias.name, f"{module}.{alias.name}") for alias in names]
    return []
