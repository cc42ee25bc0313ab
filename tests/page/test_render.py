"""Whole pages: everything escaped, every URL relative, nothing secret, within budget."""

from __future__ import annotations

import gzip
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest

from nbdash.model import Card, CellKind, DashboardState, RunState, ShownCard
from nbdash.page.arrangement import Look, spans_of
from nbdash.page.render import Renderer
from nbdash.page.urls import Urls, urls_at
from nbdash.page.views import (
    CardView,
    DashboardTile,
    DashboardView,
    ErrorView,
    HistoryView,
    IndexView,
    LogCell,
    LogView,
    NotebookHint,
    ParameterChip,
    Thumbnail,
)
from nbdash.resources import data_dir
from tests.page.conftest import (
    NOON,
    MakeView,
    display,
    encoded,
    failed_run,
    png_of,
    run_of,
    running_run,
    show,
    stream,
)

TEMPLATES = data_dir("templates")
EVIL = "</title><script>alert(1)</script>\"'><b onclick=x>{{7*7}}"
FORBIDDEN = {"style"}


class Elements(HTMLParser):
    """The start tags of a document, for asking."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.all if name == tag]

    def urls(self) -> list[str]:
        names = ("href", "src", "action")
        return [value for _, attributes in self.all for name in names if (value := attributes.get(name))]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


def evil_card() -> tuple[ShownCard, dict[str, bytes]]:
    png = display({"image/png": encoded(png_of())}, **{"image/png": {"alt": EVIL}})
    return show(png, stream(EVIL), title=EVIL, caption=EVIL, section=EVIL)


def evil_dashboard(make_view: MakeView) -> DashboardView:
    return make_view(
        evil_card(),
        title=EVIL,
        active=running_run(),
        failed=failed_run(),
        parameters=(ParameterChip(name=EVIL, value=EVIL, is_default=False),),
        pending=(Card(name="next", index=9, kind=CellKind.CODE, title=EVIL),),
    )


def every_page(renderer: Renderer, view: DashboardView) -> dict[str, str]:
    tile = DashboardTile(
        slug="sales",
        title=EVIL,
        state=DashboardState.STALE,
        data_at=NOON,
        thumbnail=Thumbnail(name="sales", alt=EVIL, width=4, height=3),
    )
    run = failed_run(parameters={EVIL: EVIL})
    cell = LogCell(number=1, title=EVIL, text=EVIL, seconds=1.5)
    hints = (NotebookHint(name=EVIL, hint=EVIL),)
    return {
        "/": renderer.index(IndexView(dashboards=(tile,), hints=hints, next="sales")),
        "/d/sales": renderer.dashboard(view),
        "/d/sales/runs": renderer.history(HistoryView(slug="sales", title=EVIL, runs=(run, run_of()))),
        "/d/sales/log": renderer.log(LogView(slug="sales", title=EVIL, run=run, cells=(cell,))),
        "/nowhere/at/all": renderer.error(ErrorView(status=404, message=EVIL, path="/nowhere/at/all")),
    }


def test_every_field_is_escaped(renderer: Renderer, make_view: MakeView) -> None:
    view = evil_dashboard(make_view)
    pages = every_page(renderer, view)
    pages["standalone"] = renderer.standalone(view)
    pages["card"] = renderer.card(
        CardView(slug="sales", run_id="r1", card=view.cards[0], figure_bytes=view.figure_bytes)
    )
    for path, html in pages.items():
        elements = Elements(html)
        assert "{{7*7}}" in html, path
        assert not [name for _, attributes in elements.all for name in attributes if name.startswith("on")], path
        assert all("src" in script for script in elements.of("script")), path
        assert not elements.of("b"), path


def test_served_pages_have_no_inline_style_and_only_scripts_of_their_own(
    renderer: Renderer, make_view: MakeView
) -> None:
    for path, html in every_page(renderer, evil_dashboard(make_view)).items():
        elements = Elements(html)
        assert not elements.of("style"), path
        assert not any(FORBIDDEN & attributes.keys() for _, attributes in elements.all), path
        assert all("-/static/" in (script["src"] or "") for script in elements.of("script")), path


def test_every_url_is_relative_and_stays_under_a_prefix(renderer: Renderer, make_view: MakeView) -> None:
    for path, html in every_page(renderer, evil_dashboard(make_view)).items():
        for url in Elements(html).urls():
            if url.startswith("data:"):
                continue
            assert not re.match(r"[a-z]+:|/", url), (path, url)
            assert urljoin(f"http://host/pre/fix{path}", url).startswith("http://host/pre/fix/"), (path, url)


def test_urls_lead_to_the_same_place_from_every_page() -> None:
    for path in ("/", "/d/sales", "/d/sales/runs", "/d/sales/runs/r1", "/d/sales/runs/r1/cards/x"):
        urls = urls_at(path)
        there = [urls.index, urls.dashboard("a"), urls.figure("a", "f", "r"), urls.static("app.css")]
        expected = ["/p/", "/p/d/a", "/p/d/a/runs/r/figures/f.png", "/p/-/static/app.css"]
        assert [urljoin(f"/p{path}", url) for url in there] == expected, path


def test_urls_quote_their_parts() -> None:
    urls = Urls("http://host/")
    assert urls.run("a", "../x?#") == "http://host/d/a/runs/..%2Fx%3F%23"
    assert urls.dashboard("a", {"region": "north & south"}) == "http://host/d/a?region=north+%26+south"


def test_a_viewer_never_gets_the_message_or_the_traceback(renderer: Renderer, make_view: MakeView) -> None:
    pages = every_page(renderer, evil_dashboard(make_view))
    assert "hunter2" in pages.pop("/d/sales/log")
    for html in pages.values():
        assert "hunter2" not in html and "secret.py" not in html
    assert "R-7F3A" in pages["/d/sales"] and "ValueError" in pages["/d/sales"]


def test_failure_keeps_the_cards_under_one_banner(renderer: Renderer, make_view: MakeView) -> None:
    html = renderer.dashboard(make_view(failed=failed_run(), state=DashboardState.FAILED))
    assert html.count("nb-banner nb-is-failed") == 1 and "“Forecast” failed" in html
    assert 'action="../d/sales/runs"' in html and encoded(png_of()) in html


def test_without_script_a_running_page_reloads_itself(renderer: Renderer, make_view: MakeView) -> None:
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in renderer.dashboard(make_view(active=running_run()))
    assert refresh not in renderer.dashboard(make_view())
    assert refresh not in renderer.dashboard(make_view(active=running_run(), pinned=True))


def test_progress_and_cancel(renderer: Renderer, make_view: MakeView) -> None:
    html = renderer.dashboard(make_view(active=running_run(), state=DashboardState.RUNNING))
    assert "2 of 3 · Forecast" in html and "usually 20 s" in html
    assert 'action="../d/sales/runs/r3/cancel"' in html


def test_times_are_absolute_with_their_zone(renderer: Renderer, make_view: MakeView) -> None:
    html = renderer.dashboard(make_view())
    assert 'datetime="2026-11-25T12:00:05+00:00"' in html and "25 Nov 2026, 12:00 UTC" in html
    assert 'title="2026-11-25 12:00:05 UTC"' in html


def test_pictures_have_size_and_alt_text(renderer: Renderer, make_view: MakeView) -> None:
    images = [image for image in Elements(renderer.dashboard(make_view())).of("img") if image.get("src")]
    assert [(image["width"], image["height"], image["alt"]) for image in images] == [("4", "3", "Figure: Revenue")]


def test_beyond_the_budget_figures_are_linked_and_lazy(renderer: Renderer, make_view: MakeView) -> None:
    outputs = [display({"image/png": encoded(png_of(shade=shade))}) for shade in range(3)]
    view = make_view(show(*outputs), page_bytes=len(png_of()) + 10)
    images = [image for image in Elements(renderer.dashboard(view)).of("img") if image.get("src")]
    assert [(image["src"] or "")[:22] for image in images[:1]] == ["data:image/png;base64,"]
    assert [image["src"] for image in images[1:]] == [
        "../d/sales/runs/r1/figures/sales-2.png",
        "../d/sales/runs/r1/figures/sales-3.png",
    ]
    assert [image.get("loading") for image in images] == [None, "lazy", "lazy"]


def test_a_first_run_shows_what_is_there_and_what_is_awaited(renderer: Renderer, make_view: MakeView) -> None:
    pending = (Card(name="next", index=5, kind=CellKind.CODE, title="Forecast"),)
    html = renderer.dashboard(make_view(pending=pending, active=running_run(), data_at=None))
    assert html.index('id="card-sales"') < html.index('id="card-next"')
    assert html.count("nb-skeleton") == 1


def test_a_card_without_output_is_left_out(renderer: Renderer, make_view: MakeView) -> None:
    html = renderer.dashboard(make_view(show(stream(""))))
    assert "card-sales" not in html and "Nothing to show yet" in html


def test_a_run_page_is_of_that_run(renderer: Renderer, make_view: MakeView) -> None:
    html = renderer.dashboard(make_view(pinned=True))
    assert "This is one run" in html and 'href="../../../d/sales"' in html
    assert "data-rerun" not in html and "live.js" not in html


def test_scripted_html_stands_in_a_sandbox_without_origin(renderer: Renderer, make_view: MakeView) -> None:
    card = show(display({"text/html": "<script>x()</script><p>x</p>"}))
    digest = card[0].blocks[0].digest
    view = make_view(card)
    for html in (renderer.dashboard(view), renderer.standalone(view)):
        (frame,) = Elements(html).of("iframe")
        assert frame["sandbox"] == "allow-scripts"
    assert Elements(renderer.dashboard(view)).of("iframe")[0]["src"] == f"../d/sales/runs/r1/frames/{digest}"


def test_a_file_that_stands_alone_refers_to_nothing(renderer: Renderer, make_view: MakeView) -> None:
    html = renderer.standalone(make_view(slug="", run=None, can_rerun=False))
    elements = Elements(html)
    assert all(url.startswith(("data:", "#")) for url in elements.urls())
    assert not elements.of("script") and not elements.of("link") and not elements.of("form")
    assert not re.search(r"@import|url\((?![\"']?(?:data:|#))", html)


def test_a_file_that_stands_alone_runs_no_script_but_in_frames(renderer: Renderer, make_view: MakeView) -> None:
    scripted = show(display({"text/html": "<script>x()</script><p>x</p>"}))
    for view, may_run in ((make_view(), False), (make_view(scripted), True)):
        policy = Elements(renderer.standalone(view)).of("meta")[1]
        assert policy["http-equiv"] == "Content-Security-Policy"
        assert policy["content"].startswith("default-src 'none'; ")
        assert ("script-src" in policy["content"]) is may_run


def test_a_folder_of_templates_comes_first(tmp_path: Path, make_view: MakeView) -> None:
    (tmp_path / "error.html").write_text("<p>Ours: {{ view.message }}</p>")
    own = Renderer(tmp_path)
    assert own.error(ErrorView(status=404, message="<x>")) == "<p>Ours: &lt;x&gt;</p>"
    assert "Revenue" in own.dashboard(make_view())
    assert own.fingerprint != Renderer().fingerprint == Renderer().fingerprint


def test_only_cleaned_html_is_trusted() -> None:
    text = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html")}
    assert not [name for name, html in text.items() if re.search(r"\|\s*safe\b|autoescape|Markup", html)]
    assert [name for name, html in text.items() if "| cleaned" in html] == ["_card.html"]
    assert re.findall(r"\{\{ ([^}]*) \| cleaned", text["_card.html"]) == ["block.html"]


def test_style_sheets_and_scripts_weigh_at_most_50_kb() -> None:
    files = [path for path in (TEMPLATES / "static").iterdir() if path.suffix in (".css", ".js")]
    assert sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in files) <= 50_000


def test_static_files_load_nothing_from_elsewhere() -> None:
    for path in (TEMPLATES / "static").glob("*.[cj]s*"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = re.findall(r"https?://[^\s\"'`)]+", text)
        assert {url for url in found if "www.w3.org" not in url} == set(), path.name


@pytest.mark.parametrize(
    ("looks", "widths", "spans"),
    [
        ("p", [None], [12]),
        ("pp", [None, None], [6, 6]),
        ("ppp", [None] * 3, [12, 6, 6]),
        ("pbp", [None] * 3, [12, 12, 12]),
        ("vvv", [None] * 3, [4, 4, 4]),
        ("vvvvv", [None] * 5, [4, 4, 4, 6, 6]),
        ("v", [None], [12]),
        ("pp", [8, 4], [8, 4]),
        ("p", [6], [12]),
        ("pbp", [6, None, 6], [12, 12, 12]),
        ("pp", [4, 4], [6, 6]),
        ("pp", [6, 3], [8, 4]),
        ("ppp", [8, 6, 6], [12, 6, 6]),
        ("ppp", [5, 4, 2], [5, 5, 2]),
        ("ppppppp", [1] * 7, [2, 1, 2, 2, 2, 1, 2]),
        ("pp", [8, None], [8, 4]),
        ("pppp", [6, None, None, None], [6, 6, 6, 6]),
        ("pv", [3, None], [3, 9]),
        ("pp", [10, None], [12, 12]),
        ("pm", [6, None], [12, 12]),
        ("mpp", [None] * 3, [12, 6, 6]),
        ("", [], []),
    ],
)
def test_rows_are_full(looks: str, widths: list[int | None], spans: list[int]) -> None:
    names = {"p": Look.PLAIN, "b": Look.BROAD, "v": Look.VALUE, "m": Look.PROSE}
    assert spans_of([names[look] for look in looks], widths) == spans


def test_no_row_has_a_hole_whatever_the_widths() -> None:
    chance = random.Random(0)
    for _ in range(2000):
        count = chance.randrange(1, 9)
        looks = chance.choices(list(Look), k=count)
        filled = 0
        for span in spans_of(looks, chance.choices([None, *range(1, 13)], k=count)):
            assert span >= 1 and filled + span <= 12
            filled = (filled + span) % 12
        assert filled == 0


def test_a_heading_is_said_once(renderer: Renderer, make_view: MakeView) -> None:
    png = display({"image/png": encoded(png_of())})
    html = renderer.dashboard(make_view(show(png, heading="Trend", section="Trend")))
    assert len(re.findall(r"<h\d[^>]*>Trend</h\d>", html)) == 1


@pytest.mark.parametrize("state", [*DashboardState, *RunState])
def test_a_state_is_a_word_and_an_icon(renderer: Renderer, make_view: MakeView, state: DashboardState) -> None:
    html = renderer.dashboard(make_view(state=state))
    chip = re.search(r'<span class="nb-chip nb-is-\w+">(.*?)</span>', html, re.DOTALL)
    assert chip and "<svg" in chip[1] and re.sub(r"<[^>]+>", "", chip[1]).strip().lower() == state.value


def test_the_index_says_what_to_do_when_empty(renderer: Renderer) -> None:
    assert "nbdash publish" in renderer.index(IndexView(dashboards=()))
