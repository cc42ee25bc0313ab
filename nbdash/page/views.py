"""What each page shows: frozen records that the publisher fills and the renderer turns into HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nbdash.model import Card, DashboardState, RerunBy, Run, ShownCard

MIB = 1024**2


@dataclass(frozen=True, kw_only=True, slots=True)
class ParameterChip:
    """One parameter of a page, as text."""

    name: str
    value: str
    is_default: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DashboardView:
    """A dashboard's page, or with ``pinned`` the permanent page of one run.

    ``cards`` are what ``run`` made.  While a dashboard's first run is on, ``run`` and ``active`` are
    that run, ``cards`` those it has finished and ``pending`` the others.
    """

    slug: str
    title: str
    state: DashboardState
    cards: tuple[ShownCard, ...]
    #: Bytes of a figure or a frame's document by digest.
    figure_bytes: Callable[[str], bytes]
    data_at: datetime | None = None
    run: Run | None = None
    active: Run | None = None  #: the queued or running run with this page's parameters
    failed: Run | None = None  #: the last run, if it is newer than ``run`` and did not succeed
    pending: tuple[Card, ...] = ()
    parameters: tuple[ParameterChip, ...] = ()
    pinned: bool = False
    can_rerun: bool = True
    page_bytes: int = 16 * MIB  #: figures embedded at most; those beyond are linked and load lazily


@dataclass(frozen=True, kw_only=True, slots=True)
class CardView:
    """One card alone, as a live page fetches it."""

    slug: str
    run_id: str
    card: ShownCard
    figure_bytes: Callable[[str], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """The picture a dashboard is recognised by: one of its figures."""

    name: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DashboardTile:
    """A dashboard on the index."""

    slug: str
    title: str
    state: DashboardState
    data_at: datetime | None = None
    thumbnail: Thumbnail | None = None
    figures: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookHint:
    """A notebook that was found but is no dashboard yet."""

    name: str
    hint: str  #: a sentence: why, and what to do


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexView:
    """The list of dashboards, a page of it at a time."""

    dashboards: tuple[DashboardTile, ...]
    hints: tuple[NotebookHint, ...] = ()
    next: str | None = None  #: the slug after which the next page starts
    is_guest: bool = False  #: sees only what is public or shared with them
    login: bool = False  #: whether people can log in here
    account: str | None = None  #: as whom they are logged in


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryView:
    """A dashboard's runs, newest first."""

    slug: str
    title: str
    runs: tuple[Run, ...]
    current_run: str | None = None  #: id of the run that viewers see


@dataclass(frozen=True, kw_only=True, slots=True)
class LogCell:
    """One executed cell in the author's log."""

    number: int  #: from 1, as in the notebook
    title: str
    seconds: float | None = None  #: None: it did not end
    failed: bool = False
    text: str = ""  #: what it wrote to stdout and stderr


@dataclass(frozen=True, kw_only=True, slots=True)
class LogView:
    """The author's page about one run; holds tracebacks, so it is never shown to a viewer."""

    slug: str
    title: str
    run: Run | None  #: None: it has never run
    cells: tuple[LogCell, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareLink:
    """A share link as its author sees it."""

    number: int
    secret: str | None  #: None: it was made with an author's token that is no longer this one
    may_rerun: bool
    used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsView:
    """The author's page about who may do what; holds share links, so it is never shown to a viewer."""

    slug: str
    title: str
    public: bool
    rerun_by: RerunBy
    links: tuple[ShareLink, ...]
    lifetimes: tuple[tuple[str, str], ...]  #: what a new link may be given: value and text


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorView:
    """An error page: one sentence and the way back."""

    status: int
    message: str
    path: str = "/"  #: the requested path, without any prefix: what relative URLs start from
    slug: str | None = None  #: a dashboard to go back to; None: the index
