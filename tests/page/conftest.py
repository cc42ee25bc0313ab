"""Fixtures of the page's tests: cards, executed cells, pictures and views."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from nbdash.model import Card, Cause, CellKind, DashboardState, Progress, Run, RunError, RunState, ShownCard
from nbdash.page.content import show_card
from nbdash.page.views import DashboardView

MakeView = Callable[..., DashboardView]

NOON = datetime(2026, 11, 25, 12, 0, 5, tzinfo=UTC)


def png_of(width: int = 4, height: int = 3, shade: int = 0) -> bytes:
    """A grey PNG of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([shade]) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encoded(data: bytes) -> str:
    """As nbformat keeps bytes."""
    return base64.b64encode(data).decode()


def display(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A ``display_data`` output."""
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    """A ``stream`` output."""
    return {"output_type": "stream", "name": name, "text": text}


def show(
    *outputs: dict[str, Any], source: str = "", figures: Any = None, **options: Any
) -> tuple[ShownCard, dict[str, bytes]]:
    """``show_card`` of a code cell with these outputs; ``options`` are the card's."""
    limits = {name: options.pop(name) for name in ("max_figures", "max_pixels") if name in options}
    card = replace(Card(name="sales", index=0, kind=CellKind.CODE), **options)
    metadata = {} if figures is None else {"nbdash": {"figures": figures}}
    cell = {"cell_type": "code", "source": source, "metadata": metadata, "outputs": list(outputs)}
    return show_card(card, cell, **limits)


def run_of(**changes: Any) -> Run:
    """A run that succeeded at noon."""
    run = Run(
        id="r1",
        dashboard_id=1,
        version_id=1,
        state=RunState.SUCCEEDED,
        parameters={},
        parameters_key="",
        origin="rerun",
        attempt=1,
        fence=1,
        queued_at=NOON,
        started_at=NOON,
        finished_at=NOON,
    )
    return replace(run, **changes)


def failed_run(**changes: Any) -> Run:
    """A run that failed with a secret in its message and traceback."""
    error = RunError(
        cause=Cause.ERROR,
        message="password=hunter2",
        reference="R-7F3A",
        cell=3,
        title="Forecast",
        ename="ValueError",
        traceback=("File secret.py", "password=hunter2"),
    )
    return run_of(**{"id": "r2", "state": RunState.FAILED, "error": error, **changes})


def running_run(**changes: Any) -> Run:
    """A run at its second of three cells."""
    progress = Progress(cell=2, of=3, title="Forecast", started_at=NOON, usual_seconds=20.0)
    return run_of(**{"id": "r3", "state": RunState.RUNNING, "progress": progress, "finished_at": None, **changes})


@pytest.fixture
def make_view() -> MakeView:
    """Builds the view of a dashboard with one figure of 4 x 3 pixels."""

    def make(*cards: tuple[ShownCard, dict[str, bytes]], **changes: Any) -> DashboardView:
        shown = cards or (show(display({"image/png": encoded(png_of())}), title="Revenue"),)
        blobs = {digest: data for _, found in shown for digest, data in found.items()}
        view = DashboardView(
            slug="sales",
            title="Sales",
            state=DashboardState.FRESH,
            cards=tuple(card for card, _ in shown),
            figure_bytes=blobs.__getitem__,
            data_at=NOON,
            run=run_of(),
        )
        return replace(view, **changes)

    return make
