"""Records as JSON: every field is named here, so nothing else is ever told.

Of a failure viewers get the cell, the exception's name and a reference: its message may hold a secret.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime

from nbdash.model import (
    Figure,
    Json,
    Parameter,
    Progress,
    RunError,
    RunEvent,
    ShownCard,
)
from nbdash.page.urls import Urls
from nbdash.publisher.publication import Publication
from nbdash.publisher.summaries import DashboardSummary
from nbdash.publisher.viewing import RunReport

#: What an event may tell besides its number, kind and time.
EVENT_FIELDS = ("cell", "of", "title", "seconds", "ok", "card", "state")


def run_object(
    report: RunReport, urls: Urls, picture_of: Callable[[str], bytes] | None, *, is_author: bool = False
) -> Json:
    """A run; its figures' ``png`` is null without ``picture_of`` (digest → bytes); its author is told why it failed."""
    run = report.run
    return {
        "id": run.id,
        "dashboard": report.dashboard.slug,
        "state": run.state,
        "parameters": dict(run.parameters),
        "queued_at": _time(run.queued_at),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
        "attempt": run.attempt,
        "progress": run.progress and _progress(run.progress),
        "figures": [_run_figure(figure, report, urls, picture_of) for figure in report.figures],
        "error": run.error and _error(run.error, is_author=is_author),
    }


def publication_object(publication: Publication, urls: Urls, link: str) -> Json:
    """What publishing did; ``link`` is the address to hand to others."""
    return {
        "slug": publication.dashboard.slug,
        "title": publication.version.title,
        "version": publication.version.number,
        "url": urls.dashboard(publication.dashboard.slug),
        "link": link,
        "run": publication.run and publication.run.id,
    }


def event_object(event: RunEvent) -> Json:
    """One step of a run."""
    told = {name: event.data[name] for name in EVENT_FIELDS if name in event.data}
    return {"seq": event.seq, "kind": event.kind, "at": _time(event.at), **told}


def dashboard_object(summary: DashboardSummary, urls: Urls) -> Json:
    """A dashboard as the list has it."""
    picture = summary.thumbnail
    return {
        "slug": summary.slug,
        "title": summary.title,
        "state": summary.state,
        "data_at": _time(summary.data_at),
        "url": urls.dashboard(summary.slug),
        "thumbnail": picture and urls.figure(summary.slug, picture.name),
        "parameters": [_parameter(parameter) for parameter in summary.parameters],
        "current_run": summary.current_run,
    }


def card_object(card: ShownCard, summary: DashboardSummary, urls: Urls) -> Json:
    """A card that viewers see, and where its figures are."""
    name, run_id = card.card.name, summary.current_run
    return {
        "name": name,
        "title": card.title,
        "caption": card.card.caption,
        "section": card.card.section,
        "failed": card.failed,
        "url": run_id and urls.card(summary.slug, run_id, name),
        "figures": [
            _figure(block.figure) | {"url": urls.figure(summary.slug, block.figure.name, run_id)}
            for block in card.blocks
            if block.figure is not None
        ],
    }


def _run_figure(figure: Figure, report: RunReport, urls: Urls, picture_of: Callable[[str], bytes] | None) -> Json:
    data = picture_of and base64.b64encode(picture_of(figure.digest)).decode("ascii")
    url = urls.figure(report.dashboard.slug, figure.name, report.run.id)
    return _figure(figure) | {"url": url, "png": data}


def _figure(figure: Figure) -> dict[str, Json]:
    return {
        "name": figure.name,
        "title": figure.title,
        "alt": figure.alt,
        "width": figure.width,
        "height": figure.height,
    }


def _progress(progress: Progress) -> Json:
    return {
        "cell": progress.cell,
        "of": progress.of,
        "title": progress.title,
        "started_at": _time(progress.started_at),
        "usual_seconds": progress.usual_seconds,
    }


def _error(error: RunError, *, is_author: bool) -> Json:
    told: dict[str, Json] = {"cell": error.cell, "ename": error.ename, "reference": error.reference}
    return told | {"message": error.message} if is_author else told


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": parameter.default,
        "help": parameter.help,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
