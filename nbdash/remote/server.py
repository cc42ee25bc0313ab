"""A server elsewhere: what publishing to it takes, over its HTTP API.

The token goes into the header of requests to that server alone; a redirect is told, never followed.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

import nbdash
from nbdash.errors import OptionError, ServerError, ServerUnreachableError
from nbdash.model import EventKind, Json, RunEvent
from nbdash.network import is_loopback

#: Seconds that a server is asked to hold a request for events.
WAIT_SECONDS = 5
_TRIES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who one is on a server."""

    name: str  #: empty: the author of its data directory
    version: str
    upload_bytes: int  #: that one publication may have


@dataclass(frozen=True, kw_only=True, slots=True)
class RemotePublication:
    """What publishing to a server did; ``run`` is None when nothing had changed."""

    slug: str
    title: str
    version: int
    url: str
    link: str  #: to hand to others
    run: str | None


class RemoteServer:
    """One server, asked with one token. A context manager.

    Every method raises ServerUnreachableError if nothing answers, and ServerError for a refusal.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = checked_url(url)
        self._client = httpx.Client(
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "User-Agent": f"nbdash/{nbdash.__version__}",
            },
            timeout=httpx.Timeout(30.0, read=60.0, write=60.0),
        )

    def __enter__(self) -> RemoteServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def whoami(self) -> Identity:
        """Who the token makes one."""
        answer = self._ask("GET", "api/v1/whoami")
        return Identity(
            name=str(answer["name"]), version=str(answer["version"]), upload_bytes=int(answer["upload_bytes"])
        )

    def publish(
        self, name: str, notebook: bytes, files: Mapping[str, Path], options: Mapping[str, Json]
    ) -> RemotePublication:
        """Send a notebook without outputs and its data files (relative path → where it lies)."""
        with contextlib.ExitStack() as stack:
            parts: list[tuple[str, tuple[str, Any]]] = [("notebook", (name, notebook))]
            parts += [("data", (path, stack.enter_context(place.open("rb")))) for path, place in files.items()]
            fields = {"options": json.dumps(dict(options))}
            answer = self._ask("POST", "api/v1/dashboards", data=fields, files=parts)
        return RemotePublication(
            slug=answer["slug"],
            title=answer["title"],
            version=answer["version"],
            url=urljoin(self.url, answer["url"]),
            link=urljoin(self.url, answer["link"]),
            run=answer["run"],
        )

    def run(self, run_id: str) -> Mapping[str, Any]:
        """A run as the API tells its author, without pictures."""
        run: Mapping[str, Any] = self._ask("GET", f"api/v1/runs/{run_id}?png=0")
        return run

    def follow(self, run_id: str, *, while_waiting: Callable[[], None]) -> Iterator[tuple[RunEvent, Mapping[str, Any]]]:
        """A run's events as they come, to its end, each beside the run as it then is."""
        seen = 0
        while True:
            answer = self._ask_again(f"api/v1/runs/{run_id}?png=0&after={seen}&wait={WAIT_SECONDS}")
            for event in answer["events"]:
                yield _event(event), answer["run"]
            seen = answer["next"]
            if not answer["events"]:
                if answer["run"]["finished_at"]:
                    return
                while_waiting()

    def cancel(self, slug: str, run_id: str) -> None:
        """Ask a run to stop."""
        self._ask("POST", f"d/{slug}/runs/{run_id}/cancel")

    def _ask_again(self, path: str) -> Any:
        """As :meth:`_ask`; while a run goes on, a connection may break off or a server restart."""
        for pause in range(1, _TRIES):
            with contextlib.suppress(ServerUnreachableError):
                return self._ask("GET", path)
            time.sleep(pause)
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        try:
            answer = self._client.request(method, urljoin(self.url, path), **body)
        except (httpx.HTTPError, OSError) as error:
            raise ServerUnreachableError(
                f"No server answers at {self.url} ({_reason(error)}): check the address and the network."
            ) from None
        if answer.is_redirect:
            place = urlsplit(answer.headers.get("Location", ""))
            raise ServerError(
                f"{self.url} leads on to {place.scheme or 'another path'}://{place.netloc}: log in there, "
                "since a token is not sent on."
            )
        return self._content(answer)

    def _content(self, answer: httpx.Response) -> Any:
        try:
            document = answer.json()
            if answer.is_success:
                return document
            message = str(document["error"]["message"])
        except (ValueError, KeyError, TypeError):
            raise ServerError(
                f"{self.url} answered {answer.status_code}, but not as nbdash does: check the address."
            ) from None
        raise ServerError(f"{self.url} refused: {message}")


def checked_url(url: str) -> str:
    """A server's address with its final slash. Raises OptionError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise OptionError(f"{url[:200]!r} is no server's address: give one like http://dash.corp:8700.", field="to")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"


def is_open_to_listeners(url: str) -> bool:
    """Whether a token would travel unencrypted over a network."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _event(told: Mapping[str, Any]) -> RunEvent:
    data = {name: value for name, value in told.items() if name not in ("seq", "kind", "at")}
    return RunEvent(seq=told["seq"], kind=EventKind(told["kind"]), at=datetime.fromisoformat(told["at"]), data=data)


def _reason(error: Exception) -> str:
    """Why no answer came, in a few words."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:200]
