"""The main job in a browser: publish → look → rerun → failure → recovery, with and without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import MakeNotebook
from tests.served import Served

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]

SETUP = "import pathlib, time\nimport matplotlib.pyplot as plt\nimport numpy as np"
NOISE = "#| title: Noise\n#| alt: A random line.\nplt.plot(np.random.rand(20)); plt.show()"
GATE = """#| title: Forecast
#| alt: A straight line.
while pathlib.Path('wait').exists():
    time.sleep(0.02)
if pathlib.Path('fail').exists():
    raise ValueError('the secret is 42')
plt.plot([1, 2]); plt.show()"""


@pytest.fixture
def sales(served: Served, make_notebook: MakeNotebook) -> Served:
    """The served folder with one dashboard, ``sales``, whose second card waits and fails on demand."""
    for flag in ("wait", "fail"):
        (served.folder / flag).unlink(missing_ok=True)
    if not (served.folder / "sales.ipynb").exists():
        path = make_notebook("md:# Sales", SETUP, (NOISE, ["dash"]), (GATE, ["dash"]), name="draft.ipynb")
        path.rename(served.folder / "sales.ipynb")
    return served


def wait_fresh(page: Page, url: str) -> None:
    """Open ``url`` once its dashboard is there and fresh."""
    for _ in range(200):
        answer = page.request.get(url)
        if answer.ok and "nb-chip nb-is-fresh" in answer.text():
            page.goto(url)
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.request.get(url).text())


def source_of(page: Page, card: str) -> str:
    return page.locator(f"#card-{card} img").get_attribute("src") or ""


def test_a_first_run_fills_in_card_by_card(sales: Served, open_page: OpenPage) -> None:
    (sales.folder / "wait").touch()
    path = sales.folder / "first.ipynb"
    path.write_text((sales.folder / "sales.ipynb").read_text())
    page = open_page(sales.url)
    link = page.locator('a[href="d/first"]').first
    for _ in range(400):
        if link.count():
            break
        page.wait_for_timeout(100)
        page.reload()
    page.goto(f"{sales.url}d/first")
    expect(page.locator("#card-noise img")).to_be_visible(timeout=20_000)
    expect(page.locator("#card-forecast .nb-skeleton")).to_be_visible()
    (sales.folder / "wait").unlink()
    expect(page.locator("#card-forecast img")).to_be_visible(timeout=20_000)
    expect(page.locator(".nb-is-fresh")).to_be_visible()


def test_rerun_swaps_each_card_and_everyone_watches(sales: Served, open_page: OpenPage) -> None:
    page = open_page(sales.url)
    wait_fresh(page, f"{sales.url}d/sales")
    other = open_page(f"{sales.url}d/sales")
    before = source_of(page, "noise")
    assert before.startswith("data:image/png;base64,")
    (sales.folder / "wait").touch()
    page.click("#rerun")
    expect(page.locator(".nb-strip-label")).to_have_text(re.compile("3 of 3 · Forecast"), timeout=20_000)
    expect(page.locator(".nb-is-running")).to_be_visible()
    expect(page.locator("#card-noise img")).not_to_have_attribute("src", before)
    expect(page.locator("#card-forecast img")).to_be_visible()  # the old figure stays
    other.reload()
    expect(other.locator(".nb-strip-label")).to_have_text(re.compile("Forecast"))
    (sales.folder / "wait").unlink()
    for each in (page, other):
        expect(each.locator(".nb-is-fresh")).to_be_visible(timeout=20_000)
        expect(each.locator("#progress")).to_be_hidden()
    assert source_of(page, "noise") == source_of(other, "noise")


def test_a_failure_keeps_the_figures_and_says_so_until_it_is_mended(sales: Served, open_page: OpenPage) -> None:
    page = open_page(sales.url)
    wait_fresh(page, f"{sales.url}d/sales")
    forecast = source_of(page, "forecast")
    (sales.folder / "fail").touch()
    page.click("#rerun")
    banner = page.locator(".nb-banner.nb-is-failed")
    expect(banner).to_be_visible(timeout=20_000)
    expect(banner).to_contain_text("Forecast")
    expect(banner).to_contain_text("ValueError")
    expect(banner).to_contain_text(re.compile("R-[0-9A-F]{4,}"))
    assert "secret" not in page.content()
    assert source_of(page, "forecast") == forecast
    (sales.folder / "fail").unlink()
    banner.get_by_role("button", name="Retry").click()
    expect(page.locator(".nb-is-fresh")).to_be_visible(timeout=20_000)
    expect(banner).to_have_count(0)


def test_cancel_stops_the_run_for_everyone(sales: Served, open_page: OpenPage) -> None:
    page = open_page(sales.url)
    wait_fresh(page, f"{sales.url}d/sales")
    (sales.folder / "wait").touch()
    page.click("#rerun")
    expect(page.locator(".nb-strip-label")).to_have_text(re.compile("Forecast"), timeout=20_000)
    page.locator("[data-cancel] button").click()
    expect(page.locator("#progress")).to_be_hidden(timeout=20_000)
    expect(page.locator(".nb-is-fresh")).to_be_visible()


def test_without_script_rerun_is_a_form_and_the_page_refreshes(sales: Served, open_page: OpenPage) -> None:
    page = open_page(sales.url, java_script_enabled=False)
    wait_fresh(page, f"{sales.url}d/sales")
    (sales.folder / "wait").touch()
    page.get_by_role("button", name="Rerun").click()
    page.wait_for_url(f"{sales.url}d/sales")
    expect(page.locator(".nb-is-running")).to_be_visible()
    assert 'http-equiv="refresh"' in page.content()
    (sales.folder / "wait").unlink()
    wait_fresh(page, f"{sales.url}d/sales")
    assert 'http-equiv="refresh"' not in page.content()


def test_saving_the_notebook_reaches_the_open_page(
    sales: Served, open_page: OpenPage, make_notebook: MakeNotebook
) -> None:
    page = open_page(sales.url)
    wait_fresh(page, f"{sales.url}d/sales")
    noise = NOISE.replace("#| title: Noise", "#| title: Noise\n#| caption: Saved again.")
    path: Path = make_notebook("md:# Sales", SETUP, (noise, ["dash"]), (GATE, ["dash"]), name="draft.ipynb")
    path.replace(sales.folder / "sales.ipynb")
    page.wait_for_timeout(500)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as on coming back to the tab
    expect(page.locator("#card-noise figcaption")).to_have_text("Saved again.", timeout=30_000)


def test_keys(sales: Served, open_page: OpenPage) -> None:
    page = open_page(sales.url)
    wait_fresh(page, f"{sales.url}d/sales")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("f")
    expect(page.locator("#viewer-title")).to_have_text("Noise")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-title")).to_have_text("Forecast")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    page.keyboard.press("/")
    page.locator("#finder-text").fill("fore")
    expect(page.locator("#finder-list a")).to_have_text(["Forecast"])
    page.keyboard.press("Escape")
    expect(page.locator("#finder")).to_be_hidden()
    page.keyboard.press("r")
    expect(page.locator("#rerun")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#rerun")).to_have_attribute("aria-disabled", "false", timeout=20_000)


def test_phone_width_scrolls_one_way_only(sales: Served, open_page: OpenPage) -> None:
    page = open_page(sales.url, viewport={"width": 360, "height": 740})
    wait_fresh(page, f"{sales.url}d/sales")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    columns = page.evaluate("getComputedStyle(document.querySelector('.nb-grid')).gridTemplateColumns")
    assert len(columns.split()) == 1


def test_nothing_is_asked_of_another_host(sales: Served, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wait_fresh(page, f"{sales.url}d/sales")
    page.wait_for_load_state("networkidle")
    assert asked and all(url.startswith((sales.url, "data:")) for url in asked)
