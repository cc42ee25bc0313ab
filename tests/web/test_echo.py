"""The same answer to the same question: never to another one, nor after a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from web_site import Server
from werkzeug.test import Client, TestResponse

from nbdash.model import RerunBy
from nbdash.publisher.sharing import Sharing
from nbdash.web import echo
from nbdash.web.echo import Echo

HERE = {"REMOTE_ADDR": "127.0.0.1"}
AWAY = {"REMOTE_ADDR": "192.0.2.7"}


class Asked:
    """The application, which counts the questions that come to it."""

    def __init__(self, server: Server) -> None:
        self.extensions = server.app.extensions
        self.count = 0
        self._app = server.app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.count += 1
        return self._app(environ, start_response)


class Visit:
    """Clients of one server with an echo before it."""

    def __init__(self, server: Server) -> None:
        self.asked = Asked(server)
        self._client = Client(Echo(self.asked), use_cookies=False)  # type: ignore[arg-type]

    def get(self, path: str = "/d/sales", method: str = "GET", **environ: Any) -> tuple[TestResponse, bool]:
        """The answer, and whether the application gave it."""
        before = self.asked.count
        environ.setdefault("environ_base", HERE)
        answer = self._client.open(path, method=method, **environ)
        return answer, self.asked.count > before


@pytest.fixture
def visit(server: Server, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """Questions whose answers stay as long as a test takes."""
    monkeypatch.setattr(echo, "SECONDS", 600.0)
    made = Visit(server)
    made.get()  # keeps the page, which is a change
    return made


def parts(answer: TestResponse) -> tuple[str, list[tuple[str, str]], bytes]:
    return answer.status, list(answer.headers), answer.data


@pytest.mark.parametrize("path", ["/", "/d/sales", "/d/sales/runs", "/d/sales?region=south"])
def test_an_equal_question_has_the_equal_answer(visit: Visit, path: str) -> None:
    visit.get(path)
    first = visit.get(path)[0]
    again, is_asked = visit.get(path)
    assert not is_asked and parts(again) == parts(first)
    assert "Set-Cookie" not in again.headers and "X-Content-Type-Options" in again.headers


def test_each_is_counted(visit: Visit, server: Server) -> None:
    before = server.site.requests.counts().get(("routes.dashboard", 200), 0)
    for _ in range(5):
        visit.get()
    assert server.site.requests.counts()["routes.dashboard", 200] == before + 5
    assert visit.asked.count < 5


@pytest.mark.parametrize(
    "difference",
    [
        {"headers": {"Cookie": "a=b"}},
        {"headers": {"Host": "127.0.0.1:8700"}},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"Accept-Encoding": "gzip"}},
        {"headers": {"If-None-Match": '"x"'}},
        {"headers": {"X-Forwarded-For": "192.0.2.1"}},
        {"headers": {"Accept": "application/json"}},
        {"environ_base": AWAY},
        {"query_string": "year=2023"},
        {"method": "HEAD"},
        {"data": b"x"},
        {"path": "/d/other"},
    ],
    ids=str,
)
def test_any_other_question_is_asked(visit: Visit, difference: dict[str, Any]) -> None:
    visit.get()
    assert not visit.get()[1]
    assert visit.get(**difference)[1]


def test_a_stranger_never_gets_a_guests_page(visit: Visit, server: Server) -> None:
    secret = server.share()
    share = visit.get(f"/s/{secret}", environ_base=AWAY)[0]
    cookie = {"Cookie": share.headers["Set-Cookie"].partition(";")[0]}
    for _ in range(3):
        assert visit.get(environ_base=AWAY, headers=cookie)[0].status_code == 200
        assert visit.get(environ_base=AWAY)[0].status_code == 404
    assert not visit.get(environ_base=AWAY, headers=cookie)[1]
    sharing = Sharing(server.store, server.token)
    (link,) = sharing.shares("sales")
    sharing.revoke("sales", link.id)
    assert visit.get(environ_base=AWAY, headers=cookie)[0].status_code == 404


def test_after_any_change_it_is_asked_again(visit: Visit, server: Server) -> None:
    dashboard = server.store.dashboard("sales")
    for change in (
        lambda: server.store.set_access(dashboard.id, public=True),
        lambda: server.store.set_access(dashboard.id, rerun_by=RerunBy.AUTHOR),
        lambda: server.publisher.submit("sales", {}),
        server.perform,
        lambda: server.publisher.remove("sales"),
    ):
        visit.get()
        visit.get()
        assert not visit.get()[1]
        change()
        assert visit.get()[1]
    assert visit.get()[0].status_code == 404


def test_refusals_forms_and_cookies_are_never_repeated(visit: Visit, server: Server) -> None:
    for path in ("/d/unknown", "/-/health", f"/s/{server.share()}", f"/-/author?token={server.token}"):
        for _ in range(3):
            assert visit.get(path)[1], path
    for _ in range(3):
        assert visit.get("/d/sales/runs", method="POST")[1]


def test_it_lasts_a_moment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "SECONDS", 0.0)
    visit = Visit(server)
    for _ in range(3):
        assert visit.get()[1]


def test_what_is_kept_is_bounded(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "MOST_ANSWERS", 4)
    for number in range(10):
        visit.get(headers={"X-A": str(number)})
    assert visit.get(headers={"X-A": "0"})[1]
    assert not visit.get(headers={"X-A": "0"})[1]
    monkeypatch.setattr(echo, "MOST_BYTES", 10)
    assert visit.get(headers={"X-A": "1"})[1] and visit.get(headers={"X-A": "1"})[1]
