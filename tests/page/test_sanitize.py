"""Hostile content: what of a notebook reaches the page is inert."""

from __future__ import annotations

import base64

import pytest

from nbdash.model import BlockKind
from nbdash.page.sanitize import clean_html, needs_frame, render_markdown
from tests.page.conftest import display, encoded, png_of, show
from tests.page.inertness import PAYLOADS, troubles_of


def test_the_inspector_sees_trouble() -> None:
    assert troubles_of("<p onclick=x>") and troubles_of("<script>") and troubles_of("<a href=javascript:x>")
    assert troubles_of("<p class=btn>") and troubles_of("<img src=http://e.example>")
    assert not troubles_of('<p title="x"><a href="https://e.example">y</a></p>')


@pytest.mark.parametrize("payload", PAYLOADS)
def test_html_is_inert(payload: str) -> None:
    assert troubles_of(clean_html(payload)) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_is_inert(payload: str) -> None:
    for source in (payload, f"# {payload}", f"| a |\n|---|\n| {payload} |", f"[x]({payload})", f"![x]({payload})"):
        assert troubles_of(render_markdown(source)) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_an_html_output_is_inert_or_framed(payload: str) -> None:
    shown, blobs = show(display({"text/html": payload}))
    for block in shown.blocks:
        if block.kind is BlockKind.FRAME:
            assert block.html is None and block.digest in blobs
        else:
            assert block.kind is BlockKind.HTML and troubles_of(block.html or "") == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_svg_is_a_picture_in_a_frame(payload: str) -> None:
    svg = f"<svg xmlns='http://www.w3.org/2000/svg'>{payload}</svg>"
    shown, blobs = show(display({"image/svg+xml": svg}), alt=payload)
    (block,) = shown.blocks
    document = blobs[block.digest or ""].decode()
    body = document.partition("<body>")[2].partition("</body>")[0]
    assert body.count("<") == 1 and "<img alt=" in body
    assert base64.b64encode(svg.encode()).decode() in body


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//e.example", "../admin"]
)
def test_markdown_drops_a_link(link: str) -> None:
    assert "<a " not in render_markdown(f"[x]({link})") or "href" not in render_markdown(f"[x]({link})")


@pytest.mark.parametrize("link", ["https://e.example/a?b=1", "http://e.example", "mailto:a@e.example", "#card-x"])
def test_markdown_keeps_a_link_without_opener(link: str) -> None:
    html = render_markdown(f"[x]({link})")
    assert f'href="{link}"' in html and 'rel="noopener noreferrer"' in html


def test_markdown_leaves_formulas_as_written() -> None:
    html = render_markdown("So $a*b*c$ and\n\n$$\\{x_*i*\\}$$\n\ncosts $5 or *$6*.")
    assert "$a*b*c$" in html and "$$\\{x_*i*\\}$$" in html and "<em>$6</em>" in html


def test_markdown_tables_keep_their_alignment_without_styles() -> None:
    html = render_markdown("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<td align="right">2</td>' in html and "style" not in html


def test_an_attached_picture_is_embedded_and_a_damaged_one_is_not() -> None:
    png = f"data:image/png;base64,{encoded(png_of())}"
    assert f'src="{png}"' in render_markdown("![plan](attachment:plan.png)", {"plan.png": png})
    broken = {"plan.png": "data:image/png;base64,AAAA"}
    assert "src" not in render_markdown("![plan](attachment:plan.png)", broken)


def test_pandas_tables_stay_in_the_page() -> None:
    html = (
        "<div>\n<style scoped>.dataframe tbody tr th {vertical-align: top;}</style>"
        '<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>'
        '<th colspan="2" scope="col" class="col_heading level0 col0">a</th></tr></thead></table></div>'
    )
    assert not needs_frame(html)
    cleaned = clean_html(html)
    assert '<table class="dataframe">' in cleaned and "vertical-align" not in cleaned
    assert "<th></th>" not in cleaned and "<td></td>" in cleaned
    assert 'colspan="2"' in cleaned and 'scope="col"' in cleaned and "col_heading level0 col0" in cleaned


@pytest.mark.parametrize(
    "html",
    [
        "<div id=p></div><script>Plotly.newPlot('p')</script>",
        "<style>#T_1 td {color: red}</style><table id=T_1><tr><td>1</td></tr></table>",
        "<svg viewBox='0 0 1 1'></svg>",
        "<video controls src='data:video/mp4;base64,AAAA'></video>",
        "<b style='color: red'>x</b>",
        "<iframe srcdoc='<p>map</p>'></iframe>",
    ],
)
def test_html_that_needs_more_goes_to_a_frame(html: str) -> None:
    assert needs_frame(html)


@pytest.mark.parametrize("html", ["<p>a on b = c</p>", "<p>style = plain</p>", "<table><tr><td>1</td></tr></table>"])
def test_plain_html_needs_no_frame(html: str) -> None:
    assert not needs_frame(html)


def test_routing_takes_linear_time_on_hostile_length() -> None:
    for part in ("<", "<a ", " on", "<style", "<a style=", "$a"):
        text = part * (200_000 // len(part))
        needs_frame(text)
    render_markdown("$a" * 2_000)
