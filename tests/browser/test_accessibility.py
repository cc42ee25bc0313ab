"""No violation that axe-core finds, on the pages that people meet, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.test_main_job import sales, wait_fresh
from tests.served import Served

pytestmark = pytest.mark.browser
__all__ = ["sales"]  # the fixture


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_nothing(sales: Served, open_page: Callable[..., Page], scheme: str, width: int) -> None:
    page = open_page(sales.url, color_scheme=scheme, viewport={"width": width, "height": 900})
    wait_fresh(page, f"{sales.url}d/sales")
    for path in ("", "d/sales", "d/sales/runs"):
        page.goto(sales.url + path)
        assert Axe().run(page).response["violations"] == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_error_page(sales: Served, browser: Browser, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    answer = page.goto(f"{sales.url}d/nothing")
    assert answer is not None and answer.status == 404
    assert Axe().run(page).response["violations"] == []
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_axe_finds_nothing_on_the_authors_pages(
    sales: Served, open_page: Callable[..., Page], scheme: str, width: int
) -> None:
    page = open_page(sales.url, color_scheme=scheme, viewport={"width": width, "height": 900})
    wait_fresh(page, f"{sales.url}d/sales")
    sales.run("share", "sales", "--expires", "7d")
    token = (sales.data / "author.token").read_text()
    page.goto(f"{sales.url}-/author?token={token}&to=sales")
    for path in ("d/sales/settings", "d/sales/log"):
        page.goto(sales.url + path)
        assert Axe().run(page).response["violations"] == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width
