"""The same answer to the same question, for as long as nothing has changed.

Many look at one page, or one keeps looking.  What the application answers to a request depends on the request, on
what is kept, and on the time; so the answer to an equal request (every header of it: cookies, tokens, addresses)
is the same until something kept changes, or a moment passes.  Nothing is decided here: who may look has been
decided for that very request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from flask import Flask, request

from nbdash.errors import StoreError
from nbdash.web.site import EXTENSION, Site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: How late an expired link or login may be noticed.
SECONDS = 1.0
MOST_ANSWERS = 512
MOST_BYTES = 64 * 1024**2
_REPEATS = "nbdash.repeats"
#: Differs between the connections of one client.
_PORT = "REMOTE_PORT"
_Question: TypeAlias = frozenset[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes
    endpoint: str
    state: int  #: of what was kept before it was asked for
    until: float  #: by the monotonic clock


def may_repeat() -> None:
    """Says of the answer to the current request that it only tells what is kept."""
    request.environ[_REPEATS] = request.endpoint


class Echo:
    """WSGI middleware around the application."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._site: Site = app.extensions[EXTENSION]
        self._answers: dict[_Question, _Answer] = {}
        self._bytes = 0
        self._state: int | None = None  # when one was kept last
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The answer."""
        if environ["REQUEST_METHOD"] != "GET" or environ.get("CONTENT_LENGTH", "") not in ("", "0"):
            return self._app(environ, start_response)
        try:
            state = self._site.store.state()
        except StoreError:
            return self._app(environ, start_response)
        question = _question_of(environ)
        answer = self._answers.get(question)
        if answer is None or answer.state != state or time.monotonic() > answer.until:
            return self._ask(question, state, environ, start_response)
        self._site.requests.count(answer.endpoint, int(answer.status[:3]))
        start_response(answer.status, list(answer.headers))
        return [answer.body]

    def _ask(
        self, question: _Question, state: int, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """The application's answer, kept if it may be given again."""
        until = time.monotonic() + SECONDS
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def note(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            begun[:] = [(status, list(headers))]
            return start_response(status, headers, *failure)

        parts = self._app(environ, note)
        ((status, headers),) = begun
        endpoint = environ.get(_REPEATS)
        if endpoint is None or status[:3] not in ("200", "304") or any(name == "Set-Cookie" for name, _ in headers):
            return parts
        body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        answer = _Answer(status=status, headers=headers, body=body, endpoint=endpoint, state=state, until=until)
        self._keep(question, answer)
        return [body]

    def _keep(self, question: _Question, answer: _Answer) -> None:
        with self._lock:
            if (old := self._answers.pop(question, None)) is not None:
                self._bytes -= len(old.body)
            is_full = len(self._answers) >= MOST_ANSWERS or self._bytes + len(answer.body) > MOST_BYTES
            if is_full or answer.state != self._state:
                self._answers.clear()
                self._bytes, self._state = 0, answer.state
            if len(answer.body) <= MOST_BYTES:
                self._bytes += len(answer.body)
                self._answers[question] = answer


def _question_of(environ: Mapping[str, Any]) -> _Question:
    """All that the client has said, and where it came from."""
    return frozenset(item for item in environ.items() if type(item[1]) is str and item[0] != _PORT)
