"""A notebook with outputs as one self-contained HTML file; nothing is executed or kept."""

from __future__ import annotations

from nbdash.model import CellKind, DashboardState, Notebook
from nbdash.notebook.layout import lay_out
from nbdash.page.content import show_card
from nbdash.page.render import Renderer
from nbdash.page.views import DashboardView


def standalone_page(notebook: Notebook, renderer: Renderer) -> str:
    """The page of the outputs that the notebook already has."""
    blobs: dict[str, bytes] = {}
    cards = []
    for card in lay_out(notebook):
        cell = notebook.document["cells"][card.index]
        shown, data = show_card(card, cell)
        blobs |= data
        if shown.blocks or card.kind is not CellKind.CODE:
            cards.append(shown)
    view = DashboardView(
        slug="",
        title=notebook.title,
        state=DashboardState.FRESH,
        cards=tuple(cards),
        figure_bytes=blobs.__getitem__,
        can_rerun=False,
    )
    return renderer.standalone(view)
