"""Where the cards of a page stand: sections, and each card's columns in a grid of twelve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, groupby, pairwise

from nbdash.model import Block, BlockKind, Card, CellKind, ShownCard
from nbdash.page.views import DashboardView

COLUMNS = 12
#: Columns beside a card with a width in which one without a width can stand.
LEAST_ROOM = 4
#: Broader than this, a figure would be too small to read in half a row.
BROAD_FIGURE = 2.2
BROAD_TABLE = 9
BROAD_TEXT = 88
SHORT_TEXT = 28


class Look(StrEnum):
    """How a card is drawn, from what it holds."""

    PROSE = "prose"  #: Markdown: text on the page itself, in a line length for reading
    VALUE = "value"  #: one short line of text: a number in large type
    BROAD = "broad"  #: needs the whole row
    PLAIN = "plain"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedCard:
    """A card in its place; ``shown`` is None while its first result is awaited."""

    card: Card
    shown: ShownCard | None
    look: Look
    span: int
    title: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Cards under one heading; the title is None where a card or the page itself says it."""

    title: str | None
    cards: tuple[PlacedCard, ...]


def sections_of(view: DashboardView) -> tuple[Section, ...]:
    """The view's cards, finished and pending, in notebook order; cards without output are left out."""
    shown = {card.card.name: card for card in view.cards if card.blocks or card.failed}
    cards = [card.card for card in shown.values()] + list(view.pending)
    cards.sort(key=lambda card: card.index)
    return tuple(
        _section(title, list(group), shown, view.title)
        for title, group in groupby(cards, key=lambda card: card.section)
    )


def look_of(shown: ShownCard | None) -> Look:
    """How a card is drawn."""
    if shown is None:
        return Look.PLAIN
    if shown.card.kind is CellKind.MARKDOWN and not shown.title and shown.card.width is None:
        return Look.PROSE
    content = [block for block in shown.blocks if block.kind is not BlockKind.SOURCE]
    if len(content) == 1 and content[0].kind is BlockKind.TEXT and _is_short(content[0].text or ""):
        return Look.VALUE
    return Look.BROAD if any(_is_broad(block) for block in content) else Look.PLAIN


def spans_of(looks: Sequence[Look], widths: Sequence[int | None]) -> list[int]:
    """Columns per card, in full rows: the author's widths are shares of their row; an odd card without one leads."""
    keys = list(zip(looks, widths, strict=True))
    spans: list[int] = []
    for (look, width), group in groupby(keys):
        count = len(list(group))
        spans += [width] * count if width else _fill(look, count, room=_room_after(spans))
    return [span for row in _rows(spans) for span in _stretched(row)]


def _rows(spans: Sequence[int]) -> Iterator[list[int]]:
    """The rows that a grid of twelve makes of them."""
    row: list[int] = []
    for span in spans:
        if sum(row) + span > COLUMNS:
            yield row
            row = []
        row.append(span)
    if row:
        yield row


def _stretched(row: Sequence[int]) -> Iterator[int]:
    """The row's cards in the same proportions over all columns."""
    ends = [round(COLUMNS * end / sum(row)) for end in accumulate(row)]
    return (end - start for start, end in pairwise([0, *ends]))


def _room_after(spans: Sequence[int]) -> int:
    """Columns that the last row leaves free."""
    rows = list(_rows(spans))
    return COLUMNS - sum(rows[-1]) if rows else 0


def _section(title: str | None, cards: list[Card], shown: dict[str, ShownCard], page_title: str) -> Section:
    found = [shown.get(card.name) for card in cards]
    looks = [look_of(card) for card in found]
    spans = spans_of(looks, [card.width for card in cards])
    is_said = title == page_title or any(_leads_with(card, title) for card in found[:1])
    placed = (
        PlacedCard(card=card, shown=result, look=look, span=span, title=_title(card, result, title))
        for card, result, look, span in zip(cards, found, looks, spans, strict=True)
    )
    return Section(title=None if is_said else title, cards=tuple(placed))


def _title(card: Card, shown: ShownCard | None, section: str | None) -> str | None:
    """The card's title, unless it only repeats the heading right above."""
    title = shown.title if shown else card.title or card.heading
    return None if title == section and not card.title else title


def _fill(look: Look, count: int, *, room: int) -> list[int]:
    """Spans of cards without a width; ``room`` is what the author's widths before them leave of a row."""
    if look in (Look.PROSE, Look.BROAD):
        return [COLUMNS] * count
    if room >= LEAST_ROOM:
        return [room, *_fill(look, count - 1, room=0)]
    if look is Look.VALUE:
        return list(_value_spans(count))
    lead = [COLUMNS] if count % 2 else []
    return lead + [COLUMNS // 2] * (count - len(lead))


def _value_spans(count: int) -> Iterator[int]:
    """Up to four in a row, rows as even as can be."""
    rows = -(-count // 4)
    for row in range(rows):
        cards = count // rows + (row < count % rows)
        yield from [COLUMNS // cards] * cards


def _is_short(text: str) -> bool:
    return "\n" not in text and len(text) <= SHORT_TEXT


def _is_broad(block: Block) -> bool:
    if block.figure:
        return block.figure.width / block.figure.height >= BROAD_FIGURE
    if block.text and block.kind is BlockKind.TEXT:
        return max(map(len, block.text.splitlines())) > BROAD_TEXT
    return bool(block.html) and _table_columns(block.html or "") >= BROAD_TABLE


def _table_columns(html: str) -> int:
    _, _, table = html.partition("<table")
    row, _, _ = table.partition("</tr>")
    return len(re.findall(r"<t[hd]\b", row))


def _leads_with(shown: ShownCard | None, title: str | None) -> bool:
    """Whether a Markdown card begins with the section's own heading."""
    first = next((block.html for block in _blocks(shown) if block.html), "")
    match = re.match(r"\s*<h[1-6]>(.*?)</h[1-6]>", first or "", re.DOTALL)
    return bool(match and title and re.sub(r"<[^>]+>", "", match[1]).strip() == title)


def _blocks(shown: ShownCard | None) -> Iterable[Block]:
    return shown.blocks if shown else ()
