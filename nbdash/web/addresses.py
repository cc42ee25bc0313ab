"""Which addresses exist at all: strict patterns for names in URLs, and the prefix of a proxy.

A pattern must match its whole segment, so ``..``, ``%00`` or ``%0a`` never reaches a view: it is no page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.routing import BaseConverter

from nbdash.errors import OptionError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
#: First segments of nbdash's own: under them a prefix could not be told from a page.
_OWN = ("d", "s", "api", "-")


class SlugConverter(BaseConverter):
    """A dashboard's name."""

    regex = r"[a-z0-9][a-z0-9-]{0,63}"


class RunConverter(BaseConverter):
    """A run's id."""

    regex = r"[0-9a-f]{8,32}"


class NameConverter(BaseConverter):
    """The name of a card or figure."""

    regex = r"[a-z0-9][a-z0-9-]{0,127}"


class DigestConverter(BaseConverter):
    """A SHA-256 in hex."""

    regex = r"[0-9a-f]{64}"


class SecretConverter(BaseConverter):
    """The secret of a share link: 128 bits in base64url."""

    regex = r"[A-Za-z0-9_-]{22}"


class FileConverter(BaseConverter):
    """The name of a shipped file; what exists is decided by a list, never by the file system."""

    regex = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"


CONVERTERS = {
    "slug": SlugConverter,
    "run": RunConverter,
    "name": NameConverter,
    "digest": DigestConverter,
    "secret": SecretConverter,
    "file": FileConverter,
}


def prepare_addresses(app: Flask, base_url: str) -> None:
    """Sets the converters, and answers under ``base_url`` too. Raises OptionError if that cannot work.

    To be called before any route is added.
    """
    app.url_map.converters.update(CONVERTERS)
    app.url_map.merge_slashes = False
    prefix = checked_prefix(base_url)
    if prefix:
        app.wsgi_app = Unprefixed(app.wsgi_app, prefix)  # type: ignore[method-assign]


def checked_prefix(base_url: str) -> str:
    """``base_url`` without its final slash. Raises OptionError unless it is a plain path of its own."""
    prefix = base_url.rstrip("/")
    if not _PREFIX.fullmatch(prefix) or prefix.split("/")[1:2] in ([own] for own in _OWN):
        raise OptionError(
            f"The base URL {base_url[:80]!r} cannot be used: give a path like '/reports', "
            "which does not begin with /d, /s, /api or /-.",
            field="base_url",
        )
    return prefix


class Unprefixed:
    """WSGI middleware: a request under the prefix is the same as one whose proxy has stripped it."""

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Moves the prefix from the path to the script's name."""
        path = environ.get("PATH_INFO", "")
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            environ = environ | {
                "PATH_INFO": path.removeprefix(self._prefix),
                "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + self._prefix,
            }
        return self._app(environ, start_response)
