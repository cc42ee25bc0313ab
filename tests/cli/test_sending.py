"""Publishing to a server elsewhere through the command line: login, data files, owners, refusals."""

from __future__ import annotations

import http.server
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbdash.errors import OptionError
from nbdash.remote.logins import Logins
from nbdash.remote.targets import find_files, find_target
from tests.cli.conftest import Invoke
from tests.conftest import MakeNotebook
from tests.ports import own_port
from tests.served import Served

READ = (
    "#| title: Costs\nimport matplotlib.pyplot as plt\nplt.plot([float(x) for x in open('data/costs.csv')]); plt.show()"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with nobody's notebooks yet. Asked under 127.0.0.2, it is elsewhere."""
    running = Served(
        tmp_path_factory.mktemp("notebooks"),
        tmp_path_factory.mktemp("data") / "nbdash",
        port=own_port(8760),
        host="127.0.0.2",
    )
    yield running
    running.stop()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own for the tokens."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("NBDASH_TOKEN", raising=False)
    return tmp_path / "config" / "nbdash" / "servers.json"


@pytest.fixture
def notebook(make_notebook: MakeNotebook) -> Path:
    path = make_notebook((READ, ["dash"]), name="work/costs.ipynb")
    (path.parent / "data").mkdir()
    (path.parent / "data" / "costs.csv").write_text("1\n2\n3\n")
    return path


def log_in(invoke: Invoke, server: Served, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = server.run("token", "add", name)
    monkeypatch.setattr("sys.stdin.readline", lambda: f"{token}\n", raising=False)
    answer = invoke("login", server.url)
    assert answer.status == 0 and f"as {name!r}" in answer.err, answer.err
    assert token not in answer.err + answer.out


def test_a_notebook_with_its_data_goes_there_and_back_again(
    server: Served, invoke: Invoke, config: Path, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(invoke, server, "ann", monkeypatch)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    first = invoke("publish", "--to", server.url, notebook, "--with", "data")
    assert first.status == 0, first.err
    assert "[1/1] Costs" in first.err and "×" in first.err, "progress comes back with the figure's size"
    target = find_target(notebook)
    assert target is not None and (target.slug, target.data) == ("costs", ("data",))
    remembered = (notebook.parent / ".nbdash.toml").read_text()
    token = json.loads(config.read_text())[server.url]
    assert token not in remembered
    again = invoke("publish", notebook)
    assert again.status == 0 and "unchanged" in again.err, again.err
    (notebook.parent / "data" / "costs.csv").write_text("3\n2\n1\n")
    changed = invoke("publish", notebook, "--json")
    assert json.loads(changed.out)["version"] == 2

    (notebook.parent / "data" / "costs.csv").write_text("none\n")
    failed = invoke("publish", notebook)
    assert failed.status == 1 and "could not convert string to float" in failed.err, failed.err
    assert "Traceback" not in failed.err and "viewers see what they saw before" in failed.err

    log_in(invoke, server, "bob", monkeypatch)
    taken = invoke("publish", notebook)
    assert taken.status == 3 and "somebody else's" in taken.err
    server.run("token", "revoke", "bob")
    out = invoke("publish", notebook)
    assert out.status == 3 and "does not know this token" in out.err
    assert invoke("logout", server.url).status == 0
    assert "nbdash login" in invoke("publish", notebook).err


def test_what_is_wrong_is_told_before_anything_is_sent(
    server: Served, invoke: Invoke, config: Path, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke("publish", "--to", server.url, notebook).status == 2, "no token"
    monkeypatch.setenv("NBDASH_TOKEN", "wrong")
    assert invoke("publish", "--to", server.url, notebook).status == 3
    assert invoke("publish", "--to", "ftp://x", notebook).status == 2
    assert invoke("publish", "--with", "data", notebook).status == 2
    unreachable = invoke("publish", "--to", "http://127.0.0.2:9", notebook)
    assert unreachable.status == 4 and "No server answers" in unreachable.err
    assert find_target(notebook) is None
    elsewhere = invoke("publish", "--to", f"{server.url}d/", notebook)
    assert elsewhere.status == 3 and len(elsewhere.err.strip().splitlines()) <= 2


@pytest.fixture
def redirecting() -> Iterator[tuple[str, list[str]]]:
    """A server that leads on to another host, and the tokens that came along there."""
    tokens: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Host"].startswith("127.0.0.3"):
                tokens.append(self.headers.get("Authorization", ""))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.3:{self.server.server_address[1]}/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.2:{listening.server_address[1]}", tokens
        listening.shutdown()


def test_a_token_is_never_sent_on(
    redirecting: tuple[str, list[str]], invoke: Invoke, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, tokens = redirecting
    monkeypatch.setenv("NBDASH_TOKEN", "secret")
    answer = invoke("publish", "--to", url, notebook)
    assert answer.status == 3 and "a token is not sent on" in answer.err
    assert tokens == []


def test_a_page_that_is_not_nbdashs_is_told(invoke: Invoke, notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500)
            self.end_headers()
            self.wfile.write(b"<html><pre>Traceback (most recent call last)</pre>")

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("NBDASH_TOKEN", "secret")
    with http.server.ThreadingHTTPServer(("127.0.0.2", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        answer = invoke("publish", "--to", f"http://127.0.0.2:{listening.server_address[1]}", notebook)
        listening.shutdown()
    assert answer.status == 3 and "answered 500, but not as nbdash does" in answer.err
    assert "Traceback" not in answer.err


def test_a_file_of_tokens_that_others_may_read_is_closed(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = Logins()
    logins.keep("http://127.0.0.2:8700", "secret")
    config.chmod(0o644)
    assert logins.is_exposed
    logins.protect()
    assert not logins.is_exposed
    config.write_text("{")
    with pytest.raises(OptionError, match=r"servers\.json cannot be read"):
        logins.token("http://127.0.0.2:8700")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "nothing.csv", "link", ""])
def test_only_files_beside_the_notebook_travel(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OptionError, match="no data file"):
        find_files(folder, [name])


def test_files_folders_and_patterns_are_found(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "data/c.csv", "data/deep/d.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert sorted(find_files(tmp_path, ["*.csv", "data"])) == ["a.csv", "b.csv", "data/c.csv", "data/deep/d.csv"]
