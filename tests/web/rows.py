"""What every answer to a bad request must be, whichever row of the table of bad requests it is of."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from werkzeug.test import TestResponse

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
#: Of a traceback, a path, a version.
TOLD_TO_NOBODY = (
    "Traceback",
    "File &quot;",
    'File "',
    "site-packages",
    "/tmp/",
    "Werkzeug",
    "Python/",
    "granian",
    "sqlite",
)


def check_answer(answer: TestResponse) -> None:
    """No server error, the safety headers, and of an error one sentence."""
    assert answer.status_code < 500, answer.text
    check_headers(answer.headers)
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        check_sentence(answer.text, answer.mimetype)


def check_headers(headers: Any) -> None:
    """The headers that every answer carries."""
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"].startswith("private")
    assert "Cookie" in headers["Vary"]


def check_sentence(text: str, mimetype: str) -> None:
    """An error is one sentence, and tells nothing of the server."""
    assert not [part for part in TOLD_TO_NOBODY if part in text]
    sentence = sentence_of(text, mimetype)
    assert re.fullmatch(r"[^\n\x00-\x1f]{10,400}\.", sentence), sentence


def sentence_of(text: str, mimetype: str) -> str:
    """The sentence of an error, from JSON or from its page."""
    if mimetype == "application/json":
        return str(json.loads(text)["error"]["message"])
    found = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert found, text
    return html.unescape(found[1])
