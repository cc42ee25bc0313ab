"""Errors as answers: one sentence, as a page or as JSON. Never a traceback, a path or a version."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Mapping

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from nbdash.errors import (
    BusyError,
    ConflictError,
    NbdashError,
    NotFoundError,
    OptionError,
    ParameterError,
    StoreError,
)
from nbdash.page.views import ErrorView
from nbdash.web.conditional import compressed
from nbdash.web.inputs import wants_json
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site

log = logging.getLogger(__name__)

NOT_FOUND = "There is no such page: check the address, or start from the list of dashboards."
BROKEN = "Something went wrong on the server; its log has the reference {reference}: please tell the author."

#: Errors whose own sentence is for viewers, and their status.
TOLD: Mapping[type[NbdashError], int] = {
    ParameterError: 400,
    OptionError: 400,
    ConflictError: 409,
    BusyError: 429,
}
#: What is said for a status that nbdash did not choose itself.
SENTENCES = {
    400: ("bad_request", "This request could not be understood."),
    404: ("not_found", NOT_FOUND),
    405: ("method_not_allowed", "That cannot be done with this address."),
    413: ("too_large", "This request is too large."),
    503: ("unavailable", "The dashboards cannot be read just now: try again in a minute."),
}
PRESENT_STATUSES = (400, 409, 429)  #: of pages that exist: their error page leads back to the dashboard

DEEPEST = 16  #: folders of an address that an error page's links start from


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """One error as it is answered."""

    status: int
    code: str
    message: str
    field: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def handle_errors(app: Flask) -> None:
    """Every error of a view, and of the routing, is answered here."""
    app.register_error_handler(Exception, handle)


def handle(error: Exception) -> Response:
    """The answer to an error; to one that brings its answer along, that."""
    if isinstance(error, HTTPException) and isinstance(error.response, Response):
        return error.response
    return answer(problem_of(error))


def problem_of(error: Exception) -> Problem:
    """What a viewer is told of an error."""
    if isinstance(error, Refusal):
        return Problem(status=error.status, code=error.kind, message=error.sentence, field=error.field)
    if isinstance(error, HTTPException):
        return _from_http(error)
    if isinstance(error, NotFoundError):
        return _of_status(404)
    if isinstance(error, NbdashError) and type(error) in TOLD:
        return _told(error)
    return _unexpected(error)


def answer(problem: Problem) -> Response:
    """The problem as JSON for programs, as a page for people."""
    response = _as_json(problem) if wants_json() else _as_page(problem)
    response.status_code = problem.status
    response.headers.update(problem.headers)
    return response


def _from_http(error: HTTPException) -> Problem:
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return _of_status(405, headers={"Allow": allowed})
    status = error.code or 500
    return _of_status(status if status in SENTENCES else 404 if status < 400 else 400)


def _of_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    code, message = SENTENCES[status]
    return Problem(status=status, code=code, message=message, headers=headers or {})


def _told(error: NbdashError) -> Problem:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, BusyError) else {}
    return Problem(status=TOLD[type(error)], code=error.code, message=str(error), field=error.field, headers=headers)


def _unexpected(error: Exception) -> Problem:
    """The reference leads from what the viewer saw to the log, which alone has the error."""
    reference = f"E-{secrets.token_hex(3).upper()}"
    log.error(
        "%s: %s %r failed",
        reference,
        request.method,
        request.path[:200],
        exc_info=error,  # %r: one line
    )
    if isinstance(error, StoreError):
        return _of_status(503, headers={"Retry-After": "10"})
    return Problem(status=500, code="internal", message=BROKEN.format(reference=reference))


def _as_json(problem: Problem) -> Response:
    error = {"code": problem.code, "message": problem.message}
    if problem.field is not None:
        error["field"] = problem.field
    return jsonify(error=error)


def _as_page(problem: Problem) -> Response:
    slug = (request.view_args or {}).get("slug") if problem.status in PRESENT_STATUSES else None
    # Links that climb out of thousands of folders would make a large page of a small request.
    path = request.path if request.path.count("/") <= DEEPEST else "/"
    view = ErrorView(status=problem.status, message=problem.message, path=path, slug=slug)
    try:
        body = current_site().pages.error(view)
    except Exception:  # a template of the operator's own may be broken: the sentence is still told
        log.exception("the error page cannot be rendered")
        return Response(problem.message, mimetype="text/plain")
    return compressed(body.gzipped, "text/html; charset=utf-8")
