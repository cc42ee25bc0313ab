"""nbdash on macOS and Windows, as far as this machine can tell: imports, names, and the main job.

What differs there is the standard library: see :mod:`tests.other_platform`.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.other_platform import ONLY_POSIX, PARTLY_THERE, PLATFORMS, missing_names, module_names

ROOT = Path(__file__).parents[1]
#: The modules that do the forking, and one that asks first: imported everywhere, and used on Linux.
LINUX_ONLY = (
    "nbdash.engine.host.",
    "nbdash.engine.pipes",
    "nbdash.engine.supervision",
    "nbdash.engine.supervisor",
    "nbdash.engine.zygotes",
    "nbdash.ports",
)
IMPORT_EACH = """
import importlib, json, sys
from tests.other_platform import module_names, pretend
pretend(sys.argv[1])
problems = {}
for name in module_names():
    try:
        importlib.import_module(name)
    except Exception as error:
        problems[name] = repr(error)
print(json.dumps(problems))
"""
ASK = """
import sys
from tests.other_platform import pretend
pretend(sys.argv[1])
import os, select, signal
from nbdash.engine.choose import make_engine
from nbdash.errors import OptionError
try:
    import fcntl
except ImportError:
    fcntl = None
try:
    make_engine("fork")
except OptionError as error:
    print(error)
names = [hasattr(os, "fork"), hasattr(os, "pipe2"), hasattr(signal, "SIGKILL"), hasattr(select, "poll"), fcntl]
print(os.name, [bool(name) for name in names], make_engine().name)
"""


def answer_of(*command: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=150, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def uses_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """``(module, name)`` for each name of a module of the standard library; an import alone has no name."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                yield module, name
            case ast.ImportFrom(module=str(module), names=names):
                yield from ((module, alias.name) for alias in names)
            case ast.Import(names=names):
                yield from ((alias.name, "") for alias in names)


def is_missing(module: str, name: str) -> bool:
    """Whether Windows or macOS lacks it."""
    if module in ONLY_POSIX:
        return True
    return module in PARTLY_THERE and any(name in missing_names(module, platform) for platform in PLATFORMS)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_module_imports(platform: str) -> None:
    assert len(module_names()) > 100
    assert json.loads(answer_of("-c", IMPORT_EACH, platform)) == {}


@pytest.mark.parametrize(
    ("platform", "told"),
    [("win32", "nt [False, False, False, False, False]"), ("darwin", "posix [True, False, True, True, True]")],
)
def test_what_is_pretended_holds_and_chooses_the_kernel(platform: str, told: str) -> None:
    advice = f"The 'fork' engine does not work on {platform}: use 'kernel'."
    assert answer_of("-c", ASK, platform).splitlines() == [advice, f"{told} kernel"]


def test_only_what_forks_uses_what_is_not_everywhere() -> None:
    found: dict[str, list[tuple[str, str]]] = {}
    for name in module_names():
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        if uses := [use for use in uses_in(tree) if is_missing(*use)]:
            found[name] = uses
    assert {name: uses for name, uses in found.items() if not name.startswith(LINUX_ONLY)} == {}
    assert {"nbdash.engine.host.keeper", "nbdash.engine.supervisor"} <= set(found), "what is there is seen"


def test_a_use_of_what_is_not_everywhere_is_seen() -> None:
    source = "import os, fcntl\nfrom signal import SIGKILL, SIGINT\ndef f(): return os.fork(), os.getpid(), os.pipe2"
    seen = [use for use in uses_in(ast.parse(source)) if is_missing(*use)]
    assert sorted(seen) == [("fcntl", ""), ("os", "fork"), ("os", "pipe2"), ("signal", "SIGKILL")]


def test_the_main_job_is_done_as_on_windows(tmp_path: Path) -> None:
    facts = json.loads(answer_of("-m", "tests.main_job_elsewhere", "win32", str(tmp_path)))
    runs = facts["runs"]
    assert {name: run["state"] for name, run in runs.items()} == {
        "published": "succeeded",
        "rerun": "succeeded",
        "raised": "failed",
        "recovered": "succeeded",
        "hungry": "failed",
        "cancelled": "cancelled",
    }
    assert {run["engine"] for run in runs.values()} == {"kernel"}
    assert runs["published"]["events"][2:] == ["cell_start", "output", "cell_end"] * 2 + ["state"]
    assert "ValueError: told to" in runs["raised"]["error"]
    assert "600 MiB in cell 2" in runs["hungry"]["error"]
    figures = [run["figure"] for run in runs.values()]
    assert figures[1] == figures[2] and figures[3] == figures[4] == figures[5], "a failure replaces nothing"
    assert len(set(figures)) == 3, "every rerun draws anew"
    assert [name for name, run in runs.items() if run["banner"]] == ["raised"]
    assert facts["status"] == 0 and (tmp_path / "out.ipynb").exists()
