"""nbdash as its users meet it: the command line, and pages over HTTP."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import ProxyHandler, Request, build_opener

from benchmarks.fidelity.pictures import pixels

_SECONDS = 120
_open = build_opener(ProxyHandler({})).open


class NotPublishedError(Exception):
    """``nbdash publish`` refused; the message is its reason."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a dashboard's page shows, and of which run."""

    run: str
    cards: int
    figures: list[str]  #: the pixels of each, in order


class Product:
    """A data directory whose server ``nbdash publish`` starts, and the end of the ``with`` stops."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __enter__(self) -> Product:
        return self

    def __exit__(self, *_: object) -> None:
        done = self._command("stop")
        if done.returncode:
            raise RuntimeError(f"The server was not stopped: {done.stderr}")

    def publish(self, path: Path) -> str:
        """Publish a notebook; the URL of its dashboard.  Raises NotPublishedError."""
        done = self._command("publish", str(path), "--json")
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            reason = reason.partition(" was not published: ")[2].partition("; nothing is published")[0]
            raise NotPublishedError(reason or done.stderr)
        return str(json.loads(done.stdout)["url"])

    def rerun(self, url: str) -> str:
        """What the page's Rerun button does, and the run's end; its id."""
        run, seen = _json(url + "/runs", data=b""), 0
        while run["state"] in ("queued", "running"):
            answer = _json(urljoin(url, f"/api/v1/runs/{run['id']}?png=0&after={seen}&wait=5"))
            run, seen = answer["run"], answer["next"]
        return str(run["id"])

    def page(self, url: str) -> Page:
        """The page as it is now, with every picture loaded."""
        parser = _PageParser()
        parser.feed(_fetch(url).decode())
        figures = [pixels(_picture(urljoin(url, source))) for source in parser.sources]
        if len(figures) != parser.figures:
            raise RuntimeError(f"{url} has {parser.figures} figures and {len(figures)} pictures.")
        return Page(run=parser.run, cards=parser.cards, figures=figures)

    def _command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nbdash", name, *arguments, "--data", str(self._data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)


@dataclass(kw_only=True)
class _PageParser(HTMLParser):
    """Counts cards and figures, and collects the sources of the figures' pictures."""

    run: str = ""
    cards: int = 0
    figures: int = 0
    sources: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One opening tag."""
        attributes = {name: value or "" for name, value in attrs}
        classes = attributes.get("class", "").split()
        if attributes.get("id") == "dashboard":
            self.run = attributes["data-run"]
        self.cards += "nb-card" in classes
        self.figures += "nb-figure" in classes
        if tag == "img" and len(self.sources) < self.figures:
            self.sources.append(attributes["src"])


def _picture(source: str) -> bytes:
    kind, _, content = source.partition(";base64,")
    return base64.b64decode(content) if kind.startswith("data:") else _fetch(source)


def _json(url: str, data: bytes | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_fetch(url, data))
    return answer


def _fetch(url: str, data: bytes | None = None) -> bytes:
    headers = {} if data is None else {"Accept": "application/json"}
    with _open(Request(url, data, headers), timeout=_SECONDS) as answer:
        return bytes(answer.read())
