"""What is for machines and for the page itself: health, metrics, static files, the author's entrance."""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify

from nbdash.errors import NotFoundError
from nbdash.publisher.sharing import digest_of
from nbdash.publisher.tokens import cookie_of
from nbdash.web import metrics as numbers
from nbdash.web.addresses import SlugConverter
from nbdash.web.conditional import IMMUTABLE, REVALIDATE, stored
from nbdash.web.cookies import give_cookie
from nbdash.web.inputs import text
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site

blueprint = Blueprint("system", __name__)

ICON = "icon.svg"
AUTHOR_SECONDS = 30 * 24 * 3600


@blueprint.get("/-/health")
def health() -> Response:
    """200 while the store can be read; 503 otherwise."""
    current_site().store.list_dashboards(limit=1)
    return jsonify(ok=True)


@blueprint.get("/-/metrics")
def metrics() -> Response:
    """Numbers in Prometheus's format."""
    site = current_site()
    text = numbers.exposition(site.requests.counts(), site.store.count_runs(), site.polls.taken)
    return Response(text, content_type=numbers.CONTENT_TYPE)


@blueprint.get("/-/static/<file:name>")
def static_file(name: str) -> Response:
    """A shipped file; with ``?v=`` its address names its content, so it is kept for good."""
    return _asset(name, IMMUTABLE if text("v") else REVALIDATE)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """The icon, for browsers that ask before they have read the page."""
    return _asset(ICON, REVALIDATE)


@blueprint.get("/-/author")
def become_author() -> Response:
    """Exchanges the token in the address for the author's cookie, and leads to an address without it."""
    site, token = current_site(), text("token") or ""
    if not (site.author.accepts_token(token) or site.store.find_token(digest_of(token))):
        raise Refusal(403, "bad_token", "This link is no longer valid: get a new one with 'nbdash open'.")
    response = Response(status=303)
    response.headers["Location"] = _clean_address(text("to") or "")
    give_cookie(response, site.author.cookie_name, cookie_of(token), AUTHOR_SECONDS)
    return response


def _clean_address(slug: str) -> str:
    """The dashboard ``slug``, else the index: never an address from outside."""
    return f"../d/{slug}" if re.fullmatch(SlugConverter.regex, slug) else "../"


def _asset(name: str, cache: str) -> Response:
    asset = current_site().assets.get(name)
    if asset is None:
        raise NotFoundError(f"There is no static file {name!r}.")
    return stored(asset.gzipped, asset.digest, mime=asset.mime, cache=cache)
