"""The JSON API, version 1."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import Blueprint, Response, jsonify

from nbdash.model import RunEvent
from nbdash.publisher.viewing import RunReport
from nbdash.web.inputs import client_key, number, text
from nbdash.web.representations import card_object, dashboard_object, event_object, run_object
from nbdash.web.site import current_site
from nbdash.web.visitor import current_visitor

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

MAX_WAIT_SECONDS = 25.0
#: Between two looks for events; a run's cells take longer than that to matter.
LOOK_SECONDS = 0.2
MAX_LIMIT = 100


@blueprint.get("/dashboards")
def dashboards() -> Response:
    """The dashboards by slug; ``next`` is the ``after`` of the following page, or null."""
    site = current_site()
    limit = int(number("limit", default=MAX_LIMIT, most=MAX_LIMIT))
    visitor = current_visitor()
    visible_to = None if visitor.sees_all else visitor.shared()
    summaries, following = site.pages.summaries(text("after"), max(limit, 1), visible_to)
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


def _awaited_events(run_id: str, after: int, seconds: float) -> list[RunEvent]:
    """Events as soon as there are any; at once if the run is over or no place to wait is free."""
    pages = current_site().pages
    events = pages.events(run_id, after)
    if events or not seconds or current_site().pages.report(run_id).run.state.is_final:
        return events
    with current_site().polls.place(client_key()) as may_wait:
        return _wait_for(lambda: pages.events(run_id, after), seconds if may_wait else 0.0)


def _wait_for(look: Callable[[], list[RunEvent]], seconds: float) -> list[RunEvent]:
    deadline = time.monotonic() + seconds
    while not (events := look()) and (remaining := deadline - time.monotonic()) > 0:
        time.sleep(min(LOOK_SECONDS, remaining))
    return events


def _run_object(report: RunReport) -> object:
    site = current_site()
    with_pictures = text("png") != "0"
    return run_object(report, site.urls, site.pages.figure_bytes if with_pictures else None)
