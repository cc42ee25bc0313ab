"""Stores with a clock of their own, and short ways to fill them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbdash.model import (
    Block,
    BlockKind,
    Card,
    CellKind,
    Dashboard,
    Figure,
    Outcome,
    Run,
    RunState,
    Selection,
    ShownCard,
    Version,
)
from nbdash.store import Store, StoredCard, open_store


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_store(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Store]]:
    """Opens stores on one data directory. The contract tests stand on this: another database joins here."""
    opened = []

    def make() -> Store:
        opened.append(open_store(tmp_path / "data", clock=clock))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()


@dataclass
class Filler:
    """Fills a store: dashboards with versions, runs in any state."""

    store: Store

    def dashboard(self, slug: str = "sales", *, listed: bool = False) -> Dashboard:
        return self.store.create_dashboard(slug, title="Sales", source_path=f"/work/{slug}.ipynb", listed=listed)

    def version(self, dashboard: Dashboard, content: str = "first") -> Version:
        return self.store.add_version(
            dashboard.id,
            digest=content,
            title=f"Sales, {content}",
            notebook_digest=self.store.put_blob(content.encode()),
            selection=Selection.NEEDED,
        )

    def published(self, slug: str = "sales") -> tuple[Dashboard, Version]:
        dashboard = self.dashboard(slug)
        return dashboard, self.version(dashboard)

    def submit(self, version: Version, key: str = "", origin: str = "publish") -> Run:
        parameters = {"key": key} if key else {}
        run, _ = self.store.submit_run(
            version.dashboard_id, version.id, parameters=parameters, parameters_key=key, origin=origin
        )
        return run

    def start(self, version: Version, key: str = "", origin: str = "publish") -> Run:
        """A running run; nothing else may be queued."""
        submitted = self.submit(version, key, origin)
        claimed = self.store.claim_run("worker")
        assert claimed is not None and claimed.id == submitted.id
        return claimed

    def finish(self, run: Run, state: RunState = RunState.SUCCEEDED) -> bool:
        digest = self.store.put_blob(f"document of {run.id}".encode())
        return self.store.finish_run(run, state=state, document_digest=digest, outcome=Outcome(engine="fork"))

    def succeed(self, version: Version, key: str = "", origin: str = "publish") -> Run:
        run = self.start(version, key, origin)
        assert self.finish(run)
        return run


@pytest.fixture
def fill(store: Store) -> Filler:
    return Filler(store)


@pytest.fixture
def make_card(store: Store) -> Callable[..., StoredCard]:
    """A card with a figure, a frame and text, whose blobs are put."""

    def make(position: int = 0, *, name: str = "forecast", content: bytes = b"png", **fields: Any) -> StoredCard:
        figure = Figure(
            name=name,
            title="Forecast",
            alt="A line that rises",
            alt_is_generated=True,
            mime="image/png",
            width=640,
            height=480,
            digest=store.put_blob(content),
        )
        blocks = (
            Block(kind=BlockKind.FIGURE, figure=figure),
            Block(kind=BlockKind.FRAME, digest=store.put_blob(b"frame of " + content)),
            Block(kind=BlockKind.TEXT, text="42 \ud800"),
        )
        card = Card(name=name, index=position, kind=CellKind.CODE, width=6)
        return StoredCard(position=position, shown=ShownCard(card=card, title="Forecast", blocks=blocks, **fields))

    return make
