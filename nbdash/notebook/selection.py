"""Which cells run, and why.

``needed`` leaves an untagged cell out only if everything it does is known and no running cell can tell the difference.
:mod:`nbdash.notebook.analysis` reads each cell into facts; here they are weighed.  A cell is needed if

- the author tagged it, or
- it has an effect that always matters: an unknown call, a written file, a seed, an option, a magic, or
- it binds a name that a needed cell after it reads, or
- it changes an object that such a name can reach.

The names read are found backwards, cell by cell, as compilers find live variables: a needed cell adds the names it
reads, and removes those that it surely binds first.  Every cell found needed adds its own, until no more are found.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nbdash.model import Cell, CellKind, Notebook, PlannedCell, Role, Selection
from nbdash.notebook.analysis import CUSTOM, DISPLAYS, OPAQUE, Facts, NotebookNames, Sharing, read_facts, survey_names
from nbdash.notebook.analysis.tables import SHOWING_CELL_MAGICS
from nbdash.notebook.options import ROLE_TAGS
from nbdash.notebook.source import cell_magic_of, parse_cell

#: After one of these, figures stay open from cell to cell, and drawing is an effect.
_KEEPS_FIGURES = re.compile(
    r"close_figures|switch_backend|(?:matplotlib|mpl)\.use\(|%pylab|%matplotlib(?!\s+inline\s*$)", re.MULTILINE
)
#: With one of these it shows who else holds an object, as every binding and every output does.
_COUNTS_HOLDERS = re.compile(r"\b(?:weakref|getrefcount|gc\.(?:get_referrers|get_objects))\b")
_WORD = re.compile(r"[^\W\d]\w*")


def select_cells(notebook: Notebook, selection: Selection) -> tuple[PlannedCell, ...]:
    """One PlannedCell per cell.  Cells that may never run, and text, do not count for the others."""
    code = [cell for cell in notebook.cells if cell.kind is CellKind.CODE and cell.role is not Role.SKIP]
    reasons = _reasons(notebook, selection, code)
    return tuple(_planned(cell, notebook, reasons) for cell in notebook.cells)


@dataclass(frozen=True, kw_only=True)
class _Reason:
    runs: bool
    why: str


def _planned(cell: Cell, notebook: Notebook, reasons: Mapping[int, _Reason]) -> PlannedCell:
    shows = cell.role is Role.CARD or (not notebook.is_tagged and cell.role is Role.PLAIN)
    if cell.index in reasons:
        reason = reasons[cell.index]
        return PlannedCell(index=cell.index, runs=reason.runs, shows=shows and reason.runs, why=reason.why)
    shows &= cell.kind is CellKind.MARKDOWN
    return PlannedCell(index=cell.index, runs=False, shows=shows, why=_tag_of(cell) or cell.kind.value)


def _tag_of(cell: Cell) -> str:
    """``tagged dash``; empty for an untagged cell."""
    tag = next((tag for tag, role in ROLE_TAGS.items() if role is cell.role and tag in cell.tags), None)
    if tag is None:
        return "" if cell.role is Role.PLAIN else cell.role.value
    return f"tagged {tag}"


def _reasons(notebook: Notebook, selection: Selection, code: list[Cell]) -> dict[int, _Reason]:
    if selection is Selection.TAGGED and notebook.is_tagged:
        return {
            cell.index: _Reason(runs=cell.role is not Role.PLAIN, why=_tag_of(cell) or "not tagged") for cell in code
        }
    if selection is Selection.ALL:
        return _run_all(code, "all cells run")
    if not notebook.is_tagged:
        return _run_all(code, "no cell is tagged dash")
    if notebook.language != "python":
        return _run_all(code, f"effects of {notebook.language} are not known")
    return _weigh(code)


def _run_all(code: list[Cell], why: str) -> dict[int, _Reason]:
    return {cell.index: _Reason(runs=True, why=_tag_of(cell) or why) for cell in code}


def _weigh(code: list[Cell]) -> dict[int, _Reason]:
    """The ``needed`` selection."""
    trees = {cell.index: parse_cell(cell.source) for cell in code}
    for cell in code:
        if trees[cell.index] is None and cell_magic_of(cell.source) is None:
            return _run_all(code, f"cell {cell.number} cannot be read")
    if any(_COUNTS_HOLDERS.search(cell.source) for cell in code):
        return _run_all(code, "it shows how long objects last")
    parsed = {index: tree for index, tree in trees.items() if tree is not None}
    try:
        names = survey_names(parsed.values())
        facts = {cell.index: facts_of(cell, trees[cell.index], names) for cell in code}
    except (SyntaxError, RecursionError):
        return _run_all(code, "the notebook cannot be read as Python")
    if any(_KEEPS_FIGURES.search(cell.source) for cell in code):
        _count_drawing(facts.values())
    needed = _Weighing(code, facts, names).needed()
    return {
        cell.index: _Reason(runs=True, why=needed[cell.index])
        if cell.index in needed
        else _Reason(runs=False, why=_harmless_words(facts[cell.index], trees[cell.index]))
        for cell in code
    }


def facts_of(cell: Cell, tree: ast.Module | None, names: NotebookNames) -> Facts:
    """The facts of a cell, whose syntax tree this is; None: a magic takes it as text."""
    if tree is None:
        return _facts_of_magic(cell, names)
    facts = read_facts(tree, names, cell.number)
    if cell.may_raise or "timeit" in cell.source:
        facts.surely_binds = set()  # it may stop half-way; what is timed binds nothing
    return facts


def _facts_of_magic(cell: Cell, names: NotebookNames) -> Facts:
    """A cell that a magic takes as text, which may name anything."""
    magic = cell_magic_of(cell.source) or ""
    words = set(_WORD.findall(cell.source)) & names.bound
    facts = Facts(reads=set(words), later_reads=words)
    if magic in ("writefile", "file"):
        facts.effects.append("writes a file")
    elif magic not in SHOWING_CELL_MAGICS:
        facts.effects.append(f"magic `%%{magic}`")
    return facts


def _count_drawing(cells: Iterable[Facts]) -> None:
    for facts in cells:
        if facts.draws:
            facts.effects.append("draws, and figures stay open")


class _Weighing:
    """Finds the needed cells of a notebook, each with the words for it."""

    def __init__(self, code: list[Cell], facts: Mapping[int, Facts], names: NotebookNames) -> None:
        self._facts = facts
        self._sharing = Sharing(facts.values())
        #: In how many cells a name is bound to an object that may do something when it is given up, as files do.
        self._unsure = Counter(name for cell in facts.values() for name in cell.binds if (name, OPAQUE) in cell.natures)
        #: Seen by everything at any time: what modules hold, and the displays.
        self._always = dict.fromkeys([DISPLAYS, *names.modules], -1)
        self._needed = {cell.index: tag for cell in code if (tag := _tag_of(cell))}

    def needed(self) -> dict[int, str]:
        """Repeat until nothing is added, as functions may read a name later that stands earlier."""
        count = -1
        while count < len(self._needed):
            count = len(self._needed)
            if (surveyor := self._surveyor()) is not None:
                everything = f"cell {surveyor + 1} may read anything"
                return {index: self._needed.get(index, everything) for index in self._facts}
            self._go_back()
        return self._needed

    def _surveyor(self) -> int | None:
        return next((index for index in self._needed if self._facts[index].surveys), None)

    def _go_back(self) -> None:
        """One pass from the last cell to the first, with the names live after each."""
        later = self._later_reads()
        live = dict(later)
        for index in sorted(self._facts, reverse=True):
            facts = self._facts[index]
            if index not in self._needed and (why := self._why_needed(facts, live)):
                self._needed[index] = why
            if index in self._needed:
                for name in facts.surely_binds - later.keys():
                    live.pop(name, None)
                live |= dict.fromkeys(sorted(facts.reads), index) | dict.fromkeys(sorted(facts.later_reads), index)

    def _later_reads(self) -> dict[str, int]:
        """What needed cells may read at any time after they ran, or before in another cell's order."""
        return {name: index for index in self._needed for name in sorted(self._facts[index].later_reads)}

    def _why_needed(self, facts: Facts, live: Mapping[str, int]) -> str:
        """Why a cell matters to the cells that read ``live`` names after it; empty if it does not."""
        if facts.effects:
            return facts.effects[0]
        for doubt in facts.doubts:
            if self._sharing.carries(doubt.name, doubt.marks, inner=doubt.inner, own=doubt.own):
                return doubt.words
        for name in sorted(facts.mentions | facts.binds):
            if self._sharing.carries(name, frozenset({CUSTOM})):
                return f"unknown effect of using `{name}`"
        for name in sorted(facts.binds):
            if self._unsure[name] > ((name, OPAQUE) in facts.natures):
                return f"gives up what `{name}` was, with unknown effect"
        for name in sorted(facts.binds & live.keys()):
            return f"makes `{name}`, which cell {live[name] + 1} reads"
        return self._why_change_matters(facts, self._always | dict(live))

    def _why_change_matters(self, facts: Facts, live: Mapping[str, int]) -> str:
        for change in facts.changes:
            seen = self._sharing.viewer_of(change, live)
            if seen is not None:
                return _words_of_change(seen, live[seen])
        return ""


def _words_of_change(name: str, reader: int) -> str:
    if name.startswith("<"):
        return f"changes {name[1:-1]}" if reader < 0 else f"changes {name[1:-1]}, which cell {reader + 1} uses"
    return f"changes `{name}`" if reader < 0 else f"changes `{name}`, which cell {reader + 1} reads"


def _harmless_words(facts: Facts, tree: ast.Module | None) -> str:
    statements = tree.body if tree else []
    if tree and not statements:
        return "empty"
    if statements and all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in statements):
        return "imports only"
    if facts.binds:
        names = ", ".join(f"`{name}`" for name in sorted(facts.binds)[:3])
        return f"binds {names}, which nothing shown reads"
    return "only displays"
