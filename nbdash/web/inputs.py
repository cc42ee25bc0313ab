"""What a request says: values from the query, a form or JSON, counted and bounded before they are used."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import parse_qsl

from flask import request

from nbdash.errors import BusyError, ParameterError
from nbdash.model import Json
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site

MAX_BODY = 64 * 1024
MAX_VALUES = 200
MAX_DEPTH = 32
MAX_INTEGER = 2**53
#: How a page looks and where its visitor came from; never a notebook's parameters.
PRESENTATION = frozenset({"theme", "kiosk", "refresh"})
TRACKING = "utm_"
#: How long a request waits for its turn to be read; bodies that have arrived take no time.
PATIENCE_SECONDS = 1.0
#: How long a body may take that comes little by little.
BODY_SECONDS = 10.0
_LOOPBACK_PEER = re.compile(r"127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+")


def wants_json() -> bool:
    """Whether the answer is for a program."""
    if request.path.startswith("/api/") or request.mimetype == "application/json":
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def is_loopback_peer() -> bool:
    """Whether the other end of the connection is on this machine: perhaps a proxy."""
    return _LOOPBACK_PEER.fullmatch(request.remote_addr or "") is not None


def client_key() -> str | None:
    """Who asks, where clients are counted; behind a proxy on this machine all look the same: None."""
    return None if is_loopback_peer() else request.remote_addr


def query_values() -> dict[str, str]:
    """The notebook's parameters in the query string. Raises ParameterError for one given twice."""
    return _parameters(_pairs(request.query_string))


def body_values() -> dict[str, Json]:
    """The notebook's parameters in the body: ``{"parameters": {…}}``, or the same as form fields.

    Raises Refusal for a body that is neither.
    """
    if request.query_string and query_values():
        raise Refusal(400, "bad_request", "Send parameters in the body of this request, not in its address.")
    refuse_compressed()
    body = _read_body()
    if not body:
        return {}
    if request.mimetype == "application/json":
        return _json_values(body)
    if request.mimetype == "application/x-www-form-urlencoded":
        return dict(_parameters(_pairs(body)))
    raise Refusal(415, "unsupported", "Send parameters as JSON or as a plain form.")


def body_fields() -> dict[str, str]:
    """The fields of a form that is not about parameters. Raises Refusal."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise Refusal(415, "unsupported", "Send a plain form.")
    return dict(_pairs(_read_body()))


def _read_body() -> bytes:
    """The whole body. A client that sends it slowly holds a thread, so only so many may send at a time."""
    length = request.content_length or 0
    if not length:
        return b""
    with current_site().readers.place(client_key(), patience=PATIENCE_SECONDS) as may_read:
        if not may_read:
            raise BusyError("Too many requests are being sent at once: try again.", retry_after=5)
        body = _arriving_body()
    if len(body) < length:
        raise Refusal(400, "bad_request", "This request broke off before its end.")
    return body


def _arriving_body() -> bytes:
    """The body, in ever larger pieces: each read waits for all of its piece, so the time is looked at in between."""
    deadline, size, parts = time.monotonic() + BODY_SECONDS, 1, []
    while part := request.stream.read(size):
        parts.append(part)
        if time.monotonic() > deadline:
            raise Refusal(408, "too_slow", "This request came too slowly: try again.")
        size *= 2
    return b"".join(parts)


def refuse_compressed() -> None:
    """Raises Refusal for a body that would have to be unpacked: its length tells nothing then."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refusal(415, "unsupported", "A compressed body is not accepted.")


def number(name: str, *, default: float, most: float) -> float:
    """A number from the query, at most ``most``. Raises Refusal if it is none or negative."""
    given = dict(_pairs(request.query_string)).get(name)
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise Refusal(400, "bad_request", f"{name!r} is {given[:80]!r}, which is not a number from 0.", name)
    return min(value, most)


def text(name: str) -> str | None:
    """A text from the query."""
    return dict(_pairs(request.query_string)).get(name)


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_VALUES)
    except ValueError:
        raise Refusal(400, "bad_request", "These form fields are too many, or not UTF-8.") from None


def _parameters(pairs: list[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in PRESENTATION or name.startswith(TRACKING):
            continue
        if name in values:
            raise ParameterError(f"Parameter {name[:80]!r} is given twice: give it once.", field=name[:80])
        values[name] = value
    return values


def _json_values(body: bytes) -> dict[str, Json]:
    document = parse_json(body)
    if not isinstance(document, dict) or document.keys() - {"parameters"}:
        raise Refusal(400, "bad_json", 'Send a JSON object like {"parameters": {"year": 2024}}.')
    values = document.get("parameters", {})
    if not isinstance(values, dict) or len(values) > MAX_VALUES:
        raise Refusal(400, "bad_json", "'parameters' must be an object of names and values.", "parameters")
    return values


def parse_json(body: bytes) -> Json:
    """JSON as every parser understands it: no NaN, no name twice, no number or text that others change.

    Raises Refusal.
    """
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_int=_small_integer,
            parse_float=_finite,
        )
        if _is_deeper(document, MAX_DEPTH):
            raise ValueError("nested too deeply")
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no character
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_json", "This body is not JSON that can be accepted.") from None
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is given twice")
    return values


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")


def _small_integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise ValueError("an integer is too large")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def _is_deeper(value: Json, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in inner)
