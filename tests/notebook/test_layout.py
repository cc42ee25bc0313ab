"""Which cells are cards, under which names, sections and texts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from notebook_cells import Part, code, markdown, notebook_of

from nbdash.model import Card, CellKind, Visibility
from nbdash.notebook import lay_out, slug_of


def cards(*parts: Part, **entries: Any) -> tuple[Card, ...]:
    return lay_out(notebook_of(*parts, **entries))


def test_tagged_cells_are_cards_in_notebook_order() -> None:
    shown = cards(
        "import x",
        ("a", "dash"),
        markdown("text", "dash"),
        markdown("other"),
        ("b", "dash-setup"),
        ("c", "body"),
    )
    assert [(card.index, card.kind) for card in shown] == [
        (1, CellKind.CODE),
        (2, CellKind.MARKDOWN),
        (5, CellKind.CODE),
    ]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (("#| label: fig-A b\n#| title: T\nx", "dash"), "fig-a-b"),
        (("#| title: Umsatz in Köln – Größe\nx", "dash"), "umsatz-in-koln-groe"),
        (("x", "dash"), "by-week"),
        (("#| title: 東京\nx", "dash"), "by-week"),
        (markdown("### Own heading\ntext", "dash"), "own-heading"),
    ],
)
def test_a_name_is_the_label_else_the_title_else_the_heading(cell: Part, name: str) -> None:
    assert cards(markdown("# Sales\n\n## By week"), cell)[0].name == name


def test_without_a_heading_a_name_is_the_cells_number() -> None:
    assert [card.name for card in cards("y", ("x", "dash"), ("x", "dash"))] == ["cell-2", "cell-3"]


def test_injected_parameters_do_not_change_names() -> None:
    before = cards(("a = 1", "parameters"), ("x", "dash"))
    after = cards(("a = 1", "parameters"), ("a = 2", "injected-parameters"), ("x", "dash"))
    assert [card.name for card in before] == [card.name for card in after] == ["cell-2"]


def test_equal_names_are_numbered() -> None:
    twins = cards(*[("#| label: a\nx", "dash")] * 2, ("#| label: a-2\nx", "dash"), ("#| label: a\nx", "dash"))
    assert [card.name for card in twins] == ["a", "a-card-2", "a-2", "a-card-3"]


@pytest.mark.parametrize(
    "text",
    ["../../etc/passwd", "<script>", "a\0b", "a\r\nb", "CON", "x" * 5000, "\u202ecod", "🎉 x", "--a--"],
)
def test_every_name_fits_a_url(text: str) -> None:
    found = cards(("x", "dash") if not text else code("x", metadata={"tags": ["dash"], "nbdash": {"label": text}}))
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", found[0].name)
    assert len(found[0].name) <= 64


def test_slug_is_empty_without_ascii() -> None:
    assert slug_of("東京 –") == ""


def test_sections_are_headings_of_level_1_and_2_but_not_the_title() -> None:
    places = [
        (card.section, card.heading)
        for card in cards(
            ("x", "dash"),
            markdown("# Sales"),
            ("x", "dash"),
            markdown("## North\n\n### Cities"),
            ("x", "dash"),
            markdown("# Other"),
            ("x", "dash"),
            markdown("## Last {.tabset}\n\ntext", "dash"),
            name="sales.ipynb",
        )
    ]
    assert places == [
        (None, None),
        (None, "Sales"),
        ("North", "Cities"),
        ("Other", "Other"),
        ("Last", "Last"),
    ]


def test_options_are_on_the_card() -> None:
    source = "#| title: T\n#| caption: C\n#| alt: A\n#| width: 6\n#| echo: true\nx"
    card = cards((source, "dash", "hide-output"))[0]
    assert (card.title, card.caption, card.alt, card.width) == ("T", "C", "A", 6)
    assert (card.source, card.output) == (Visibility.SHOWN, Visibility.COLLAPSED)


@pytest.mark.parametrize("tag", ["remove-cell", "remove-output"])
def test_a_card_without_source_and_output_is_none(tag: str) -> None:
    assert cards(("x", "dash", tag)) == ()


@pytest.mark.parametrize(
    ("part", "shows"),
    [
        ("df.head()", True),
        ("x = 1", True),
        ("!ls", True),
        ("%%bash\nls", True),
        ("%%writefile a.py\nx = 1", False),
        ("import numpy as np\nfrom a import b", False),
        ("import numpy as np\n%matplotlib inline", False),
        ("def f():\n    return 1", False),
        ("", False),
        ("# a comment", False),
        ("def f(:", True),
        (("a = 1", "parameters"), False),
        (("a = 1", "injected-parameters"), False),
        (("a", "dash-setup"), False),
        (("a", "dash-skip"), False),
        (markdown("text"), True),
        (markdown("# Title\n\n## Section"), False),
        (markdown("  \n"), False),
        ({"cell_type": "raw", "source": "x"}, False),
    ],
)
def test_an_untagged_notebook_shows_what_may_put_out_something(part: Part, shows: bool) -> None:
    assert len(cards(part)) == shows


def test_other_languages_show_every_code_cell() -> None:
    assert len(cards("library(x)", "", metadata={"language_info": {"name": "R"}})) == 1
