"""How a call is written, as far as its text alone tells: a magic's, an odd form of a known one, words for people."""

from __future__ import annotations

import ast
import sys

from nbdash.notebook.analysis.tables import PLAIN_ARGUMENTS, SETTERS, WRITERS

#: Keywords whose argument is a buffer, or names a file, to write to.
_BUFFERS = frozenset({"buf", "path_or_buf"})
#: Methods of tables and texts whose namesakes move a file when called with one argument.
_MOVING_METHODS = frozenset({"rename", "replace"})
#: Methods that always have an argument; without one they are namesakes that wait, or delete.
_ASKING_METHODS = frozenset({"join", "get", "drop"})


def magic_of(node: ast.Call) -> tuple[str, str] | None:
    """The name and text of the magic that a call of ``get_ipython()`` stands for."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=method),
            args=arguments,
        ):
            texts = [arg.value for arg in arguments if isinstance(arg, ast.Constant)]
            if method in ("run_line_magic", "run_cell_magic") and len(texts) == len(arguments) and texts:
                return str(texts[0]), " ".join(map(str, texts[1:]))
            if method in ("system", "getoutput") and len(texts) == len(arguments):
                return "!", " ".join(map(str, texts))
    return None


def given_in(node: ast.Call) -> list[ast.expr]:
    """All arguments."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def has_odd_form(node: ast.Call, name: str) -> bool:
    """Whether a known function is called in a way that does something else."""
    given = {keyword.arg for keyword in node.keywords}
    if name == "builtins.print":
        return "file" in given
    if name == "builtins.iter":
        return len(node.args) > 1
    if name in ("builtins.dir", "builtins.vars"):
        return not node.args
    if name == "builtins.type":
        return len(node.args) > 1
    if name in _MOVING_METHODS:
        return len(node.args) == 1 and not isinstance(node.args[0], ast.Dict | ast.List)
    if name in _ASKING_METHODS:
        return not node.args and not given & {"columns", "index", "labels"}
    if name == "extract":
        return not (isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Attribute))
    is_starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    count = sys.maxsize if is_starred else len(node.args)
    return count > PLAIN_ARGUMENTS.get(name, count) or bool(given & _BUFFERS)


def leaves_of(node: ast.expr) -> list[ast.expr]:
    """An argument, or what a list or dictionary written there gives: ``{"price": max}``."""
    if isinstance(node, ast.List | ast.Tuple):
        return [leaf for item in node.elts for leaf in leaves_of(item)]
    if isinstance(node, ast.Dict):
        return [leaf for item in node.values for leaf in leaves_of(item)]
    return [node]


def texts_in(node: ast.expr) -> list[str]:
    """The texts written in an expression."""
    return [child.value for child in ast.walk(node) if isinstance(child, ast.Constant) and isinstance(child.value, str)]


def words_of(node: ast.Call) -> str:
    """What an unknown call does, as far as its name tells."""
    name = ast.unparse(node.func)
    last = name.rpartition(".")[2]
    if last.startswith(WRITERS):
        return f"writes a file: `{name}()`"
    if last.startswith(SETTERS):
        return f"sets options: `{name}()`"
    return f"unknown effect: `{name if len(name) <= 40 else last}()`"
