"""Who may do what, found out by asking: the tables in docs/security.md.

``python tests/web/roles.py`` writes them there; the test next to this file compares them.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web_site import Server, make_server_at, notebook_text

from nbdash.model import RerunBy
from nbdash.publisher.tokens import make_token

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
HEADING = "## Who may do what"
COMMAND = "python tests/web/roles.py"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE")
NAME = "dash.corp"
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": NAME}
HERE = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"}
#: Lists are answered to everybody; what they tell is what matters.
LISTS = ("/", "/api/v1/dashboards")
INTRODUCTION = f"""
Every address that there is, asked with every method by everybody there is, about a dashboard that is published,
listed and not public. The tables are made by asking (`{COMMAND}`), and a test asks again. 404 is also the
answer for a dashboard that does not exist, with the same body: what one may not see and what is not there look alike.
*200 (nothing)* is a list without the dashboard. A method that no row names is answered 405. People have no accounts
on this server (`oidc_issuer` is not set), so there is no login.

- *elsewhere*: a browser or program on the network with nothing in its hands
- *link*, *looking only*: a browser elsewhere that has opened a share link, or one that does not allow reruns
- *this machine*: a program on the server's machine, without a proxy in between
- *author*: whoever holds the data directory's token; *other author*: whoever holds a token of their own
  (`nbdash token`), for a dashboard that is not theirs. Both send the token with the request. A browser to which it was
  exchanged for a cookie may do the same, but for publishing (401)

No header widens any of this: not `Origin` or `Sec-Fetch-Site` of another site, not a foreign `Host`, not
`Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `X-Original-URL`, `X-Rewrite-URL` or `X-HTTP-Method-Override`
(without a proxy that `proxy_hops` says is there).
"""
KINDS_INTRODUCTION = """
The same for other dashboards: looking (`GET /d/<slug>`) and rerunning (`POST /d/<slug>/runs`).
"""


@dataclass(frozen=True)
class Role:
    """Somebody who asks: what the connection says, and what they hold."""

    environ: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """An answer."""

    status: int
    tells: bool = True  #: a list that names the dashboard; anything else

    def __str__(self) -> str:
        return f"{self.status}" if self.tells or not self.is_allowed else f"{self.status} (nothing)"

    @property
    def is_allowed(self) -> bool:
        return self.status < 400

    def is_wider_than(self, other: Cell) -> bool:
        """Whether more is allowed, or told."""
        return (self.is_allowed, self.is_allowed and self.tells) > (other.is_allowed, other.is_allowed and other.tells)


class World:
    """A server with the author's dashboard ``sales``, another person's ``costs``, and everybody who may ask."""

    def __init__(self, folder: Path) -> None:
        self.server: Server = make_server_at(folder / "data", trusted_hosts=(NAME,), reruns_per_minute=10**6)
        self.server.publish()
        self.server.perform()
        token = make_token(self.server.store, "other")
        self._publish_from_elsewhere("costs", token)
        self.server.perform()
        self.server.publish("draft", listed=False)  # no run of it has succeeded
        self.parts = self._parts()
        # Only a browser says where a request comes from; these come from the page itself.
        page = {"Sec-Fetch-Site": "same-origin"}
        self.roles = {
            "elsewhere": Role(ELSEWHERE, page),
            "link": Role(ELSEWHERE, page | {"Cookie": self._links(may_rerun=True)}),
            "looking only": Role(ELSEWHERE, page | {"Cookie": self._links(may_rerun=False)}),
            "this machine": Role(HERE),
            "author": Role(ELSEWHERE, {"Authorization": f"Bearer {self.server.token}"}),
            "other author": Role(ELSEWHERE, {"Authorization": f"Bearer {token}"}),
        }
        #: The same people by the cookie that their browser got for the token.
        self.browsers = {
            "author": Role(ELSEWHERE, page | {"Cookie": self._cookie(f"/-/author?token={self.server.token}")}),
            "other author": Role(ELSEWHERE, page | {"Cookie": self._cookie(f"/-/author?token={token}")}),
        }

    def close(self) -> None:
        """Closes the store."""
        self.server.store.close()

    def _publish_from_elsewhere(self, slug: str, token: str) -> None:
        answer = self.server.client.post(
            "/api/v1/dashboards",
            data=_upload(slug),
            content_type="multipart/form-data",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 202, answer.text

    def _links(self, *, may_rerun: bool) -> str:
        """The cookies of a browser that has opened a share link of every dashboard."""
        secrets = (self.server.share(slug, may_rerun=may_rerun) for slug in ("sales", "draft", "costs"))
        return "; ".join(self._cookie(f"/s/{secret}") for secret in secrets)

    def _cookie(self, address: str) -> str:
        answer = self.server.client.get(address, environ_overrides=ELSEWHERE)
        assert answer.status_code == 303, address
        return str(answer.headers["Set-Cookie"].split(";")[0])

    @property
    def rules(self) -> list[str]:
        """Every address, as its rule."""
        return sorted({rule.rule for rule in self.server.app.url_map.iter_rules()})

    def _parts(self) -> dict[str, str]:
        """What addresses are made of."""
        run = self.server.current
        blocks = [block for card in self.server.store.cards(run.id) for block in card.blocks]
        digest = next(block.digest for block in blocks if block.digest)
        return {"run_id": run.id, "digest": digest, "name": "card-1", "secret": self.server.share()}

    def address(self, rule: str, slug: str = "sales") -> str:
        """An address of the rule that exists."""
        values = self.parts | {"slug": slug} | ({"name": "app.css"} if "static" in rule else {})
        address = re.sub(r"<\w+:(\w+)>", lambda match: values[match[1]], rule)
        return f"{address}?token={self.server.token}" if rule == "/-/author" else address

    def ask(
        self, role: Role, method: str, rule: str, more: Mapping[str, str] | None = None, *, slug: str = "sales"
    ) -> Cell:
        """What somebody is answered; ``more`` are headers that are added, or take the place of theirs."""
        headers = {**role.headers, **(more or {})}
        environ = {key: value for key, value in role.environ.items() if not (key == "HTTP_HOST" and "Host" in headers)}
        body: dict[str, Any] = {}
        if (method, rule) == ("POST", "/api/v1/dashboards"):
            body = {"data": _upload(), "content_type": "multipart/form-data"}
        elif (method, rule) == ("POST", "/d/<slug:slug>/settings"):
            body = {"data": {"act": "access", "rerun": "viewers"}}
        answer = self.server.client.open(
            self.address(rule, slug), method=method, headers=headers, environ_overrides=environ, **body
        )
        if rule not in LISTS or method not in ("GET", "HEAD") or answer.status_code >= 400:
            return Cell(answer.status_code)
        if method == "GET":
            return Cell(answer.status_code, tells=b"/sales" in answer.data)
        return self.ask(role, "GET", rule, more)  # its body is what HEAD leaves out


def _upload(slug: str | None = None) -> dict[str, Any]:
    notebook = (io.BytesIO(notebook_text("Costs").encode()), "costs.ipynb")
    return {"notebook": notebook, "options": json.dumps({"slug": slug})}


def rows(world: World) -> Iterator[list[str]]:
    """The table's rows; methods that are answered alike share one."""
    for rule in world.rules:
        alike: dict[tuple[str, ...], list[str]] = {}
        for method in METHODS:
            answers = tuple(str(world.ask(role, method, rule)) for role in world.roles.values())
            alike.setdefault(answers, []).append(method)
        for answers, methods in alike.items():
            if set(answers) != {"405"}:
                yield [f"`{_plain(rule)}`", ", ".join(methods), *answers]


def _plain(rule: str) -> str:
    return re.sub(r"<\w+:(\w+)>", r"<\1>", rule)


#: Of dashboards that are not as the first table's: the name, and how they differ from it.
KINDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "public": ("sales", {"public": True}),
    "rerun by its author alone": ("sales", {"rerun_by": RerunBy.AUTHOR}),
    "public, rerun by its author alone": ("sales", {"public": True, "rerun_by": RerunBy.AUTHOR}),
    "the other author's": ("costs", {}),
    "the other author's, rerun by its author alone": ("costs", {"rerun_by": RerunBy.AUTHOR}),
    "not listed, though it is public": ("draft", {"public": True}),
}


def kind_rows(world: World) -> Iterator[list[str]]:
    """The rows about dashboards that are not as the first table's."""
    store = world.server.store
    for kind, (slug, access) in KINDS.items():
        dashboard = store.dashboard(slug)
        store.set_access(dashboard.id, **access)
        for method, rule in (("GET", "/d/<slug:slug>"), ("POST", "/d/<slug:slug>/runs")):
            yield [kind, method, *(str(world.ask(role, method, rule, slug=slug)) for role in world.roles.values())]
        store.set_access(dashboard.id, public=False, rerun_by=RerunBy.VIEWERS)


def section(world: World) -> str:
    """The section of docs/security.md."""
    first = _table(["address", "method", *world.roles], rows(world))
    second = _table(["dashboard", "method", *world.roles], kind_rows(world))
    return f"{HEADING}\n{INTRODUCTION}\n{first}\n{KINDS_INTRODUCTION}\n{second}\n"


def _table(names: list[str], lines: Iterator[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [names, ["---"] * len(names), *lines])


def written_section(page: str) -> str:
    """What docs/security.md says now."""
    found = re.search(rf"^{HEADING}\n.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0].strip() if found else ""


def with_section(page: str, text: str) -> str:
    """The page with the section in place of the one it has, else at its end."""
    if old := written_section(page):
        return page.replace(old, text.strip())
    return f"{page.rstrip() or '# Security'}\n\n{text}"


def main() -> None:
    """Writes the section."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        text = section(world)
        world.close()
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(with_section(page, text), encoding="utf-8")


if __name__ == "__main__":
    main()
