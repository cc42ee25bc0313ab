"""A hostile notebook does nothing to its viewers: 186 payloads in every place, in Chromium, beside a canary.

``pytest -m xss`` looks at every payload on every page; the usual run takes a sample where a page holds only one.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError

from nbdash.notebook.text import clean_line
from tests.xss.canary import Canary
from tests.xss.conftest import judge, sample_of
from tests.xss.escapes import CRASHES, ESCAPES, WEB_RTC, escape_html, escapes_for
from tests.xss.hostile import OTHER_TYPES, PLACES, Hostile, Made, bundle, make_hostile
from tests.xss.payloads import Payload, payloads_for
from tests.xss.site import Site
from tests.xss.watching import HARNESS, Watcher

pytestmark = [pytest.mark.browser, pytest.mark.xss, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def places(site: Site) -> Site:
    """The site with a dashboard per place."""
    site.publish_places()
    return site


@pytest.fixture(scope="module")
def escaping(site: Site, canary: Canary) -> Site:
    """The site with a dashboard whose frames try to get out."""
    site.publish(hostile_frames(canary, REFUSED), "escapes")
    return site


#: What a served frame tries and is refused.
REFUSED = [name for name in ESCAPES if name not in CRASHES]


def hostile_frames(canary: Canary, names: Sequence[str]) -> Hostile:
    """A notebook whose outputs try to get out of their frames."""
    place = lambda escape: Made(outputs=[bundle({"text/html": escape.text})])  # noqa: E731
    return make_hostile("escapes", place, escapes_for(canary.root, names))


#: Frames on one page of the control.
TOGETHER = 24


# --- the control: what happens without protection ---


@contextlib.contextmanager
def unprotected(bodies: Mapping[str, str]) -> Iterator[str]:
    """A server that takes the texts for HTML, and lists them as frames on its first page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, first = self.path[1:].partition("?")
            names = list(bodies)[int(first or 0) :][:TOGETHER]
            frames = "".join(f'<iframe src="/{name}"></iframe>' for name in names)
            page = "<!doctype html><meta charset=utf-8>" + bodies.get(path, frames)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode("utf-8", "replace"))

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def acts_unprotected(browser: Browser, canary: Canary, bodies: Mapping[str, str]) -> set[str]:
    """The names of the texts that ran script, asked the canary or read something on such a page."""
    context, acted = browser.new_context(), set[str]()
    context.add_init_script(HARNESS)
    context.set_default_navigation_timeout(10_000)
    context.on("console", lambda line: acted.update(re.findall(r'^xss .*"id":"?([\w-]+)', line.text)))
    context.on("dialog", lambda dialog: dialog.dismiss())
    with unprotected(bodies) as root:
        for first in range(0, len(bodies), TOGETHER):
            page = context.new_page()
            with contextlib.suppress(PlaywrightError):  # some lead away before the page is there
                page.goto(f"{root}/?{first}")
            page.wait_for_timeout(500)
            page.close()
    context.close()
    asked = (re.match(r"[A-Z]+ /(?:escape/)?([\w-]+)", each) for each in canary.seen)
    return (acted | {match[1] for match in asked if match}) & set(bodies)


def test_most_payloads_work_on_a_page_without_protection(browser: Browser, is_full: bool) -> None:
    with Canary() as canary:
        bodies = {str(each.id): each.text for each in payloads_for(canary.root)[:: 1 if is_full else 3]}
        acted = acts_unprotected(browser, canary, bodies)
    assert len(acted) > len(bodies) / 2, sorted(bodies.keys() - acted, key=int)


def test_many_escapes_work_in_a_frame_without_protection(browser: Browser, is_full: bool) -> None:
    with Canary() as canary:
        names = [name for name in ESCAPES if not re.search("top|parent|back|rerun|alert", name)][:: 1 if is_full else 2]
        acted = acts_unprotected(browser, canary, {name: escape_html(name, canary.root) for name in names})
    assert len(acted) > len(names) / 3, sorted(set(names) - acted)


# --- pages that hold every payload ---


@pytest.mark.parametrize("place", [*PLACES, "types"])
def test_served(places: Site, watcher: Watcher, is_full: bool, place: str) -> None:
    count = len(OTHER_TYPES if place == "types" else places.payloads_in(place))
    run = places.run_of(place)
    paths = {"dashboard": f"/d/{place}", "run": f"/d/{place}/runs/{run.id}", "API": f"/api/v1/dashboards/{place}"}
    for page, path in paths.items():
        if is_full or page == "dashboard" or place in ("texts", "markdown-cells"):
            judge(watcher.look(places.url + path), f"{page}, {place}", count)


@pytest.mark.parametrize("place", PLACES)
def test_exported(site: Site, watcher: Watcher, place: str) -> None:
    path = site.export(make_hostile(place, PLACES[place], site.payloads_in(place)), place)
    judge(watcher.look(path.as_uri(), connects=True), f"export, {place}", len(site.payloads_in(place)))


def test_titles_are_printed_literally(places: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{places.url}/d/texts")
    expected = [clean_line(each.text.replace("\0", "\ufffd"), 200) for each in places.payloads]
    expected = [clean_line(each.text.replace("\0", "\ufffd"), 200) for each in places.payloads]
    assert page.locator(".nb-card-title").all_text_contents() == expected
    page.close()


def test_swapped_in_while_a_run_goes_on(places: Site, watcher: Watcher, is_full: bool) -> None:
    def let_go(page: Page) -> None:
        page.locator("#progress:not([hidden])").wait_for()
        gate.set()
        page.locator("#announcer", has_text="The run has finished").wait_for(state="attached", timeout=600_000)

    for place in ("markdown", "json", "html-scripted", *(("texts", "html") if is_full else ())):
        with places.rerunning(place) as gate:
            watched = watcher.look(f"{places.url}/d/{place}", waits=let_go)
        judge(watched, f"live, {place}", len(places.payloads_in(place)))


def test_links_of_a_swapped_card_lead_where_they_did(site: Site, context: BrowserContext) -> None:
    links = ["https://x.invalid/a?b=c#d", "HTTPS://x.invalid/", "mailto:a@x.invalid", "#d"]
    text = Payload(0, " ".join(f"[x]({link})" for link in links))
    hostile = make_hostile("links", PLACES["markdown"], [text, Payload(1, "7")])
    site.publish(hostile, "links")
    page = context.new_page()
    with site.rerunning("links", mark=list(hostile.script)[-1]):
        page.goto(f"{site.url}/d/links")
        swapped = page.locator(f".nb-card[data-run='{site.run_of('links').id}'] a")
        swapped.first.wait_for()
        found = swapped.evaluate_all("all => all.map((each) => each.getAttribute('href'))")
    page.close()
    assert found == links


def test_parameters(site: Site, watcher: Watcher, is_full: bool) -> None:
    values = sample_of(site.payloads, is_full)
    site.publish_parameters(values)
    count = len(site.payloads)
    judge(watcher.look(f"{site.url}/d/parameters"), "dashboard, parameters", count)
    judge(watcher.look(f"{site.url}/d/parameters/runs"), "history, parameters", len(values))
    pages = [f"{site.url}/d/parameters?{urlencode({'text': each.text})}" for each in values]
    judge(watcher.look(*pages), "dashboard, a viewer's value", len(pages))


# --- pages that hold one payload ---


def test_names_and_errors(site: Site, watcher: Watcher, is_full: bool) -> None:
    run = sample_of(site.payloads, is_full)
    site.publish_named(run, runs=True)
    named = site.payloads[:: 1 if is_full else 3]
    site.publish_named([each for each in named if each not in run], runs=False)
    judge(watcher.look(f"{site.url}/"), "index, titles", len(named))
    for page in ("", "/runs", "/log", "/settings", "/runs/RUN"):
        paths = [f"/d/named-{each.id}{page}".replace("RUN", site.run_of(f"named-{each.id}").id) for each in run]
        judge(watcher.look(*(site.url + path for path in paths)), f"named{page}, title and error", len(paths))


def test_hints(site: Site, watcher: Watcher) -> None:
    site.leave_hints()
    judge(watcher.look(f"{site.url}/"), "index, files that are no notebooks", 3 * len(site.payloads))


def test_error_pages(site: Site, watcher: Watcher, is_full: bool) -> None:
    if not site.server.store.find_dashboard("parameters"):
        site.publish_parameters([])
    for payload in sample_of(site.payloads, is_full):
        queries = urlencode({payload.text: 1}), urlencode({"number": payload.text})
        path = quote(payload.text.replace("/", ""), safe="")
        pages = [*(f"{site.url}/d/parameters?{query}" for query in queries), f"{site.url}/{path}"]
        judge(watcher.look(*pages), "error page, parameters and address", len(pages))


@pytest.mark.parametrize("place", ["texts", "sources", "markdown-cells", "html", "json"])
def test_single_cards(places: Site, watcher: Watcher, is_full: bool, place: str) -> None:
    run = places.run_of(place)
    names = [each.card.name for each in sample_of(places.server.store.cards(run.id), is_full)]
    pages = [f"{places.url}/d/{place}/runs/{run.id}/cards/{name}" for name in names]
    judge(watcher.look(*pages), f"card, {place}", len(pages))


@pytest.mark.parametrize("place", ["html", "html-scripted", "svg", "javascript"])
def test_frames_opened_by_themselves(places: Site, watcher: Watcher, is_full: bool, place: str) -> None:
    pages = [places.url + path for path in sample_of(list(places.frames_of(place)), is_full)]
    judge(watcher.look(*pages), f"frame alone, {place}", len(pages))


def test_pictures_opened_by_themselves(places: Site, watcher: Watcher, is_full: bool) -> None:
    run = places.run_of("figures")
    names = [each.card.name for each in sample_of(places.server.store.cards(run.id), is_full)]
    pages = [f"{places.url}/d/figures/runs/{run.id}/figures/{name}.png" for name in names]
    judge(watcher.look(*pages), "picture alone", len(pages))


# --- script in frames, which runs by design ---


@pytest.mark.parametrize("page", ["dashboard", "run"])
def test_frames_reach_nothing(escaping: Site, watcher: Watcher, page: str) -> None:
    run = escaping.run_of("escapes")
    watched = watcher.look(f"{escaping.url}/d/escapes" + (f"/runs/{run.id}" if page == "run" else ""))
    judge(watched, f"{page}, escapes", len(REFUSED))
    assert {each["id"] for each in watched.ran} >= {f"escape {name}" for name in REFUSED}


def test_exported_frames_reach_nothing(site: Site, canary: Canary, watcher: Watcher) -> None:
    names = [name for name in REFUSED if name not in WEB_RTC]
    path = site.export(hostile_frames(canary, names), "escapes")
    judge(watcher.look(path.as_uri(), connects=True), "export, escapes", len(names))


@pytest.mark.parametrize("name", CRASHES)
def test_a_page_ends_rather_than_let_a_frame_out(
    site: Site, canary: Canary, context: BrowserContext, name: str
) -> None:
    site.publish(hostile_frames(canary, [name]), name)
    page = context.new_page()
    with contextlib.suppress(PlaywrightError):  # it may have crashed
        page.goto(f"{site.url}/d/{name}")
        page.wait_for_timeout(1500)
    page.close()
    assert canary.seen == []


def test_script_does_not_run_in_a_frame_opened_by_itself(escaping: Site, watcher: Watcher, is_full: bool) -> None:
    pages = [escaping.url + path for path in sample_of(list(escaping.frames_of("escapes")), is_full)]
    judge(watcher.look(*pages), "frame alone, escapes", len(pages))
