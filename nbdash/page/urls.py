"""The one place that builds nbdash's URLs.

A page's URLs are relative to the page itself, so that they work under any prefix a proxy adds.
With an absolute ``root`` (``http://dash.corp:8700/``) the same methods give links to send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Urls:
    """URLs under ``root``: empty or ``../``, once per folder to climb; or absolute, with a final slash."""

    root: str

    @property
    def index(self) -> str:
        """The list of dashboards."""
        return self.root or "./"

    def dashboard(self, slug: str, parameters: Mapping[str, str] | None = None) -> str:
        """A dashboard; ``parameters`` are those that differ from their defaults."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.root}d/{quote(slug, safe='')}{query}"

    def runs(self, slug: str) -> str:
        """A dashboard's history; posting here reruns it."""
        return f"{self.dashboard(slug)}/runs"

    def run(self, slug: str, run_id: str) -> str:
        """The permanent page of one run."""
        return f"{self.runs(slug)}/{quote(run_id, safe='')}"

    def cancel(self, slug: str, run_id: str) -> str:
        """Posting here cancels a run."""
        return f"{self.run(slug, run_id)}/cancel"

    def log(self, slug: str) -> str:
        """The author's log of the last run."""
        return f"{self.dashboard(slug)}/log"

    def settings(self, slug: str) -> str:
        """The author's settings; posting here changes them."""
        return f"{self.dashboard(slug)}/settings"

    def source(self, slug: str) -> str:
        """The notebook as it was published, for its author."""
        return f"{self.dashboard(slug)}/source"

    def figure(self, slug: str, name: str, run_id: str | None = None) -> str:
        """A picture: the latest, or with ``run_id`` the one that run made, which never changes."""
        holder = self.run(slug, run_id) if run_id else self.dashboard(slug)
        return f"{holder}/figures/{quote(name, safe='')}.png"

    def card(self, slug: str, run_id: str, name: str) -> str:
        """The HTML of one card of a run."""
        return f"{self.run(slug, run_id)}/cards/{quote(name, safe='')}"

    def frame(self, slug: str, run_id: str, digest: str) -> str:
        """The document of a sandboxed frame."""
        return f"{self.run(slug, run_id)}/frames/{quote(digest, safe='')}"

    def share(self, secret: str) -> str:
        """A share link."""
        return f"{self.root}s/{quote(secret, safe='')}"

    def api_dashboard(self, slug: str) -> str:
        """A dashboard as JSON."""
        return f"{self.root}api/v1/dashboards/{quote(slug, safe='')}"

    def api_run(self, run_id: str) -> str:
        """A run as JSON; the long poll."""
        return f"{self.root}api/v1/runs/{quote(run_id, safe='')}"

    @property
    def login(self) -> str:
        """Where people with an account say so."""
        return f"{self.root}-/login"

    @property
    def logout(self) -> str:
        """Posting here forgets the account in this browser."""
        return f"{self.root}-/logout"

    def static(self, name: str) -> str:
        """A shipped file."""
        return f"{self.root}-/static/{quote(name)}"


def urls_at(path: str) -> Urls:
    """URLs for the page at ``path``, which is the application's own (``/d/sales``), without any prefix."""
    return Urls("../" * (path.count("/") - 1))
