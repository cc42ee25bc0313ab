"""Who did what to a dashboard, one line each in the server's log."""

from __future__ import annotations

import logging

from flask import request

from nbdash.web.visitor import current_visitor

log = logging.getLogger(__name__)


def record(act: str, slug: str, **facts: object) -> None:
    """One line; every value as its repr, so that none can break the line or look like another."""
    visitor = current_visitor()
    who = "author" if visitor.is_author else visitor.person or (visitor.account and visitor.account.name) or "-"
    told = {"dashboard": slug, "by": who, "from": request.remote_addr, **facts}
    log.info("%s %s", act, " ".join(f"{name}={value!r}" for name, value in told.items()))
