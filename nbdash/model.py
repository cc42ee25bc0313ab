"""The records that cross nbdash's seams: frozen, keyword-only, without I/O.

One notebook's way: a :class:`Notebook` is read, a :class:`Plan` says which cells run and which show,
a :class:`Job` hands the cells to an engine, :class:`EngineEvent` s come back, and what a viewer sees
of them are :class:`ShownCard` s.  :class:`Dashboard`, :class:`Version` and :class:`Run` are what is kept.

The words are the field's own: nbformat's for cells and outputs, papermill's for parameters.
An *output* is always nbformat 4.5's dictionary (``output_type``, ``data``, ``metadata``, …).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

#: A JSON value: what parameters are made of.
Json: TypeAlias = Any
#: An nbformat 4.5 output.
Output: TypeAlias = dict[str, Any]


# --- the notebook ---------------------------------------------------------------------------------


class CellKind(StrEnum):
    """nbformat's cell types."""

    CODE = "code"
    MARKDOWN = "markdown"
    RAW = "raw"


class Role(StrEnum):
    """What the author's tags make of a cell."""

    CARD = "card"  #: ``dash``: runs, and its outputs are a card
    SETUP = "setup"  #: ``dash-setup``: runs, shows nothing
    PARAMETERS = "parameters"  #: papermill's: its assignments are the inputs
    INJECTED = "injected-parameters"  #: papermill's: the values of this run
    SKIP = "skip"  #: never runs
    PLAIN = "plain"  #: untagged: the selection decides


class Visibility(StrEnum):
    """How a part of a card (its source, its output) appears."""

    SHOWN = "shown"
    COLLAPSED = "collapsed"  #: behind a toggle
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class CardOptions:
    """An author's options for one cell, from tags, ``#|`` lines and metadata; None where not given."""

    title: str | None = None
    caption: str | None = None
    alt: str | None = None
    label: str | None = None
    width: int | None = None  #: 1..12 columns
    source: Visibility = Visibility.ABSENT
    output: Visibility = Visibility.SHOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a notebook as nbdash understands it."""

    index: int  #: position in the notebook, from 0
    kind: CellKind
    source: str
    tags: tuple[str, ...] = ()
    role: Role = Role.PLAIN
    options: CardOptions = CardOptions()
    may_raise: bool = False  #: an error here does not end the run

    @property
    def number(self) -> int:
        """The position as people count: from 1."""
        return self.index + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Notebook:
    """A notebook that was read, repaired to nbformat 4.5, and understood."""

    name: str  #: the file's name, for messages
    title: str  #: ``metadata.title``, else the first level-1 heading, else the file's stem
    document: dict[str, Any]  #: nbformat 4.5, one entry in ``cells`` per cell; never changed in place
    cells: tuple[Cell, ...]
    language: str = "python"
    kernel_name: str | None = None  #: the kernelspec's name, if the file has one
    limits: Mapping[str, float] = field(default_factory=dict)  #: settings that the file wants lower
    notices: tuple[str, ...] = ()  #: what was repaired or ignored, a sentence each

    @property
    def is_tagged(self) -> bool:
        """Whether any cell has a ``dash`` tag; without one the notebook runs whole."""
        return any(cell.role is Role.CARD for cell in self.cells)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One assignment of the cell tagged ``parameters``."""

    name: str
    default: Json | None  #: the literal's value; None also where it is not a literal
    source: str  #: the default as written
    type: str | None  #: from the annotation, a ``# type:`` comment, or the literal's own type
    help: str = ""


class Selection(StrEnum):
    """Which code cells run (``--cells``)."""

    NEEDED = "needed"
    ALL = "all"
    TAGGED = "tagged"


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One shown cell: its place on the page, known before anything runs."""

    name: str  #: in URLs; stable from run to run; ``^[a-z0-9][a-z0-9-]*$``
    index: int  #: the cell
    kind: CellKind
    title: str | None = None  #: the static title; a figure's own comes at run time
    caption: str | None = None
    alt: str | None = None
    width: int | None = None  #: 1..12 columns; None: the page decides
    section: str | None = None  #: text of the heading it stands under
    heading: str | None = None  #: nearest heading above, the last resort for a title
    source: Visibility = Visibility.ABSENT
    output: Visibility = Visibility.SHOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCell:
    """What happens to one cell, and why, in words for a person."""

    index: int
    runs: bool
    shows: bool
    why: str  #: ``tagged dash``, ``makes `df`, which cell 5 reads``, ``only displays``


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What runs and what shows of a notebook; one :class:`PlannedCell` per cell."""

    notebook: Notebook
    selection: Selection
    cells: tuple[PlannedCell, ...]
    cards: tuple[Card, ...]
    imports: tuple[str, ...] = ()  #: top-level module names that the running cells import
    prefix: int = 0  #: so many code cells, the injected one aside, do the same whatever the parameters' values are

    def label_of(self, index: int) -> str:
        """A cell's name for progress lines: its card's title or heading, else ``cell 3``."""
        for card in self.cards:
            if card.index == index:
                return card.title or card.heading or f"cell {index + 1}"
        return self.notebook.cells[index].options.title or f"cell {index + 1}"


class Severity(StrEnum):
    """How much a finding matters: an error makes ``check`` exit 1."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing a check found."""

    rule: str  #: ``NB101``
    severity: Severity
    index: int | None  #: the cell, from 0; None: the whole notebook
    message: str
    fix: str = ""


# --- the engine -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Hard limits of one run."""

    run_seconds: float = 3600.0
    cell_seconds: float | None = None
    memory_bytes: int = 4 * 1024**3  #: resident memory of the run and all its descendants
    processes: int = 512  #: at a time
    output_bytes: int = 32 * 1024**2  #: all outputs together; text beyond keeps its head and tail
    figures: int = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class CellJob:
    """One cell to execute."""

    index: int
    source: str
    title: str
    may_raise: bool = False
    draws: bool = True  #: False: figures left open are closed undrawn, since nobody sees them
    is_injected: bool = False  #: it assigns this run's parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Everything an engine needs for one run."""

    run_id: str
    cells: tuple[CellJob, ...]
    folder: Path  #: the working directory: where the notebook lies
    language: str = "python"
    kernel_name: str | None = None
    python: str | None = None  #: path of the interpreter; None: the engine finds the notebook's own
    imports: tuple[str, ...] = ()  #: what a zygote may preload, if on its allow-list
    environment: Mapping[str, str] = field(default_factory=dict)  #: additions to the run's environment
    limits: Limits = Limits()
    dashboard: str | None = None  #: whose pictures and checkpoints may be used again; None: nothing is kept
    prefix: int = 0  #: so many cells, the injected one aside, do the same whatever the parameters' values are
    resumes: bool = False  #: it may start after them, where another run stood: its data may be older


@dataclass(frozen=True, kw_only=True, slots=True)
class CellError:
    """A cell's exception, as nbformat's ``error`` output has it."""

    ename: str
    evalue: str
    traceback: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CellStarted:
    """A cell began."""

    index: int
    at: datetime
    execution_count: int | None = None  #: the number that it has even if the process dies in it


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputAdded:
    """A cell put out something; ``about`` carries what the figure itself knows (title, alt)."""

    index: int
    output: Output
    display_id: str | None = None  #: IPython's ``transient.display_id``
    title: str | None = None  #: a figure's suptitle or axes title
    alt: str | None = None  #: text derived from a figure's axes and legend


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputCleared:
    """``clear_output(wait)`` in a cell."""

    index: int
    wait: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DisplayUpdated:
    """``update_display``: every output with this display id, in any cell, gets new content."""

    index: int  #: the cell that asked for it
    display_id: str
    data: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class WidgetChanged:
    """A Jupyter widget came to be, or changed."""

    index: int
    name: str  #: the id of its comm
    state: dict[str, Any]  #: what is new in its state
    buffers: tuple[dict[str, Any], ...] = ()  #: binary parts of the state: ``data``, ``encoding`` and ``path``


@dataclass(frozen=True, kw_only=True, slots=True)
class CellEnded:
    """A cell is through, its outputs complete."""

    index: int
    at: datetime
    seconds: float
    execution_count: int | None
    error: CellError | None = None


EngineEvent: TypeAlias = CellStarted | OutputAdded | OutputCleared | DisplayUpdated | WidgetChanged | CellEnded
Emit: TypeAlias = Callable[[EngineEvent], None]


class Cause(StrEnum):
    """Why a run did not succeed."""

    ERROR = "error"  #: a cell raised
    EXIT = "exit"  #: the process ended itself (``os._exit``)
    SIGNAL = "signal"  #: it was killed or crashed
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    ENGINE = "engine"  #: it could not be started
    LOST = "lost"  #: its worker died


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a run ended without success; ``message`` is for the author, never for a viewer."""

    cause: Cause
    message: str
    index: int | None = None  #: the cell it was in
    title: str | None = None  #: that cell's name
    error: CellError | None = None
    exit_code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How an execution ended; ``failure`` is None on success."""

    failure: Failure | None = None
    peak_memory_bytes: int | None = None
    engine: str = ""
    python: str = ""
    data_at: datetime | None = None  #: when the run began whose checkpoint this one started from


# --- what a viewer sees ---------------------------------------------------------------------------


class BlockKind(StrEnum):
    """The kinds of content a card is made of."""

    FIGURE = "figure"
    HTML = "html"  #: passed the allow-list
    TEXT = "text"  #: preformatted; escaped when rendered
    SOURCE = "source"  #: the cell's source, where the author asked for it; escaped when rendered
    FRAME = "frame"  #: needs script: shown in a sandboxed frame from its own route
    NOTE = "note"  #: a sentence of nbdash's own (output hidden, figure too large)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One image of a card. Sizes in CSS pixels."""

    name: str  #: the card's, further ones with ``-2``, ``-3``
    title: str
    alt: str
    alt_is_generated: bool
    mime: str  #: image/png or image/jpeg
    width: int
    height: int
    digest: str  #: SHA-256 of the bytes, hex


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One piece of a card; exactly one of the fields beside ``kind`` is set."""

    kind: BlockKind
    figure: Figure | None = None
    html: str | None = None
    text: str | None = None
    digest: str | None = None  #: of a frame's document


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCard:
    """A card with what its cell put out. The bytes of its figures and frames travel beside it."""

    card: Card
    title: str | None
    blocks: tuple[Block, ...]
    failed: bool = False


# --- what is kept ---------------------------------------------------------------------------------


class RunState(StrEnum):
    """``queued → running → succeeded | failed | cancelled | lost``."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class DashboardState(StrEnum):
    """The state chip."""

    NEW = "new"  #: no run has succeeded yet
    FRESH = "fresh"
    STALE = "stale"
    RUNNING = "running"
    FAILED = "failed"  #: the last run failed; older figures are shown


class RerunBy(StrEnum):
    """Who may rerun a dashboard."""

    VIEWERS = "viewers"  #: whoever may look, but for those whose share link says otherwise
    AUTHOR = "author"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """A published notebook with a slug."""

    id: int
    slug: str
    title: str
    source_path: str  #: the notebook's path, resolved
    listed: bool  #: False until the first run of a ``publish`` has succeeded
    version_id: int | None  #: the version that viewers see (and Rerun runs)
    revision: int  #: counts every change that a stored page must show
    public: bool  #: whoever reaches the server may look, without a share link
    rerun_by: RerunBy
    owner: str  #: the name of the publisher it belongs to; empty: the data directory's author
    created_at: datetime


class GroupRole(StrEnum):
    """What the groups of accounts that a dashboard names may do."""

    VIEWERS = "viewers"
    AUTHORS = "authors"


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Who somebody is in their organisation."""

    name: str
    groups: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Audience:
    """Which of the listed dashboards somebody sees, besides the public ones."""

    shared: frozenset[int]  #: the ids of those they hold a share link of
    owner: str | None = None  #: whose own dashboards they see
    groups: frozenset[str] = frozenset()  #: that their account is in


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """Lets one person publish from elsewhere; of its secret only a hash is kept."""

    name: str
    created_at: datetime
    used_at: datetime | None  #: to within some minutes; None: never


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A share link of a dashboard; of its secret part only a hash is kept."""

    id: int
    dashboard_id: int
    may_rerun: bool
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None  #: to within some minutes; None: never


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One published state of a notebook: its sources, tags and options. Never changed."""

    id: int
    dashboard_id: int
    number: int  #: from 1
    digest: str  #: of sources, tags, options and run settings
    title: str
    titled: bool  #: the title was given by the author, rather than found in the notebook
    notebook_digest: str  #: the blob of the notebook without outputs
    selection: Selection
    engine: str | None  #: asked for by the author; None: the default
    python: str | None
    folder: str | None  #: where its cells run, below the data directory; None: beside the notebook
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where a run is: ``cell`` of ``of`` running cells, from 1."""

    cell: int
    of: int
    title: str
    started_at: datetime | None = None  #: when that cell began
    usual_seconds: float | None = None  #: how long it took last time


@dataclass(frozen=True, kw_only=True, slots=True)
class RunError:
    """What the store keeps of a failure; only ``title``, ``ename`` and ``reference`` are for viewers."""

    cause: Cause
    message: str
    reference: str  #: ``R-7F3A``: what a viewer can quote to the author
    cell: int | None = None  #: from 1
    title: str | None = None
    ename: str | None = None
    traceback: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One recorded execution: the row that is the truth."""

    id: str
    dashboard_id: int
    version_id: int
    state: RunState
    parameters: Mapping[str, Json]
    parameters_key: str  #: canonical hash of the parameters; empty for the defaults
    origin: str  #: ``publish``, ``rerun``, ``watch``
    attempt: int
    fence: int
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested: bool = False
    progress: Progress | None = None
    error: RunError | None = None
    document_digest: str | None = None  #: the blob of the executed notebook
    engine: str = ""
    peak_memory_bytes: int | None = None
    data_at: datetime | None = None  #: when the oldest of its results was made: mostly when it started

    @property
    def attempt_id(self) -> str:
        """Different for each worker that takes the run: an attempt that is given back has its number again."""
        return f"{self.id}-{self.fence}"


class EventKind(StrEnum):
    """The kinds of a run's events on the wire."""

    CELL_START = "cell_start"
    OUTPUT = "output"
    CELL_END = "cell_end"
    STATE = "state"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunEvent:
    """One step of a run's progress, as stored and as the API tells it."""

    seq: int  #: from 1, per run
    kind: EventKind
    at: datetime
    data: Mapping[str, Json]  #: ``cell``, ``title``, ``seconds``, ``card``, ``state``: by kind
