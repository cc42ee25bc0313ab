"""nbdash as Windows or macOS would have it: its modules see a standard library without what is missing there.

What is missing is read from the standard library's type stubs, which mypy brings along: modules and names that
they define for Linux only. nbdash is imported anew with copies of the modules that lack them; everything below
it keeps the whole ones, and works as ever.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import mypy

import nbdash

PLATFORMS = ("win32", "darwin")
#: Modules of which Windows or macOS has a part.
PARTLY_THERE = ("errno", "mmap", "os", "select", "signal", "socket", "sys", "time")
#: Modules that Windows has not at all.
ONLY_POSIX = ("crypt", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")

_STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
_ROOT = Path(nbdash.__file__).parent
#: Alembic's script: it needs a migration under way.
_NOT_IMPORTABLE = "nbdash.store.migrations.env"


def module_names() -> list[str]:
    """Every module of nbdash that can be imported."""
    paths = [path.relative_to(_ROOT.parent).with_suffix("") for path in _ROOT.rglob("*.py")]
    names = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    return sorted(names - {_NOT_IMPORTABLE})


def import_all() -> None:
    """Import them."""
    for name in module_names():
        importlib.import_module(name)


@cache
def missing_names(module: str, platform: str) -> frozenset[str]:
    """What Linux has in a module of the standard library, and ``platform`` has not."""
    path = _STUBS / module / "__init__.pyi"
    tree = ast.parse((path if path.exists() else _STUBS / f"{module}.pyi").read_text())
    return frozenset(_names(tree.body, "linux")) - frozenset(_names(tree.body, platform))


def pretend(platform: str) -> None:
    """From here on, ``import nbdash…`` sees ``platform``; what was imported of nbdash before is forgotten."""
    import_all()
    for name in [name for name in sys.modules if name.partition(".")[0] == "nbdash"]:
        del sys.modules[name]
    sys.modules.update({name: _without_missing(name, platform) for name in PARTLY_THERE})
    sys.modules["sys"].platform = platform
    if platform == "win32":
        sys.modules["os"].name = "nt"
        sys.modules.update(dict.fromkeys(ONLY_POSIX))  # type: ignore[arg-type]  # None there: no such module


def _without_missing(name: str, platform: str) -> ModuleType:
    whole = importlib.import_module(name)
    copy = ModuleType(name)
    missing = missing_names(name, platform)
    vars(copy).update({key: value for key, value in vars(whole).items() if key not in missing})
    return copy


def _names(body: list[ast.stmt], platform: str) -> Iterator[str]:
    """What a stub binds at its top level, and the members of the enumeration of signals."""
    for statement in body:
        match statement:
            case ast.If(test=test):
                yield from _names(statement.body if _holds(test, platform) else statement.orelse, platform)
            case ast.ClassDef(name="Signals"):
                yield from _names(statement.body, platform)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)


def _holds(test: ast.expr, platform: str) -> bool:
    """A stub's condition, on the platform and on Python's version."""
    system = ModuleType("sys")
    system.platform, system.version_info = platform, sys.version_info
    return bool(eval(compile(ast.Expression(test), "stub", "eval"), {"sys": system, "TYPE_CHECKING": True}))
