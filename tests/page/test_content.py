"""From outputs to blocks: which type is shown, what is left out, names, sizes and alt texts."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from nbdash.model import BlockKind, Card, CellKind, Figure, ShownCard, Visibility
from nbdash.page.content import choose_mime, show_card
from nbdash.page.pictures import MAX_BYTES, PictureError, check_picture, read_picture
from nbdash.page.text import plain_text
from tests.page.conftest import display, encoded, png_of, show, stream

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080003000401011100")


def kinds(shown: ShownCard) -> list[str]:
    return [block.kind.value for block in shown.blocks]


def figures(shown: ShownCard) -> list[Figure]:
    return [block.figure for block in shown.blocks if block.figure]


def picture(shade: int = 0, **metadata: Any) -> dict[str, Any]:
    return display({"image/png": encoded(png_of(shade=shade))}, **{"image/png": metadata})


@pytest.mark.parametrize(
    ("types", "chosen"),
    [
        (["text/plain", "text/html"], "text/html"),
        (["text/plain", "image/png"], "image/png"),
        (["image/png", "text/html"], "text/html"),
        (["image/svg+xml", "image/png"], "image/png"),
        (["image/svg+xml", "text/plain"], "image/svg+xml"),
        (["image/png", "image/jpeg"], "image/png"),
        (["text/latex", "text/plain"], "text/plain"),
        (["text/latex", "image/png"], "image/png"),
        (["text/markdown", "text/plain"], "text/markdown"),
        (["application/json", "text/plain"], "application/json"),
        (["application/javascript", "text/plain"], "application/javascript"),
        (["application/vnd.plotly.v1+json", "text/html"], "text/html"),
        (["application/vnd.plotly.v1+json", "image/png"], "image/png"),
        (["application/vnd.vegalite.v5+json", "text/plain"], "application/vnd.vegalite.v5+json"),
        (["application/vnd.jupyter.widget-view+json", "text/plain"], "application/vnd.jupyter.widget-view+json"),
        (["application/x-unknown"], None),
        (["application/x-unknown", "text/plain"], "text/plain"),
        ([], None),
    ],
)
def test_mime_preference(types: list[str], chosen: str | None) -> None:
    assert choose_mime(dict.fromkeys(types, "x")) == chosen


def test_the_repr_of_a_display_object_gives_way_to_its_latex() -> None:
    data = {"text/plain": "<IPython.core.display.Math object>", "text/latex": "$x^2$"}
    assert choose_mime(data) == "text/latex"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"text/html": "<table><tr><td>1</td></tr></table>"}, "html"),
        ({"text/html": "<script>x</script><p>x</p>"}, "frame"),
        ({"application/javascript": "x()"}, "frame"),
        ({"image/svg+xml": "<svg/>"}, "frame"),
        ({"text/markdown": "*x*"}, "html"),
        ({"application/json": {"a": [1]}}, "text"),
        ({"text/plain": ["a\n", "b"]}, "text"),
        ({"application/vnd.jupyter.widget-view+json": {}}, "note"),
        ({"application/vnd.vegalite.v5+json": {}}, "note"),
        ({"image/png": encoded(png_of())}, "figure"),
        ({"image/jpeg": encoded(JPEG)}, "figure"),
        ({"image/png": "not base64!"}, "note"),
        ({"image/png": encoded(b"<script>alert(1)</script>")}, "note"),
    ],
)
def test_kind_of_block(data: dict[str, Any], kind: str) -> None:
    assert kinds(show(display(data))[0]) == [kind]


@pytest.mark.parametrize(
    "output",
    [
        stream("secret\n", "stderr"),
        {"output_type": "error", "ename": "E", "evalue": "secret", "traceback": ["secret"]},
        display({"application/x-unknown": "x"}),
        display({"text/html": "<style scoped>p {}</style>"}),
        display({"text/plain": "  \n"}),
        stream("\x1b[31m\x1b[0m\n"),
    ],
)
def test_nothing_is_shown_of(output: dict[str, Any]) -> None:
    assert show(output) == (ShownCard(card=Card(name="sales", index=0, kind=CellKind.CODE), title=None, blocks=()), {})


def test_bytes_are_kept_as_they_are_under_their_digest() -> None:
    shown, blobs = show(picture())
    assert blobs == {figures(shown)[0].digest: png_of()}
    assert figures(shown)[0].digest == hashlib.sha256(png_of()).hexdigest()


def test_scripted_outputs_in_a_row_share_a_frame() -> None:
    shown, blobs = show(
        display({"text/html": "<script>library()</script><p>x</p>"}),
        display({"application/javascript": "draw('</script>')"}),
        stream("done"),
        display({"text/html": "<canvas></canvas>"}),
    )
    assert kinds(shown) == ["frame", "text", "frame"] and len(blobs) == 2
    document = blobs[shown.blocks[0].digest or ""].decode()
    assert "library()" in document and "draw('<\\/script>')" in document


def test_the_same_picture_is_shown_once() -> None:
    shown, blobs = show(picture(), picture(), picture(shade=9))
    assert [figure.name for figure in figures(shown)] == ["sales", "sales-2"] and len(blobs) == 2


def test_more_figures_than_a_card_shows() -> None:
    shown, _ = show(*(picture(shade=shade) for shade in range(5)), max_figures=2)
    assert kinds(shown) == ["figure", "figure", "note"]
    assert (shown.blocks[-1].text or "").startswith("3 more figures are left out")


def test_a_figure_that_could_not_be_drawn_is_told() -> None:
    shown, _ = show(display({"text/plain": "<Figure size 6.4e+09x4.8e+09 with 1 Axes>"}), stream("after"))
    assert [block.text for block in shown.blocks] == ["A figure is left out: it could not be drawn.", "after"]


def test_figures_of_more_pixels_than_allowed() -> None:
    shown, blobs = show(picture(), max_pixels=4 * 3 - 1)
    assert kinds(shown) == ["note"] and blobs == {}
    assert shown.blocks[0].text == "A figure is left out: it has more than 1.1e-05 million pixels."
    assert kinds(show(picture(), max_pixels=4 * 3)[0]) == ["figure"]


@pytest.mark.parametrize(
    ("metadata", "size"),
    [
        ({}, (40, 30)),
        ({"width": 20, "height": 15}, (20, 15)),
        ({"width": 20}, (20, 15)),
        ({"height": 15}, (20, 15)),
        ({"width": "20", "height": True}, (40, 30)),
        ({"width": -1, "height": 10**9}, (40, 30)),
        ({"width": float("nan")}, (40, 30)),
    ],
)
def test_size_in_css_pixels(metadata: dict[str, Any], size: tuple[int, int]) -> None:
    output = display({"image/png": encoded(png_of(40, 30))}, **{"image/png": metadata})
    figure = figures(show(output)[0])[0]
    assert (figure.width, figure.height) == size


@pytest.mark.parametrize(
    ("metadata", "option", "facts", "alt", "is_generated"),
    [
        ({"alt": "output's"}, "author's", [{"alt": "figure's"}], "output's", False),
        ({}, "author's", [{"alt": "figure's"}], "author's", False),
        ({}, None, [{"alt": "figure's"}], "figure's", True),
        ({}, None, [{"title": "Revenue"}], "Figure: Revenue", True),
        ({}, None, None, "Figure: sales", True),
        ({"alt": 7}, None, "broken", "Figure: sales", True),
    ],
)
def test_alt_text(metadata: Any, option: Any, facts: Any, alt: str, is_generated: bool) -> None:
    figure = figures(show(picture(**metadata), alt=option, figures=facts)[0])[0]
    assert (figure.alt, figure.alt_is_generated) == (alt, is_generated)


@pytest.mark.parametrize(
    ("static", "heading", "facts", "title", "titles"),
    [
        ("Mine", "Head", [{"title": "A"}, {"title": "B"}], "Mine", ["Mine", "B"]),
        (None, "Head", [{"title": "A"}, {"title": None}], "A", ["A", "A (2)"]),
        (None, "Head", None, "Head", ["Head", "Head (2)"]),
        (None, None, None, None, ["sales", "sales (2)"]),
    ],
)
def test_titles(static: Any, heading: Any, facts: Any, title: Any, titles: list[str]) -> None:
    shown, _ = show(picture(), picture(shade=9), title=static, heading=heading, figures=facts)
    assert shown.title == title and [figure.title for figure in figures(shown)] == titles


def test_facts_belong_to_image_outputs_in_order() -> None:
    shown, _ = show(stream("x"), picture(), display({"text/plain": "y"}), picture(9), figures=[{}, {"alt": "second"}])
    assert [figure.alt for figure in figures(shown)] == ["Figure: sales", "second"]


def test_a_markdown_cell_is_rendered_with_its_attachments() -> None:
    card = Card(name="notes", index=0, kind=CellKind.MARKDOWN, heading="Notes")
    png = encoded(png_of())
    cell = {
        "cell_type": "markdown",
        "source": ["# Notes\n", "![x](attachment:a.png)"],
        "metadata": {},
        "attachments": {"a.png": {"image/png": png}},
    }
    shown, blobs = show_card(card, cell)
    assert shown.title is None and blobs == {}
    assert "<h1>Notes</h1>" in (shown.blocks[0].html or "") and png in (shown.blocks[0].html or "")


def test_an_output_that_the_author_hides_is_not_shown() -> None:
    assert show(stream("x"), output=Visibility.ABSENT)[0].blocks == ()


def test_the_source_is_shown_on_request_without_its_options() -> None:
    card = Card(name="sales", index=0, kind=CellKind.CODE, source=Visibility.COLLAPSED)
    cell = {"cell_type": "code", "source": "#| title: T\n#| echo: true\n\nprint('x')", "metadata": {}, "outputs": []}
    shown, _ = show_card(card, cell, failed=True)
    assert [(block.kind, block.text) for block in shown.blocks] == [(BlockKind.SOURCE, "print('x')")]
    assert shown.failed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("\x9b31mred", "red"),
        ("\x1bPq#0;2;0;0;0\x1b\\x", "x"),
        ("a\r\nb", "a\nb"),
        (" 10 %\r 50 %\r100 %\n", "100 %"),
        ("100 %\r", "100 %"),
        ("a\x00\x08\x7fb\tc", "ab\tc"),
        ("file\u202etxt.exe", "filetxt.exe"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("  indented\n", "  indented"),
    ],
)
def test_terminal_text(text: str, shown: str) -> None:
    assert plain_text(text) == shown


def test_long_text_keeps_its_head_and_tail() -> None:
    text = plain_text("a" * 200_000 + "z" * 200_000)
    assert text.startswith("aaa") and text.endswith("zzz") and "300,000 characters left out" in text


def test_standard_output_around_standard_error_is_one_block() -> None:
    shown, _ = show(stream("a\n"), stream("secret\n", "stderr"), stream("b\n"))
    assert [block.text for block in shown.blocks] == ["a\nb"]


def test_jpeg_size() -> None:
    jpeg = check_picture(JPEG)
    assert (jpeg.mime, jpeg.width, jpeg.height) == ("image/jpeg", 4, 3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "damaged"),
        (b"GIF89a", "damaged"),
        (png_of()[:20], "damaged"),
        (png_of(width=0), "damaged"),
        (png_of()[:12] + b"JUNK" + png_of()[16:], "damaged"),
        (b"\xff\xd8\xff\xd9", "damaged"),
        (b"\xff\xd8\xff" + b"\xff" * 40, "damaged"),
        (png_of()[:16] + b"\0\1\0\0" + b"\0\1\0\0" + png_of()[24:], "64 million pixels"),
        (png_of() + b"\0" * MAX_BYTES, "8 MiB"),
    ],
)
def test_a_picture_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(PictureError, match=why):
        check_picture(data)


@pytest.mark.parametrize("text", ["A", "é", "====", "A" * (MAX_BYTES * 2 + 1)])
def test_text_that_is_no_picture(text: str) -> None:
    with pytest.raises(PictureError):
        read_picture(text)
