"""Pages, pictures and forms: what a browser asks for."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify

from nbdash.errors import NotFoundError
from nbdash.model import Json, Run
from nbdash.publisher.sharing import digest_of
from nbdash.publisher.viewing import Body, Picture
from nbdash.web import safety
from nbdash.web.audit import record
from nbdash.web.conditional import IMMUTABLE, REVALIDATE, raw, stored
from nbdash.web.echo import may_repeat
from nbdash.web.inputs import body_values, query_values, text, wants_json
from nbdash.web.representations import run_object
from nbdash.web.site import current_site
from nbdash.web.visitor import Right, current_visitor, give_share, named_dashboard

blueprint = Blueprint("routes", __name__)
HTML = "text/html; charset=utf-8"


@blueprint.get("/")
def index() -> Response:
    """The list of dashboards."""
    return _page(current_site().pages.index(text("after"), current_visitor().audience(), current_visitor().account))


@blueprint.get("/s/<secret:secret>")
def open_share(secret: str) -> Response:
    """Exchanges a share link for its cookie, and leads to the dashboard's clean address."""
    site = current_site()
    share = site.store.find_share(digest_of(secret))
    if share is None:
        raise NotFoundError("There is no such share link.")
    response = Response(status=303)
    response.headers["Location"] = f"../d/{site.store.dashboard_by_id(share.dashboard_id).slug}"
    give_share(response, share, secret)
    record("open_share", site.store.dashboard_by_id(share.dashboard_id).slug, link=share.id)
    return response


@blueprint.get("/d/<slug:slug>")
def dashboard(slug: str) -> Response:
    """A dashboard; its parameters are in the query."""
    named = named_dashboard()
    may_rerun = named is not None and current_visitor().may(Right.RERUN, named)
    return _page(current_site().pages.dashboard(slug, query_values(), may_rerun=may_rerun))


@blueprint.get("/d/<slug:slug>/runs")
def history(slug: str) -> Response:
    """A dashboard's runs."""
    return _page(current_site().pages.history(slug))


@blueprint.get("/d/<slug:slug>/runs/<run:run_id>")
def run(slug: str, run_id: str) -> Response:
    """The permanent page of one run."""
    return _page(current_site().pages.run(slug, run_id))


@blueprint.get("/d/<slug:slug>/runs/<run:run_id>/cards/<name:name>")
def card(slug: str, run_id: str, name: str) -> Response:
    """One card, for a live page to swap in."""
    return _page(current_site().pages.card(slug, run_id, name))


@blueprint.get("/d/<slug:slug>/figures/<name:name>.png")
def latest_figure(slug: str, name: str) -> Response:
    """The figure as it is now, under an address that stays."""
    return _picture(current_site().pages.figure(slug, name), REVALIDATE)


@blueprint.get("/d/<slug:slug>/runs/<run:run_id>/figures/<name:name>.png")
def run_figure(slug: str, run_id: str, name: str) -> Response:
    """The figure that one run made; a run that is still on may draw it again."""
    pages = current_site().pages
    is_over = pages.report(run_id).run.state.is_final
    return _picture(pages.figure(slug, name, run_id), IMMUTABLE if is_over else REVALIDATE)


@blueprint.get("/d/<slug:slug>/runs/<run:run_id>/frames/<digest:digest>")
def frame(slug: str, run_id: str, digest: str) -> Response:
    """HTML of the notebook's own, under a policy of its own: sandboxed even when visited directly."""
    data = current_site().pages.frame(slug, run_id, digest)
    response = raw(data, digest, mime=HTML, cache=IMMUTABLE)
    response.headers.update(safety.FRAME_HEADERS)
    return response


@blueprint.post("/d/<slug:slug>/runs")
def rerun(slug: str) -> Response:
    """Rerun: joins the equal run under way, or starts one."""
    site = current_site()
    run = site.publisher.submit(slug, body_values())
    record("rerun", slug, run=run.id)
    return _accepted(slug, run, climb="../")


@blueprint.post("/d/<slug:slug>/runs/<run:run_id>/cancel")
def cancel(slug: str, run_id: str) -> Response:
    """Asks a run to stop. Whoever may rerun may cancel."""
    site = current_site()
    if site.pages.report(run_id).dashboard.slug != slug:
        raise NotFoundError(f"Run {run_id} is not one of {slug!r}.")
    return _accepted(slug, site.publisher.cancel(run_id), climb="../../../")


def _accepted(slug: str, run: Run, *, climb: str) -> Response:
    """202 with the run for a program; for a form, back to the dashboard, which shows it."""
    site = current_site()
    if not wants_json():
        response = Response(status=303)
        response.headers["Location"] = f"{climb}{slug}{_query(run)}"
        return response
    response = jsonify(run_object(site.pages.report(run.id), site.urls, site.pages.figure_bytes))
    response.status_code = 202
    response.headers["Location"] = site.urls.api_run(run.id)
    return response


def _query(run: Run) -> str:
    values = {name: _as_text(value) for name, value in run.parameters.items()}
    return f"?{urlencode(values)}" if values else ""


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _page(body: Body) -> Response:
    may_repeat()
    response = stored(body.gzipped, body.digest, mime=HTML)
    if body.stale:
        response.headers["X-Nbdash-Stale"] = "1"
    return response


def _picture(picture: Picture, cache: str) -> Response:
    may_repeat()
    response = raw(picture.data, picture.digest, mime=picture.mime, cache=cache)
    response.headers["Content-Security-Policy"] = safety.BYTES_POLICY
    return response
