"""The checks of single running cells: habits that make a dashboard fail, differ or say too little.

Each rule takes a :class:`Subject` and yields findings; :mod:`nbdash.notebook.checks` calls them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbdash.model import Card, Cell, Finding, Severity
from nbdash.notebook.calls import (
    Surroundings,
    calls_in,
    draws,
    draws_on_axes,
    immediate_calls,
    magic_of,
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One running cell and what a rule may ask about it."""

    cell: Cell
    tree: ast.Module
    calls: tuple[ast.Call, ...]  #: all in it, those in functions included
    card: Card | None
    surroundings: Surroundings
    is_seeded: bool  #: some running cell seeds a generator
    folder: Path | None  #: where the notebook lies, if known
    written: frozenset[str] = frozenset()  #: texts that running cells pass to anything but a reader of files

    def finding(self, rule: str, severity: Severity, message: str, fix: str) -> Finding:
        """A finding about this cell."""
        return Finding(rule=rule, severity=severity, index=self.cell.index, message=message, fix=fix)


_LABELS = frozenset({"xlabel", "ylabel", "set_xlabel", "set_ylabel", "supxlabel", "supylabel", "set_axis_off"})
_ASKING = frozenset(
    """input getpass.getpass breakpoint pdb.set_trace ipdb.set_trace code.interact IPython.embed
    sys.stdin.read sys.stdin.readline""".split()
)
_ABSOLUTE = re.compile(
    r"(?:/(?:home|Users|mnt|media|Volumes|root|srv|data|opt|content|kaggle|dbfs|scratch|nfs)/|~[/\\]"
    r"|[A-Za-z]:[\\/](?!/)|\\\\[\w.-]+\\)[^\n]{0,300}"
)
_SEEDS = frozenset({"numpy.random.seed", "random.seed", "torch.manual_seed", "tensorflow.random.set_seed"})
_GENERATORS = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"})
_NOT_RANDOM = frozenset({"seed", "Generator", "SeedSequence", "PCG64", "get_state", "set_state", "SystemRandom"})
_RANDOM_STATE = re.compile(r"sklearn\.\w+\.(?:train_test_split|shuffle|resample|KMeans|TSNE|RandomForest\w+|make_\w+)")
_INSTALL = re.compile(r"\b(?:pip3?|conda|mamba|uv|apt|apt-get)\b.*\b(?:install|add)\b")
_WINDOWS = re.compile(r"\b(?:qt\d?|tk|gtk\d?|wx|osx|macosx|widget|ipympl|notebook|nbagg)\b")
READERS = frozenset(
    """open read_csv read_excel read_parquet read_json read_table read_feather read_pickle read_hdf read_fwf
    imread load loadtxt genfromtxt loadmat open_dataset""".split()
)
_RELATIVE_FILE = re.compile(r"(?![/~]|[A-Za-z]:)[^\n*?\[\]{}]{1,200}\.\w{1,10}")


def seeds_generator(tree: ast.Module, surroundings: Surroundings) -> bool:
    """Whether a cell seeds a global generator."""
    return any(surroundings.dotted(call.func) in _SEEDS for call in calls_in(tree))


def missing_alt(subject: Subject) -> Iterator[Finding]:
    """NB003."""
    if subject.card and not subject.card.alt and draws(subject.tree, subject.surroundings):
        message = "Its figure has no alt text; one is generated from its axes, and says little."
        yield subject.finding("NB003", Severity.WARNING, message, "add '#| alt: what the figure shows' at its top")


def missing_labels(subject: Subject) -> Iterator[Finding]:
    """NB004."""
    drawn = any(draws_on_axes(call, subject.surroundings) for call in immediate_calls(subject.tree))
    if subject.card and drawn and not _labels_axes(subject):
        message = "It draws on axes that nothing labels."
        yield subject.finding("NB004", Severity.WARNING, message, "call set_xlabel and set_ylabel, with units")


def absolute_path(subject: Subject) -> Iterator[Finding]:
    """NB005."""
    for node in ast.walk(subject.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ABSOLUTE.fullmatch(node.value):
            message = f"It has the absolute path {node.value[:80]!r}, which another machine may not have."
            yield subject.finding("NB005", Severity.WARNING, message, "use a path relative to the notebook")
            return


def asks_for_input(subject: Subject) -> Iterator[Finding]:
    """NB006: an error where it surely happens, a warning inside a function."""
    immediate = set(immediate_calls(subject.tree))
    for call in subject.calls:
        magic = magic_of(call)
        name = subject.surroundings.dotted(call.func) if magic is None else magic[0]
        if name in _ASKING or name == "debug":
            severity = Severity.ERROR if call in immediate else Severity.WARNING
            message = f"It calls {name!r}, which waits for a person; a dashboard's run has none."
            yield subject.finding("NB006", severity, message, "use a cell tagged 'parameters' for inputs")
            return


def unseeded_randomness(subject: Subject) -> Iterator[Finding]:
    """NB007."""
    for call in subject.calls:
        name = subject.surroundings.dotted(call.func)
        if _is_random(call, name) and not (subject.is_seeded and name not in _GENERATORS):
            message = f"It draws random numbers by {name!r} without a seed, so each run gives other results."
            yield subject.finding("NB007", Severity.HINT, message, "seed the generator if runs should be equal")
            return


def shell_command(subject: Subject) -> Iterator[Finding]:
    """NB010."""
    for call in subject.calls:
        name, text = magic_of(call) or ("", "")
        command = text if name == "!" else f"{name} {text}"
        if name and _INSTALL.search(command):
            message = f"It installs packages in every run: {command[:60]!r}."
            fix = "install them once, in the notebook's environment, and remove the line"
            yield subject.finding("NB010", Severity.WARNING, message, fix)
        elif name == "!":
            message = f"It runs the shell command {text[:60]!r}, which another machine may not have."
            yield subject.finding("NB010", Severity.HINT, message, "use a Python library for it where one exists")


def missing_file(subject: Subject) -> Iterator[Finding]:
    """NB011."""
    for call in subject.calls:
        name = file_read_by(call)
        if name and subject.folder and name not in subject.written and not (subject.folder / name).exists():
            message = f"It reads {name!r}, which does not exist beside the notebook."
            yield subject.finding("NB011", Severity.WARNING, message, "put the file there, or correct the path")


def misplaced_magic(subject: Subject) -> Iterator[Finding]:
    """NB014."""
    for call in immediate_calls(subject.tree):
        name, _ = magic_of(call) or ("", "")
        if name.startswith("%"):
            message = f"The cell magic '%{name}' is not on the first line, so IPython does not obey it."
            yield subject.finding("NB014", Severity.WARNING, message, "move it to the first line")


def window_backend(subject: Subject) -> Iterator[Finding]:
    """NB015."""
    for call in immediate_calls(subject.tree):
        name, text = magic_of(call) or ("", "")
        if name == "matplotlib" and _WINDOWS.search(text.lower()):
            message = f"It asks for the interactive back end '{text.strip()[:20]}'; figures are shown as pictures."
            yield subject.finding("NB015", Severity.HINT, message, "write '%matplotlib inline', or nothing")


CELL_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    missing_alt,
    missing_labels,
    absolute_path,
    asks_for_input,
    unseeded_randomness,
    shell_command,
    missing_file,
    misplaced_magic,
    window_backend,
)


def file_read_by(call: ast.Call) -> str | None:
    """The relative path, written out, of a file that the call reads."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    match call.args:
        case [ast.Constant(value=str(path)), *_] if name in READERS and "://" not in path:
            return path if _RELATIVE_FILE.fullmatch(path) and not _writes(call) else None
    return None


def _writes(call: ast.Call) -> bool:
    """``open(path, "w")``."""
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return any(isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax") for mode in modes)


def _labels_axes(subject: Subject) -> bool:
    """Whether anything in the cell labels axes, or may: its own drawing functions, ``axis('off')``."""
    for node in ast.walk(subject.tree):
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=name) if name in _LABELS:
                return True
            case ast.Call(func=ast.Name(id=name)) if name in subject.surroundings.drawing:
                return True
            case ast.Call(func=ast.Attribute(attr="axis"), args=[ast.Constant(value="off" | False)]):
                return True
    return False


def _is_random(call: ast.Call, name: str) -> bool:
    if name in _GENERATORS:
        seeds = [*call.args, *(keyword.value for keyword in call.keywords)]
        return all(isinstance(seed, ast.Constant) and seed.value is None for seed in seeds)
    if _RANDOM_STATE.fullmatch(name):
        return not any(keyword.arg in ("random_state", None) for keyword in call.keywords)
    module, _, function = name.rpartition(".")
    return module in ("random", "numpy.random") and function not in _NOT_RANDOM
