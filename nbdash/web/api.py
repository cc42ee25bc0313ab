"""The JSON API, version 1."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Blueprint, Response, jsonify

import nbdash
from nbdash.model import Dashboard, RunEvent
from nbdash.publisher.viewing import RunReport
from nbdash.web.audit import record
from nbdash.web.inputs import client_key, number, text
from nbdash.web.representations import card_object, dashboard_object, event_object, publication_object, run_object
from nbdash.web.site import current_site
from nbdash.web.uploads import read_upload
from nbdash.web.visitor import current_visitor

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

MAX_WAIT_SECONDS = 25.0
#: Between two looks whether anything has changed, which cost next to nothing.
LOOK_SECONDS = 0.03
MAX_LIMIT = 100


@blueprint.get("/dashboards")
def dashboards() -> Response:
    """The dashboards by slug; ``next`` is the ``after`` of the following page, or null."""
    site = current_site()
    limit = int(number("limit", default=MAX_LIMIT, most=MAX_LIMIT))
    summaries, following = site.pages.summaries(text("after"), max(limit, 1), current_visitor().audience())
    return jsonify(dashboards=[dashboard_object(summary, site.urls) for summary in summaries], next=following)


@blueprint.get("/dashboards/<slug:slug>")
def dashboard(slug: str) -> Response:
    """One dashboard with its cards."""
    site = current_site()
    summary = site.pages.summary(slug)
    cards = [card_object(card, summary, site.urls) for card in site.pages.shown_cards(slug)]
    return jsonify(dashboard_object(summary, site.urls) | {"cards": cards})


@blueprint.get("/runs/<run:run_id>")
def run(run_id: str) -> Response:
    """A run; with ``after`` or ``wait``, its events after that number, waited for at most ``wait`` seconds.

    ``png=0`` leaves the pictures out, for whoever only follows the progress.
    """
    if text("after") is None and text("wait") is None:
        return jsonify(_run_object(current_site().pages.report(run_id)))
    after = int(number("after", default=0, most=2**53))
    events = _awaited_events(run_id, after, number("wait", default=0, most=MAX_WAIT_SECONDS))
    return jsonify(
        run=_run_object(current_site().pages.report(run_id)),
        events=[event_object(event) for event in events],
        next=events[-1].seq if events else after,
    )


@blueprint.get("/whoami")
def whoami() -> Response:
    """Whose token this is; the empty name is the data directory's author."""
    limit = current_site().settings.upload_mib * 1024**2
    return jsonify(name=current_visitor().owner, version=nbdash.__version__, upload_bytes=limit)


@blueprint.post("/dashboards")
def publish() -> Response:
    """Publishes a notebook with its data files: ``multipart/form-data`` as :mod:`nbdash.web.uploads` reads it."""
    site, owner = current_site(), current_visitor().owner
    assert owner is not None
    with read_upload() as (upload, options):
        publication = site.publisher.receive(upload, owner, options)
    record("publish", publication.dashboard.slug, version=publication.version.number)
    response = jsonify(publication_object(publication, site.urls, _link_to(publication.dashboard)))
    response.status_code = 202 if publication.run else 200
    return response


def _link_to(dashboard: Dashboard) -> str:
    """The address to hand on, from the server's own root."""
    site = current_site()
    if dashboard.public:
        return site.urls.dashboard(dashboard.slug)
    return site.urls.share(site.sharing.secret(site.sharing.standing_share(dashboard.slug)))


def _awaited_events(run_id: str, after: int, seconds: float) -> list[RunEvent]:
    """Events as soon as there are any; at once if the run is over or no place to wait is free."""
    pages = current_site().pages
    state = current_site().store.state()  # before the look: what comes meanwhile changes it
    events = pages.events(run_id, after)
    if events or not seconds or pages.report(run_id).run.state.is_final:
        return events
    with current_site().polls.place(client_key()) as may_wait:
        return _wait_for(lambda: pages.events(run_id, after), state, seconds if may_wait else 0.0)


def _wait_for(look: Callable[[], list[RunEvent]], state: int, seconds: float) -> list[RunEvent]:
    """What ``look`` finds, once what is kept is no longer in this state."""
    deadline = time.monotonic() + seconds
    events: list[RunEvent] = []
    while not events and (remaining := deadline - time.monotonic()) > 0:
        time.sleep(min(LOOK_SECONDS, remaining))
        if (now := current_site().store.state()) != state:
            state, events = now, look()
    return events


def _run_object(report: RunReport) -> object:
    site = current_site()
    with_pictures = text("png") != "0"
    is_author = current_visitor().owns(report.dashboard)
    return run_object(report, site.urls, site.pages.figure_bytes if with_pictures else None, is_author=is_author)
