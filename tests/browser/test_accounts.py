"""Logging in with an organisation's account, against a real OpenID Connect provider."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.conftest import require
from tests.ports import own_port
from tests.served import Served

pytestmark = pytest.mark.browser

NAME = "dash.intranet.example"
PORT, PROVIDER_PORT = own_port(8803), own_port(8804)
ROOT = f"http://{NAME}:{PORT}/"
PLOT = "#| title: Line\n#| alt: A line.\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that finds the intranet's name on this machine, at an address that is not taken for local."""
    if not CHROMIUM.exists():
        require("browser", why=f"there is no {CHROMIUM}")
    with sync_playwright() as driver:
        flags = [*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.2"]
        running = driver.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield running
        running.close()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A provider's address."""
    if shutil.which("npm") is None:
        require("npm", why="there is no npm to install an OpenID Connect provider with")
    folder = tmp_path_factory.mktemp("provider")
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "oidc-provider@8"]
    subprocess.run(install, check=True, capture_output=True)
    shutil.copy(Path(__file__).with_name("provider.mjs"), folder)
    command = ["node", str(folder / "provider.mjs"), str(PROVIDER_PORT), f"{ROOT}-/login/done"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        assert any("ready" in line for line in process.stdout)
        yield f"http://127.0.0.1:{PROVIDER_PORT}"
        process.terminate()


@pytest.fixture(scope="module")
def served(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that knows the provider, with a dashboard for analysts that leads manage."""
    folder = tmp_path_factory.mktemp("notebooks")
    cell = {"cell_type": "code", "id": "c1", "source": PLOT, "outputs": [], "execution_count": None}
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"title": "Sales"},
        "cells": [cell | {"metadata": {"tags": ["dash"]}}],
    }
    (folder / "sales.ipynb").write_text(json.dumps(document))
    server = Served(
        folder,
        tmp_path_factory.mktemp("data") / "nbdash",
        port=PORT,
        host="127.0.0.2",
        public_url=ROOT,
        oidc_issuer=provider,
        oidc_client_id="nbdash",
        oidc_client_secret="a-secret-of-the-test",
    )
    for _ in range(100):
        if '"state": "fresh"' in server.run("list", "--json"):
            break
        time.sleep(0.2)
    server.run("access", "sales", "--viewers", "analysts", "--authors", "leads")
    yield server
    server.stop()


def ask(path: str, **headers: str) -> tuple[int, str, str]:
    """A browser's question without a cookie of its own: status, where it leads, text."""
    connection = http.client.HTTPConnection("127.0.0.2", PORT, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": f"{NAME}:{PORT}", "Accept": "text/html", **headers})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read().decode(errors="replace")
    finally:
        connection.close()


def status_of(page: Page, path: str) -> int:
    """What the logged-in browser is answered."""
    answer = page.goto(f"{ROOT}{path}")
    assert answer is not None
    return answer.status


def log_in(page: Page, name: str) -> None:
    """As the provider's own pages ask for it."""
    page.locator("[name=login]").fill(name)
    page.locator("[name=password]").fill("any")
    page.locator("[type=submit]").click()
    page.locator("[type=submit]").click()  # consent
    page.wait_for_url(f"http://{NAME}:{PORT}/**")


@pytest.mark.parametrize(
    ("name", "looks", "manages"), [("ann", True, False), ("bob", True, True), ("eve", False, False)]
)
def test_groups_decide(served: Served, browser: Browser, name: str, looks: bool, manages: bool) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{ROOT}d/sales")
    log_in(page, name)
    assert page.url == f"{ROOT}d/sales", "back where one was going"
    if not looks:
        expect(page.get_by_text("There is no such page").first).to_be_visible()
    else:
        assert page.locator("h1").inner_text() == "Sales"
    assert status_of(page, "d/sales/log") == (200 if manages else 404)
    page.goto(ROOT)
    assert bool(page.locator('a[href="d/sales"]').count()) is looks
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    assert not [each for each in page.context.cookies() if "account" in each["name"]]


def test_unknown_and_closed_pages_ask_alike(served: Served) -> None:
    for slug in ("sales", "unknown"):
        assert ask(f"/d/{slug}")[:2] == (303, f"../-/login?to={slug}")


@pytest.mark.parametrize("query", ["", "?code=x&state=y", "?error=access_denied&state=z"])
def test_a_login_that_nobody_began_is_one_sentence(served: Served, query: str) -> None:
    status, _, text = ask(f"/-/login/done{query}")
    assert status == 502 and "The login did not come about" in text and "Traceback" not in text


def test_a_forged_or_foreign_session_is_nobodys(served: Served, browser: Browser) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{ROOT}d/sales")
    log_in(page, "ann")
    (cookie,) = [each for each in page.context.cookies() if "account" in each["name"]]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    body, *rest = cookie["value"].split(".")
    forged = ".".join([body[:-2] + ("AA" if body[-2:] != "AA" else "BB"), *rest])
    assert ask("/d/sales", Cookie=f"{cookie['name']}={cookie['value']}")[0] == 200
    for value in (forged, "x", ""):
        assert ask("/d/sales", Cookie=f"{cookie['name']}={value}")[0] == 303
