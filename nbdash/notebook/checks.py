"""What can be known of a notebook without running it: findings with a rule, a cell and a fix."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nbdash.model import Cell, CellKind, Finding, Plan, Severity
from nbdash.notebook.calls import calls_in, surroundings_of
from nbdash.notebook.comments import read_comments
from nbdash.notebook.names import CellNames, names_of_cell
from nbdash.notebook.options import KNOWN_TAGS, options_of
from nbdash.notebook.rules import CELL_RULES, Subject, file_read_by, seeds_generator
from nbdash.notebook.source import cell_magic_of, parse_cell, parse_python

#: Every rule, in one sentence.
RULES: Mapping[str, str] = {
    "NB001": "A running cell uses a name that no running cell before it makes.",
    "NB002": "A tag, or a '#|' word, looks like one that nbdash knows but is another.",
    "NB003": "A card that draws has no alt text for people who cannot see the figure.",
    "NB004": "A card draws on axes that nothing labels.",
    "NB005": "An absolute path may not exist on another machine.",
    "NB006": "A cell waits for a person's input, which a dashboard's run cannot give.",
    "NB007": "Random numbers without a seed make each run different.",
    "NB008": "No cell is tagged 'dash', so the whole notebook runs and shows.",
    "NB009": "A running cell is not valid Python.",
    "NB010": "A cell installs packages or runs a shell command.",
    "NB011": "A file that a cell reads does not exist beside the notebook.",
    "NB012": "An option of a cell does not fit and was ignored.",
    "NB013": "Something in the file had to be repaired, or was ignored, when it was read.",
    "NB014": "A cell magic is not on the first line of its cell.",
    "NB015": "An interactive Matplotlib back end has no window in a dashboard.",
    "NB101": "A running cell uses a name that only a cell which does not run makes.",
}

_KNOWN_NAMES = frozenset(dir(builtins)) | frozenset(
    "get_ipython In Out _ __ ___ _i _ii _iii _dh _oh _ih display __name__ __doc__ __builtins__".split()
)
#: IPython's inputs and outputs by number.
_HISTORY_NAME = re.compile(r"_i?\d+")
#: Cell magics that leave the notebook's names as they are.
_NAMELESS_MAGICS = frozenset(
    """bash sh script html HTML javascript js latex markdown svg SVG writefile file perl ruby python python2
    python3 pypy cmd""".split()
)
#: What people write when they mean one of our tags, and no spelling rule would find.
_MEANT = {
    "dashboard": "dash",
    "nbdash": "dash",
    "card": "dash",
    "setup": "dash-setup",
    "skip": "dash-skip",
    "params": "parameters",
    "param": "parameters",
}


def check_notebook(plan: Plan, folder: Path | None = None) -> tuple[Finding, ...]:
    """All findings, by cell and rule; with ``folder``, where the notebook lies, also about missing files."""
    found = [*_check_document(plan), *_check_tags(plan)]
    if plan.notebook.language == "python":
        found += [*_check_syntax(plan), *_check_code(plan, folder)]
    return tuple(sorted(found, key=lambda finding: (-1 if finding.index is None else finding.index, finding.rule)))


# --- the document ---


def _check_document(plan: Plan) -> Iterator[Finding]:
    notebook = plan.notebook
    if not notebook.is_tagged:
        fix = f"nbdash init {notebook.name}, or tag the cells to show with 'dash'"
        yield Finding(rule="NB008", severity=Severity.HINT, index=None, message=RULES["NB008"], fix=fix)
    about_cells = set()
    for index, cell in enumerate(notebook.document["cells"]):
        for notice in options_of(cell).notices:
            about_cells.add(f"Cell {index + 1}: {notice}")
            fix = "correct the option or remove it"
            yield Finding(rule="NB012", severity=Severity.WARNING, index=index, message=notice, fix=fix)
    for notice in notebook.notices:
        if notice not in about_cells:
            fix = "open the notebook in Jupyter and save it again"
            yield Finding(rule="NB013", severity=Severity.HINT, index=None, message=notice, fix=fix)


def _check_tags(plan: Plan) -> Iterator[Finding]:
    for cell in plan.notebook.cells:
        words = read_comments(cell.source).words if cell.kind is CellKind.CODE else ()
        for tag in dict.fromkeys((*cell.tags, *words)):
            meant = meant_tag(tag)
            if meant:
                message = f"The tag {tag[:40]!r} means nothing to nbdash: did you mean {meant!r}?"
                fix = f"tag the cell {meant!r}"
                yield Finding(rule="NB002", severity=Severity.WARNING, index=cell.index, message=message, fix=fix)


def meant_tag(tag: str) -> str | None:
    """The known tag that ``tag`` was probably meant to be; None if it is known or like none."""
    if tag in KNOWN_TAGS:
        return None
    plain = tag.strip().lower().replace("_", "-").replace(" ", "-")
    if plain in KNOWN_TAGS:
        return plain
    near = difflib.get_close_matches(plain, [*KNOWN_TAGS, *_MEANT], n=1, cutoff=0.85)
    return _MEANT.get(near[0], near[0]) if near else None


def _check_syntax(plan: Plan) -> Iterator[Finding]:
    for cell in _running_code(plan):
        try:
            parse_python(cell.source)
        except SyntaxError as error:
            message = f"It is not valid Python: {error.msg} (line {error.lineno or 1})."
            severity = Severity.WARNING if cell.may_raise else Severity.ERROR
            yield Finding(rule="NB009", severity=severity, index=cell.index, message=message, fix="correct the line")


# --- the code ---


@dataclass(frozen=True, kw_only=True)
class _Code:
    """One code cell that could be parsed."""

    cell: Cell
    tree: ast.Module
    names: CellNames
    runs: bool


def _check_code(plan: Plan, folder: Path | None) -> Iterator[Finding]:
    code = _read_code(plan)
    yield from _check_names(code)
    running = [part for part in code if part.runs]
    trees = [part.tree for part in running]
    surroundings = surroundings_of(trees, {name for part in running for name in part.names.makes})
    cards = {card.index: card for card in plan.cards}
    is_seeded = any(seeds_generator(tree, surroundings) for tree in trees)
    written = _written_texts(trees)
    for part in running:
        subject = Subject(
            cell=part.cell,
            tree=part.tree,
            calls=tuple(calls_in(part.tree)),
            card=cards.get(part.cell.index),
            surroundings=surroundings,
            is_seeded=is_seeded,
            folder=folder,
            written=written,
        )
        for rule in CELL_RULES:
            yield from rule(subject)


def _running_code(plan: Plan) -> list[Cell]:
    runs = {cell.index for cell in plan.cells if cell.runs}
    return [cell for cell in plan.notebook.cells if cell.index in runs and cell.kind is CellKind.CODE]


def _read_code(plan: Plan) -> list[_Code]:
    running = {cell.index for cell in _running_code(plan)}
    code = []
    for cell in plan.notebook.cells:
        if cell.kind is not CellKind.CODE:
            continue
        tree = parse_cell(cell.source)
        names = names_of_cell(tree) if tree else _unknown_names(cell)
        empty = ast.Module(body=[], type_ignores=[])
        code.append(_Code(cell=cell, tree=tree or empty, names=names, runs=cell.index in running))
    return code


def _unknown_names(cell: Cell) -> CellNames:
    """A cell in another language may make names; one with a syntax error has its own finding."""
    return CellNames(makes_any=cell_magic_of(cell.source) not in _NAMELESS_MAGICS)


def _written_texts(trees: list[ast.Module]) -> frozenset[str]:
    """Texts passed to calls that read no file: perhaps a name that is written to before."""
    return frozenset(
        argument.value
        for tree in trees
        for call in calls_in(tree)
        if file_read_by(call) is None
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


# --- names ---


def _check_names(code: list[_Code]) -> Iterator[Finding]:
    """NB001 and NB101; silent from the first cell on that may make any name."""
    made = set(_KNOWN_NAMES)
    running = [part for part in code if part.runs]
    made_by_any = made.union(*(part.names.makes for part in running))
    for part in running:
        if part.names.makes_any:
            return
        for name in sorted(part.names.reads - made):
            if _HISTORY_NAME.fullmatch(name):
                continue
            yield _missing_name(name, part, code, is_sure=not part.cell.may_raise)
        for name in sorted(part.names.later_reads - made_by_any - part.names.reads):
            yield _missing_name(name, part, code, is_sure=False)
        made |= part.names.makes


def _missing_name(name: str, part: _Code, code: list[_Code], *, is_sure: bool) -> Finding:
    makers = [other for other in code if name in other.names.makes and other is not part]
    idle = [other.cell.number for other in makers if not other.runs]
    later = [other.cell.number for other in makers if other.runs]
    rule = "NB101" if idle and not later else "NB001"
    return Finding(
        rule=rule,
        severity=Severity.ERROR if is_sure else Severity.WARNING,
        index=part.cell.index,
        message=f"It uses {name!r}, {_where_made(idle, later)}.",
        fix=_fix_for(name, idle, later, {made for other in code for made in other.names.makes}),
    )


def _where_made(idle: list[int], later: list[int]) -> str:
    if later:
        return f"which is made only further down, in cell {later[0]}"
    if idle:
        return f"which is made in cell {idle[0]}, and that cell does not run"
    return "which no cell makes"


def _fix_for(name: str, idle: list[int], later: list[int], made: set[str]) -> str:
    if later:
        return f"move cell {later[0]} up"
    if idle:
        return f"tag cell {idle[0]} 'dash-setup'"
    near = difflib.get_close_matches(name, made, n=1, cutoff=0.8)
    return f"did you mean {near[0]!r}?" if near else f"make or import {name!r} in an earlier cell"
