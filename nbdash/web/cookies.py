"""Cookies, all by the same rules."""

from __future__ import annotations

from flask import Response, request

#: Browsers keep no cookie longer than this.
LONGEST_SECONDS = 400 * 24 * 3600


def cookie_name(name: str) -> str:
    """Under TLS a name that no other host and no plain connection can set."""
    return f"__Host-{name}" if request.is_secure else name


def give_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie for this server alone, which no script reads and no other site's form brings along."""
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=min(seconds, LONGEST_SECONDS),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
