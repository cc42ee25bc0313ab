"""A share link in a browser elsewhere: plain http on an intranet name, TLS behind a prefix, no script.

A browser counts as elsewhere when it asks for another name or address than this machine's loopback ones.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.conftest import MakeNotebook, require
from tests.ports import own_port
from tests.served import Served

pytestmark = pytest.mark.browser

NAME = "dash.intranet.example"
PLOT = (
    "#| title: Noise\n#| alt: A random line.\nimport matplotlib.pyplot as plt, numpy as np\nplt.plot(np.random.rand(9))"
)
PROXIES = {"nginx": Path("/usr/sbin/nginx"), "caddy": Path("/usr/bin/caddy")}
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TLS_PORT, PLAIN_PORT, HIDDEN_PORT = own_port(8843), own_port(8795), own_port(8797)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that finds the intranet's names on this machine, and takes the test's own certificate."""
    if not CHROMIUM.exists():
        require("browser", why=f"there is no {CHROMIUM}")
    names = f"--host-resolver-rules=MAP {NAME} 127.0.0.2, MAP dash.example.org 127.0.0.1"
    with sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=[*FLAGS, names, "--ignore-certificate-errors"]
        )
        yield running
        running.close()


def wait_fresh(server: Served, slug: str) -> None:
    for _ in range(100):
        if any(each["slug"] == slug and each["state"] == "fresh" for each in json.loads(server.run("list", "--json"))):
            return
        time.sleep(0.1)
    raise AssertionError(server.log.read_text())


@pytest.fixture
def notebook(make_notebook: MakeNotebook) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        if not (folder / "sales.ipynb").exists():
            make_notebook("md:# Sales", (PLOT, ["dash"]), name="draft.ipynb").rename(folder / "sales.ipynb")

    return put


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on every address of this machine, under an intranet's name."""
    server = Served(
        tmp_path_factory.mktemp("notebooks"),
        tmp_path_factory.mktemp("data") / "nbdash",
        port=PLAIN_PORT,
        host="0.0.0.0",
        trusted_hosts=NAME,
    )
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server behind a proxy as ``docs/examples`` has it: TLS, prefix, one hop."""
    program = PROXIES[request.param]
    if not program.exists():
        require(request.param, why=f"there is no {program}")
    folder = tmp_path_factory.mktemp(request.param)
    server = Served(
        tmp_path_factory.mktemp("notebooks"),
        tmp_path_factory.mktemp("data") / "nbdash",
        port=HIDDEN_PORT,
        public_url=f"https://dash.example.org:{TLS_PORT}/reports",
        base_url="/reports",
        proxy_hops=1,
    )
    certificate, key = folder / "dash.pem", folder / "dash.key"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=dash.example.org"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    configure = {"nginx": nginx_command, "caddy": caddy_command}[request.param]
    with subprocess.Popen(configure(folder, certificate, key), env={**os.environ, "HOME": str(folder)}) as process:
        try:
            wait_listening(TLS_PORT)
            yield server
        finally:
            process.terminate()
    server.stop()


def nginx_command(folder: Path, certificate: Path, key: Path) -> list[str]:
    """nginx with the example's server block."""
    block = changed(
        EXAMPLES / "nginx.conf",
        ("listen 443", f"listen 127.0.0.1:{TLS_PORT}"),
        ("127.0.0.1:8700", f"127.0.0.1:{HIDDEN_PORT}"),
        ("/etc/ssl/dash.pem", str(certificate)),
        ("/etc/ssl/dash.key", str(key)),
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off;\nuser root;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
        f"client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n{block}}}\n"
    )
    return [str(PROXIES["nginx"]), "-c", str(config), "-e", "stderr"]


def caddy_command(folder: Path, certificate: Path, key: Path) -> list[str]:
    """Caddy with the example's site."""
    site = changed(
        EXAMPLES / "Caddyfile",
        ("dash.example.org {", f"dash.example.org:{TLS_PORT} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}"),
        ("127.0.0.1:8700", f"127.0.0.1:{HIDDEN_PORT}"),
    )
    config = folder / "Caddyfile"
    config.write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    return [str(PROXIES["caddy"]), "run", "--adapter", "caddyfile", "--config", str(config)]


def changed(example: Path, *changes: tuple[str, str]) -> str:
    """An example with this machine's own places."""
    text = example.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def wait_listening(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}")


def is_trouble(line: ConsoleMessage) -> bool:
    """An error, but for the remark that one header needs TLS to work."""
    return line.type == "error" and "Cross-Origin-Opener-Policy" not in line.text


def open_shared(browser: Browser, link: str, **options: object) -> tuple[Page, list[str]]:
    """The page behind a share link, in a context of its own, and every failed check of the page's script."""
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if is_trouble(line) else None)
    page.goto(link)
    return page, troubles


def rerun_and_see(page: Page, *, script: bool) -> None:
    """A Rerun shows a new picture; without script, at the next look."""
    picture = page.locator("#card-noise img")
    before = picture.get_attribute("src")
    assert before and before.startswith("data:image/png;base64,")
    page.locator("#rerun").click()
    for _ in range(150):
        page.wait_for_timeout(100)
        if not script:
            page.reload()
        if picture.get_attribute("src") != before:
            return
    raise AssertionError(page.content())


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_over_plain_http_on_an_intranet_name(
    network: Served, notebook: Callable[[Path], None], browser: Browser, script: bool
) -> None:
    notebook(network.folder)
    wait_fresh(network, "sales")
    stranger, _ = open_shared(browser, f"http://{NAME}:{PLAIN_PORT}/d/sales")
    expect(stranger.get_by_text("There is no such page").first).to_be_visible()
    link = re.sub(r"//[^/]+/", f"//{NAME}:{PLAIN_PORT}/", network.run("share", "sales"))
    page, troubles = open_shared(browser, link, java_script_enabled=script)
    assert page.url == f"http://{NAME}:{PLAIN_PORT}/d/sales", "a clean address, without the secret"
    assert page.locator("h1").inner_text() == "Sales"
    rerun_and_see(page, script=script)
    page.goto(f"http://{NAME}:{PLAIN_PORT}/")
    assert page.locator('a[href="d/sales"]').count()
    assert not troubles


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_over_tls_behind_a_prefix(
    proxied: Served, notebook: Callable[[Path], None], browser: Browser, script: bool
) -> None:
    notebook(proxied.folder)
    wait_fresh(proxied, "sales")
    root = f"https://dash.example.org:{TLS_PORT}/reports/"
    stranger, _ = open_shared(browser, f"{root}d/sales")
    expect(stranger.get_by_text("There is no such page").first).to_be_visible()
    link = proxied.run("share", "sales")
    assert link.startswith(f"{root}s/")
    page, troubles = open_shared(browser, link, java_script_enabled=script)
    assert page.url == f"{root}d/sales"
    (cookie,) = page.context.cookies()
    assert cookie["name"].startswith("__Host-") and cookie["secure"] and cookie["httpOnly"]
    rerun_and_see(page, script=script)
    assert not troubles


def test_a_revoked_link_closes_the_open_page(
    network: Served, notebook: Callable[[Path], None], browser: Browser
) -> None:
    notebook(network.folder)
    wait_fresh(network, "sales")
    link = re.sub(r"//[^/]+/", f"//{NAME}:{PLAIN_PORT}/", network.run("share", "sales", "--no-rerun"))
    page, _ = open_shared(browser, link)
    assert page.locator("h1").inner_text() == "Sales"
    assert not page.locator("#rerun").count()
    number = max(int(found) for found in re.findall(r"^ *(\d+)  http", network.run("share", "sales", "--list"), re.M))
    network.run("share", "sales", "--revoke", str(number))
    page.reload()
    expect(page.get_by_text("There is no such page").first).to_be_visible()
