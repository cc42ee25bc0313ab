"""What is kept, as pages and records to look at. Looking executes nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from nbdash.config import Settings
from nbdash.errors import NotFoundError, StoreError
from nbdash.model import (
    Account,
    Audience,
    Card,
    CellKind,
    Dashboard,
    DashboardState,
    Figure,
    Json,
    Notebook,
    Parameter,
    Run,
    RunEvent,
    RunState,
    ShownCard,
)
from nbdash.notebook.layout import lay_out
from nbdash.notebook.parameters import canonical_key, find_parameters
from nbdash.notebook.reader import parse_notebook
from nbdash.notebook.values import resolve_values
from nbdash.page.render import Renderer
from nbdash.page.views import (
    CardView,
    DashboardTile,
    DashboardView,
    ErrorView,
    HistoryView,
    IndexView,
    LogCell,
    LogView,
    NotebookHint,
    ParameterChip,
    SettingsView,
    ShareLink,
    Thumbnail,
)
from nbdash.publisher.joining import Joining, UntilChanged
from nbdash.publisher.publication import Publisher
from nbdash.publisher.sharing import LIFETIMES, Sharing
from nbdash.publisher.summaries import DashboardSummary, Entry, Summaries, UnpublishedSummary, state_of
from nbdash.store import Standing, Store

NOT_THERE = "There is no such page; the list of dashboards is at the start page."
log = logging.getLogger(__name__)

PAGE_OF_DASHBOARDS = 200
#: Index pages of which the bytes are remembered: who looks again gets the same ones.
INDEX_PAGES = 32
#: Dashboards' pages that are remembered, in bytes: whoever looks again costs neither a question nor a file.
PAGE_BYTES = 64 * 1024**2
#: Dashboards whose access is remembered.
DASHBOARDS = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """A page's bytes, compressed once."""

    gzipped: bytes
    digest: str  #: SHA-256 of the uncompressed bytes, hex
    stale: bool = False  #: the last run failed; older figures are shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A figure's bytes."""

    data: bytes
    mime: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """A run with the figures it has made so far."""

    run: Run
    dashboard: Dashboard
    figures: tuple[Figure, ...]


class Pages:
    """Pages and records of what is kept. Raises NotFoundError for what is not there or not listed."""

    def __init__(self, store: Store, settings: Settings, renderer: Renderer) -> None:
        self._store = store
        self._settings = settings
        self._renderer = renderer
        self._publisher = Publisher(store, settings)
        self._summaries = Summaries(store, self._publisher)
        self._indexes: UntilChanged[Body] = UntilChanged(store.state, INDEX_PAGES)
        self._lists: UntilChanged[tuple[list[DashboardSummary], str | None]] = UntilChanged(store.state, INDEX_PAGES)
        self._known: UntilChanged[Dashboard | None] = UntilChanged(store.state, DASHBOARDS)
        self._pages: UntilChanged[Body] = UntilChanged(store.state, PAGE_BYTES, weigh=lambda body: len(body.gzipped))
        self._index_body = lru_cache(INDEX_PAGES)(self._render_index)
        #: When a run ends, all who watch it ask for the same pages at once.
        self._bodies: Joining[Body] = Joining()

    # --- pages ---

    def index(self, after: str | None = None, audience: Audience | None = None, account: Account | None = None) -> Body:
        """The list of dashboards: all, or those that ``audience`` sees; for an account, with its name."""
        return self._indexes.do((after, audience, account), lambda: self._make_index(after, audience, account))

    def _make_index(self, after: str | None, audience: Audience | None, account: Account | None) -> Body:
        dashboards, following = self._summaries.listed(after, PAGE_OF_DASHBOARDS, audience)
        tiles = tuple(_tile(entry) for entry in self._summaries.entries(dashboards))
        is_guest = audience is not None
        hints = () if is_guest else tuple(NotebookHint(name=name, hint=hint) for name, hint in self._store.hints())
        view = IndexView(
            dashboards=tiles,
            hints=hints,
            next=following,
            is_guest=is_guest,
            login=bool(self._settings.oidc_issuer),
            account=account.name if account else None,
        )
        return self._index_body(view)

    def dashboard(self, slug: str, given: Mapping[str, Json] | None = None, *, may_rerun: bool = True) -> Body:
        """A dashboard's stored page, made anew only if its run or its state has changed."""
        values = given or {}
        key = (slug, canonical_key(values), may_rerun)
        return self._pages.do(key, lambda: self._stored_page(slug, values, may_rerun=may_rerun))

    def _stored_page(self, slug: str, given: Mapping[str, Json], *, may_rerun: bool) -> Body:
        dashboard = self._listed(slug)
        notebook = self._notebook(dashboard)
        values = resolve_values(notebook, given)
        standing = self._store.standing(dashboard.id, canonical_key(values))
        stale = standing.current is not None and standing.failed is not None
        if standing.current is None:
            view = self._view(dashboard, notebook, values, standing, may_rerun=may_rerun)
            return _body(self._renderer.dashboard(view))
        key = f"{self._renderer.fingerprint}-{standing.current.id}{'' if may_rerun else '-look'}"
        stored = self._store.stored_page(key, dashboard.revision)
        if stored is not None:
            return Body(gzipped=self._store.read_blob(stored.body_digest), digest=stored.etag, stale=stale)

        def make() -> Body:
            view = self._view(dashboard, notebook, values, standing, may_rerun=may_rerun)
            body = _body(self._renderer.dashboard(view), stale=stale)
            self._keep(key, dashboard.revision, body)
            return body

        return self._bodies.do((key, dashboard.revision, stale), make)

    def _keep(self, key: str, revision: int, body: Body) -> None:
        """Store a page, if that can be done: on a full disk it is made anew for each viewer."""
        try:
            digest = self._store.put_blob(body.gzipped)
            self._store.keep_page(key, revision, body_digest=digest, etag=body.digest)
        except StoreError as error:
            log.warning("a page is not kept: %s", error)

    def run(self, slug: str, run_id: str) -> Body:
        """The permanent page of one run."""
        dashboard, run = self._run_of(slug, run_id)
        view = DashboardView(
            slug=slug,
            title=self._store.version(run.version_id).title,
            state=_state_of(run),
            cards=tuple(self._store.cards(run.id)),
            figure_bytes=self._store.read_blob,
            data_at=run.data_at,
            run=run,
            parameters=_chips(self._notebook(dashboard), run.parameters),
            pinned=True,
            page_bytes=self._settings.page_mib * 1024**2,
        )
        return self._bodies.do(
            (run.id, run.state, view.title, view.cards, view.parameters), lambda: _body(self._renderer.dashboard(view))
        )

    def card(self, slug: str, run_id: str, name: str) -> Body:
        """One card of a run, as a live page swaps it in."""
        _, run = self._run_of(slug, run_id)
        shown = next((each for each in self._store.cards(run.id) if each.card.name == name), None)
        if shown is None:
            raise NotFoundError(f"Run {run_id} has no card {name!r}.")
        view = CardView(slug=slug, run_id=run.id, card=shown, figure_bytes=self._store.read_blob)
        return self._bodies.do((slug, run.id, shown), lambda: _body(self._renderer.card(view)))

    def history(self, slug: str) -> Body:
        """A dashboard's runs."""
        dashboard = self._listed(slug)
        current = self._store.current_run(dashboard.id)
        view = HistoryView(
            slug=slug,
            title=dashboard.title,
            runs=tuple(self._store.runs(dashboard.id, limit=self._settings.keep)),
            current_run=current.id if current else None,
        )
        return _body(self._renderer.history(view))

    def log(self, slug: str) -> Body:
        """The author's page about the last run: never for a viewer."""
        return _body(self._renderer.log(self.log_view(slug)))

    def settings(self, slug: str, sharing: Sharing) -> Body:
        """The author's page about who may do what: never for a viewer."""
        dashboard = self._store.dashboard(slug)
        links = (
            ShareLink(
                number=share.id,
                secret=sharing.secret(share) if sharing.is_ours(share) else None,
                may_rerun=share.may_rerun,
                used_at=share.used_at,
                expires_at=share.expires_at,
            )
            for share in sharing.shares(slug)
        )
        view = SettingsView(
            slug=slug,
            title=dashboard.title,
            public=dashboard.public,
            rerun_by=dashboard.rerun_by,
            links=tuple(links),
            lifetimes=LIFETIMES,
        )
        return _body(self._renderer.settings(view))

    def source(self, slug: str) -> bytes:
        """The notebook as it was published, without outputs: never for a viewer."""
        version = self._publisher.version_shown(self._store.dashboard(slug))
        return self._store.read_blob(version.notebook_digest)

    def log_view(self, slug: str) -> LogView:
        """What the author's log tells; of unlisted dashboards too."""
        dashboard = self._store.dashboard(slug)
        runs = self._store.runs(dashboard.id, limit=1)
        if not runs:
            return LogView(slug=slug, title=dashboard.title, run=None)
        cells = tuple(_log_cells(self._document(runs[0]), runs[0]))
        return LogView(slug=slug, title=dashboard.title, run=runs[0], cells=cells)

    def error(self, view: ErrorView) -> Body:
        """An error page."""
        return _body(self._renderer.error(view))

    # --- pictures ---

    def figure(self, slug: str, name: str, run_id: str | None = None) -> Picture:
        """A figure by name: the current one, or that of one run."""
        if run_id is None:
            current = self._store.current_run(self._listed(slug).id)
        else:
            _, current = self._run_of(slug, run_id)
        for figure in _figures(self._store.cards(current.id) if current else ()):
            if figure.name == name:
                data = self._store.read_blob(figure.digest)
                return Picture(data=data, mime=figure.mime, digest=figure.digest)
        raise NotFoundError(f"Dashboard {slug!r} has no figure {name!r}.")

    def frame(self, slug: str, run_id: str, digest: str) -> bytes:
        """The document of a sandboxed frame of that run."""
        _, run = self._run_of(slug, run_id)
        if any(block.digest == digest for card in self._store.cards(run.id) for block in card.blocks):
            return self._store.read_blob(digest)
        raise NotFoundError(f"Run {run_id} has no such frame.")

    def figure_bytes(self, digest: str) -> bytes:
        """The bytes of a figure."""
        return self._store.read_blob(digest)

    # --- records ---

    def find_dashboard(self, slug: str) -> Dashboard | None:
        """The dashboard with this slug as it is now, listed or not."""
        return self._known.do(slug, lambda: self._store.find_dashboard(slug))

    def summaries(
        self, after: str | None, limit: int, audience: Audience | None = None
    ) -> tuple[list[DashboardSummary], str | None]:
        """Listed dashboards by slug, and the slug after which the next ones start.

        All, or those that ``audience`` sees.
        """
        return self._lists.do((after, limit, audience), lambda: self._make_list(after, limit, audience))

    def _make_list(
        self, after: str | None, limit: int, audience: Audience | None
    ) -> tuple[list[DashboardSummary], str | None]:
        dashboards, following = self._summaries.listed(after, limit, audience)
        return self._summaries.summaries(dashboards), following

    def unpublished(self) -> list[UnpublishedSummary]:
        """Dashboards that no viewer sees yet, by slug: for their author alone."""
        return self._summaries.unpublished()

    def summary(self, slug: str) -> DashboardSummary:
        """One dashboard."""
        (summary,) = self._summaries.summaries([self._listed(slug)]) or (None,)
        if summary is None:
            raise NotFoundError(NOT_THERE)
        return summary

    def shown_cards(self, slug: str) -> list[ShownCard]:
        """The cards that viewers see."""
        current = self._store.current_run(self._listed(slug).id)
        return self._store.cards(current.id) if current else []

    def report(self, run_id: str) -> RunReport:
        """A run as the API tells it."""
        run = self._store.run(run_id)
        dashboard = self._store.dashboard_by_id(run.dashboard_id)
        figures = tuple(_figures(self._store.cards(run_id)))
        return RunReport(run=run, dashboard=dashboard, figures=figures)

    def events(self, run_id: str, after: int) -> list[RunEvent]:
        """A run's events after sequence number ``after``."""
        return self._store.events(run_id, after=after)

    # --- inside ---

    def _listed(self, slug: str) -> Dashboard:
        dashboard = self.find_dashboard(slug)
        if dashboard is None or not dashboard.listed:
            raise NotFoundError(NOT_THERE)
        return dashboard

    def _run_of(self, slug: str, run_id: str) -> tuple[Dashboard, Run]:
        dashboard = self._listed(slug)
        run = self._store.run(run_id)
        if run.dashboard_id != dashboard.id:
            raise NotFoundError(NOT_THERE)
        return dashboard, run

    def _notebook(self, dashboard: Dashboard) -> Notebook:
        return self._publisher.notebook_of(self._publisher.version_shown(dashboard))

    def _document(self, run: Run) -> dict[str, Any]:
        """The executed notebook, or the published one where the run left none."""
        version = self._store.version(run.version_id)
        blob = self._store.read_blob(run.document_digest or version.notebook_digest)
        return parse_notebook(blob, "the run's notebook").document

    def _render_index(self, view: IndexView) -> Body:
        return _body(self._renderer.index(view))

    def _view(
        self,
        dashboard: Dashboard,
        notebook: Notebook,
        values: Mapping[str, Json],
        standing: Standing,
        *,
        may_rerun: bool,
    ) -> DashboardView:
        run = standing.current or standing.active or standing.failed
        cards = tuple(self._store.cards(run.id)) if run else ()
        done = {shown.card.name for shown in cards}
        pending = () if standing.current else _pending(notebook, done)
        return DashboardView(
            slug=dashboard.slug,
            title=dashboard.title,
            state=state_of(standing.current, standing.active, has_failed=standing.failed is not None),
            cards=cards,
            figure_bytes=self._store.read_blob,
            data_at=standing.current.data_at if standing.current else None,
            run=run,
            active=standing.active,
            failed=standing.failed,
            pending=pending,
            can_rerun=may_rerun,
            parameters=_chips(notebook, values),
            page_bytes=self._settings.page_mib * 1024**2,
        )


def _pending(notebook: Notebook, done: set[str]) -> tuple[Card, ...]:
    return tuple(card for card in lay_out(notebook) if card.name not in done and card.kind is CellKind.CODE)


def _figures(cards: Iterable[ShownCard]) -> Iterator[Figure]:
    for shown in cards:
        yield from (block.figure for block in shown.blocks if block.figure is not None)


def _chips(notebook: Notebook, values: Mapping[str, Json]) -> tuple[ParameterChip, ...]:
    return tuple(
        ParameterChip(
            name=parameter.name,
            value=_text(values.get(parameter.name, parameter.default), parameter),
            is_default=parameter.name not in values,
        )
        for parameter in find_parameters(notebook)
    )


def _text(value: Json, parameter: Parameter) -> str:
    if value is None:
        return parameter.source
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _state_of(run: Run) -> DashboardState:
    if not run.state.is_final:
        return DashboardState.RUNNING
    return DashboardState.FRESH if run.state is RunState.SUCCEEDED else DashboardState.FAILED


def _tile(summary: Entry) -> DashboardTile:
    picture = summary.thumbnail
    return DashboardTile(
        slug=summary.slug,
        title=summary.title,
        state=summary.state,
        data_at=summary.data_at,
        figures=summary.figures,
        thumbnail=Thumbnail(name=picture.name, alt=picture.alt, width=picture.width, height=picture.height)
        if picture
        else None,
    )


def _log_cells(document: Mapping[str, Any], run: Run) -> Iterator[LogCell]:
    for index, cell in enumerate(document["cells"]):
        if cell["cell_type"] != "code" or "execution" not in cell["metadata"]:
            continue
        streams = [output for output in cell["outputs"] if output["output_type"] == "stream"]
        yield LogCell(
            number=index + 1,
            title=next((line for line in cell["source"].splitlines() if line.strip()), ""),
            seconds=_seconds(cell["metadata"]["execution"]),
            failed=run.error is not None and run.error.cell == index + 1,
            text="".join(output["text"] for output in streams),
        )


def _seconds(timing: Mapping[str, str]) -> float | None:
    try:
        begin = datetime.fromisoformat(timing["iopub.status.busy"])
        return (datetime.fromisoformat(timing["iopub.status.idle"]) - begin).total_seconds()
    except (KeyError, ValueError):
        return None


def _body(html: str, *, stale: bool = False) -> Body:
    data = html.encode("utf-8", "replace")  # output may hold half a surrogate pair
    return Body(gzipped=gzip.compress(data, 6, mtime=0), digest=hashlib.sha256(data).hexdigest(), stale=stale)
