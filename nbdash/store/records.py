"""Rows and JSON to the records of :mod:`nbdash.model`, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import RowMapping

from nbdash.model import (
    Block,
    BlockKind,
    Card,
    Cause,
    CellKind,
    Dashboard,
    EventKind,
    Figure,
    Json,
    Progress,
    RerunBy,
    Run,
    RunError,
    RunEvent,
    RunState,
    Selection,
    Share,
    ShownCard,
    Token,
    Version,
    Visibility,
)

Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCard:
    """A card and its place on the page, from 0."""

    position: int
    shown: ShownCard


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """What happened in a run, in order."""

    events: Sequence[tuple[EventKind, Mapping[str, Json]]] = ()
    progress: Progress | None = None
    cards: Sequence[StoredCard] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPage:
    """A page that was built: the blob of its bytes, and the state it shows."""

    key: str
    revision: int
    body_digest: str
    etag: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """Where a dashboard stands, as a list tells it."""

    current_run: str | None  #: the id of the run that viewers see
    data_at: datetime | None  #: when the oldest of what that run shows was made
    active_run: str | None  #: the id of the newest one that is queued or running
    has_failed: bool  #: the last run failed after ``current_run``


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a dashboard stands for one set of parameter values."""

    current: Run | None  #: the run that viewers see
    active: Run | None  #: queued or running
    failed: Run | None  #: the last one, if it failed after ``current``


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """The answer to a heartbeat."""

    owned: bool  #: False: the run is another worker's now, or over; stop, and throw the result away
    cancel_requested: bool


def reference_of(run_id: str) -> str:
    """What a viewer can quote to the author about a run that failed: ``R-7F3A2C``."""
    return f"R-{run_id[:6].upper()}"


def dashboard_from_row(row: RowMapping) -> Dashboard:
    """A row of ``dashboards``."""
    return _record(Dashboard, row, rerun_by=RerunBy(row["rerun_by"]))


def share_from_row(row: RowMapping) -> Share:
    """A row of ``shares``."""
    return _record(Share, row)


def token_from_row(row: RowMapping) -> Token:
    """A row of ``tokens``."""
    return _record(Token, row)


def version_from_row(row: RowMapping) -> Version:
    """A row of ``versions``."""
    return _record(Version, row, selection=Selection(row["selection"]))


def run_from_row(row: RowMapping) -> Run:
    """A row of ``runs``."""
    return _record(
        Run,
        row,
        data_at=row["data_at"] or row["started_at"],
        state=RunState(row["state"]),
        progress=_progress_from_json(row["progress"]),
        error=_error_from_json(row["error"]),
    )


def outline_from_row(row: RowMapping) -> Outline:
    """A row of the question of :mod:`nbdash.store.standings`."""
    return _record(Outline, row, has_failed=row["failed_seq"] is not None)


def event_from_row(row: RowMapping) -> RunEvent:
    """A row of ``events``."""
    return _record(RunEvent, row, kind=EventKind(row["kind"]))


def page_from_row(row: RowMapping) -> StoredPage:
    """A row of ``pages``."""
    return _record(StoredPage, row)


def progress_to_json(progress: Progress) -> dict[str, Any]:
    """For the column ``runs.progress``."""
    started_at = progress.started_at
    return asdict(progress) | {"started_at": started_at.isoformat() if started_at else None}


def error_to_json(error: RunError) -> dict[str, Any]:
    """For the column ``runs.error``."""
    return asdict(error)


def card_to_json(card: ShownCard) -> dict[str, Any]:
    """For the column ``cards.content``."""
    return asdict(card)


def card_from_json(data: Mapping[str, Any]) -> ShownCard:
    """The card that :func:`card_to_json` wrote, also where another version of nbdash wrote it."""
    blocks = tuple(_block_from_json(block) for block in data["blocks"])
    return _record(ShownCard, data, card=_static_card_from_json(data["card"]), blocks=blocks)


def figures_from_json(data: Mapping[str, Any]) -> list[Figure]:
    """The figures of a card, of which nothing else is made."""
    return [_record(Figure, block["figure"]) for block in data["blocks"] if block["figure"]]


def digests_of(card: ShownCard) -> set[str]:
    """The blobs that a card shows: its figures and frames."""
    figures = {block.figure.digest for block in card.blocks if block.figure}
    return figures | {block.digest for block in card.blocks if block.digest}


def _static_card_from_json(data: Mapping[str, Any]) -> Card:
    return _record(
        Card,
        data,
        kind=CellKind(data["kind"]),
        source=Visibility(data["source"]),
        output=Visibility(data["output"]),
    )


def _block_from_json(data: Mapping[str, Any]) -> Block:
    figure = _record(Figure, data["figure"]) if data["figure"] else None
    return _record(Block, data, kind=BlockKind(data["kind"]), figure=figure)


def _progress_from_json(data: Mapping[str, Any] | None) -> Progress | None:
    if data is None:
        return None
    started_at = datetime.fromisoformat(data["started_at"]) if data["started_at"] else None
    return _record(Progress, data, started_at=started_at)


def _error_from_json(data: Mapping[str, Any] | None) -> RunError | None:
    if data is None:
        return None
    return _record(RunError, data, cause=Cause(data["cause"]), traceback=tuple(data["traceback"]))


def _record(kind: type[Record], data: Mapping[Any, Any], /, **converted: Any) -> Record:
    """A record from those of ``data`` that are its fields; columns and keys beyond them do not matter."""
    return kind(**{name: data[name] for name in _names_of(kind) & set(data)} | converted)


def _names(kind: Any) -> frozenset[str]:
    return frozenset(field.name for field in fields(kind))


_names_of: Callable[[Any], frozenset[str]] = cache(_names)
