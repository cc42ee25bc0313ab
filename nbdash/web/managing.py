"""What a dashboard's author does on the page: log, settings, source."""

from __future__ import annotations

from flask import Blueprint, Response

from nbdash.errors import OptionError
from nbdash.model import RerunBy
from nbdash.publisher.sharing import lifetime_from
from nbdash.web import safety
from nbdash.web.audit import record
from nbdash.web.conditional import stored
from nbdash.web.inputs import body_fields
from nbdash.web.site import current_site

blueprint = Blueprint("managing", __name__)
HTML = "text/html; charset=utf-8"


@blueprint.get("/d/<slug:slug>/log")
def log(slug: str) -> Response:
    """The page about the last run, with its traceback."""
    body = current_site().pages.log(slug)
    return stored(body.gzipped, body.digest, mime=HTML, cache="private, no-store")


@blueprint.get("/d/<slug:slug>/settings")
def settings(slug: str) -> Response:
    """The page about who may do what."""
    site = current_site()
    body = site.pages.settings(slug, site.sharing)
    return stored(body.gzipped, body.digest, mime=HTML, cache="private, no-store")


@blueprint.post("/d/<slug:slug>/settings")
def change_settings(slug: str) -> Response:
    """One change, named by the field ``act``; then back to the page, or from a removed dashboard to the list."""
    fields = body_fields()
    act = ACTS.get(fields.get("act", ""))
    if act is None:
        raise OptionError(f"There is no change {fields.get('act', '')[:80]!r}: use the page's own forms.", field="act")
    act(slug, fields)
    record(fields["act"], slug, **{name: fields[name][:80] for name in ("link", "public", "rerun") if name in fields})
    response = Response(status=303)
    response.headers["Location"] = "../../" if act is _remove else "settings"
    return response


@blueprint.get("/d/<slug:slug>/source")
def source(slug: str) -> Response:
    """The notebook as it was published, without outputs."""
    response = Response(current_site().pages.source(slug), content_type="application/x-ipynb+json")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}.ipynb"'
    response.headers["Content-Security-Policy"] = safety.BYTES_POLICY
    return response


def _share(slug: str, fields: dict[str, str]) -> None:
    lifetime = lifetime_from(fields.get("expires", ""))
    current_site().sharing.share(slug, lifetime=lifetime, may_rerun=fields.get("rerun") == "yes")


def _revoke(slug: str, fields: dict[str, str]) -> None:
    number = fields.get("link", "")
    if not number.isdecimal() or len(number) > 18:
        raise OptionError(f"{number[:80]!r} is no number of a link.", field="link")
    current_site().sharing.revoke(slug, int(number))


def _access(slug: str, fields: dict[str, str]) -> None:
    store = current_site().store
    try:
        rerun_by = RerunBy(fields.get("rerun", ""))
    except ValueError:
        raise OptionError("Say who may rerun: viewers or author.", field="rerun") from None
    store.set_access(store.dashboard(slug).id, public=fields.get("public") == "yes", rerun_by=rerun_by)


def _remove(slug: str, fields: dict[str, str]) -> None:
    if fields.get("name", "").strip() != slug:
        raise OptionError(f"Type {slug!r} to remove it; nothing was changed.", field="name")
    current_site().publisher.remove(slug)


ACTS = {"share": _share, "revoke": _revoke, "access": _access, "remove": _remove}
