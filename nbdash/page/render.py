"""Views to HTML with Jinja: autoescaped, and every template can be replaced from a folder."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nbdash.model import BlockKind, Figure
from nbdash.page import formats
from nbdash.page.arrangement import look_of, sections_of
from nbdash.page.frames import FRAME_SOURCES
from nbdash.page.text import plain_text
from nbdash.page.urls import Urls, urls_at
from nbdash.page.views import CardView, DashboardView, ErrorView, HistoryView, IndexView, LogView, SettingsView
from nbdash.resources import data_dir

STYLE_SHEETS = ("bootstrap.min.css", "app.css")
#: What a file that stands alone may load: its own pictures and styles.
FILE_SOURCES = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class PictureSource:
    """Where an ``<img>`` takes its picture from; a linked one loads when it is scrolled to."""

    src: str
    is_linked: bool


class Pictures:
    """Hands out the pictures of one page: embedded up to ``limit`` bytes, then linked to run ``run_id``."""

    def __init__(self, load: Callable[[str], bytes], *, slug: str, urls: Urls, limit: int | None) -> None:
        self._load = load
        self._slug = slug
        self._urls = urls
        self._left = limit

    def source(self, figure: Figure, run_id: str | None) -> PictureSource:
        """The figure's source; without a run there is nothing to link to."""
        if self._left == 0 and run_id:
            return self._linked(figure, run_id)
        data = self._load(figure.digest)
        if self._left is not None and run_id:
            if len(data) > self._left:
                self._left = 0
                return self._linked(figure, run_id)
            self._left -= len(data)
        return PictureSource(f"data:{figure.mime};base64,{base64.b64encode(data).decode()}", False)

    def document(self, digest: str) -> str:
        """A frame's document as text."""
        return self._load(digest).decode()

    def _linked(self, figure: Figure, run_id: str) -> PictureSource:
        return PictureSource(self._urls.figure(self._slug, figure.name, run_id), True)


class Renderer:
    """Turns views into whole HTML documents; the files of ``templates`` come before the shipped ones."""

    def __init__(self, templates: Path | None = None) -> None:
        shipped = data_dir("templates")
        folders = [folder for folder in (templates, shipped) if folder]
        #: Changes with any template or static file: part of a stored page's key and of static URLs.
        self.fingerprint = _fingerprint(folders)
        self._static = shipped / "static"
        self._environment = _environment(folders, self.fingerprint)

    def index(self, view: IndexView) -> str:
        """The list of dashboards, at ``/``."""
        return self._render("index.html", urls_at("/"), {"view": view})

    def dashboard(self, view: DashboardView) -> str:
        """A dashboard at ``/d/<slug>``; with ``view.pinned`` one run's page, at ``/d/<slug>/runs/<id>``."""
        urls = urls_at("/d/slug/runs/id" if view.pinned else "/d/slug")
        pictures = Pictures(view.figure_bytes, slug=view.slug, urls=urls, limit=view.page_bytes)
        sections = sections_of(view)
        return self._render("dashboard.html", urls, {"view": view, "pictures": pictures, "sections": sections})

    def card(self, view: CardView) -> str:
        """One card; its relative URLs start from where it is served, ``/d/<slug>/runs/<id>/cards/<name>``."""
        urls = urls_at("/d/slug/runs/id/cards/name")
        pictures = Pictures(view.figure_bytes, slug=view.slug, urls=urls, limit=None)
        return self._render("card.html", urls, {"view": view, "pictures": pictures, "look": look_of(view.card)})

    def history(self, view: HistoryView) -> str:
        """A dashboard's runs, at ``/d/<slug>/runs``."""
        return self._render("history.html", urls_at("/d/slug/runs"), {"view": view})

    def log(self, view: LogView) -> str:
        """The author's log, at ``/d/<slug>/log``."""
        return self._render("log.html", urls_at("/d/slug/log"), {"view": view})

    def settings(self, view: SettingsView) -> str:
        """The author's settings, at ``/d/<slug>/settings``."""
        return self._render("settings.html", urls_at("/d/slug/settings"), {"view": view})

    def error(self, view: ErrorView) -> str:
        """An error page; ``view.path`` is where it stands."""
        return self._render("error.html", urls_at(view.path), {"view": view})

    def standalone(self, view: DashboardView) -> str:
        """The dashboard as one self-contained file: no script, no link to a server, nothing to load."""
        urls = Urls("")
        pictures = Pictures(view.figure_bytes, slug=view.slug, urls=urls, limit=None)
        styles = [_trusted((self._static / name).read_text(encoding="utf-8")) for name in STYLE_SHEETS]
        sections = sections_of(view)
        return self._render(
            "standalone.html",
            urls,
            {"view": view, "pictures": pictures, "sections": sections, "styles": styles, "policy": _file_policy(view)},
        )

    def _render(self, template: str, urls: Urls, context: Mapping[str, object]) -> str:
        return self._environment.get_template(template).render({"urls": urls, **context})


def _environment(folders: list[Path], version: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        cleaned=_trusted,
        duration=formats.duration,
        exact=formats.exact_time,
        iso=formats.iso_time,
        plain=plain_text,
        reason=formats.failure_reason,
        seconds=formats.run_seconds,
        short=formats.short_time,
    )
    environment.globals.update(states=formats.STATES, version=version[:12])
    return environment


def _file_policy(view: DashboardView) -> str:
    """The policy of a file that stands alone; its frames inherit it, so that it can forbid script only without any."""
    has_frames = any(block.kind is BlockKind.FRAME for card in view.cards for block in card.blocks)
    return FRAME_SOURCES if has_frames else FILE_SOURCES


def _trusted(html: str) -> Markup:
    """The only place where text becomes markup: shipped styles, and HTML that passed the allow-list."""
    return Markup(html)  # noqa: S704


def _fingerprint(folders: list[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
