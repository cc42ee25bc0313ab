"""What is written by hand at the end of a page that is otherwise made of measurements."""

from __future__ import annotations

from pathlib import Path

MARKER = "<!-- Below: written by hand, kept when the page is made anew. -->"


def remarks_of(page: str) -> str:
    """What of a page was written by hand."""
    return page.partition(f"{MARKER}\n")[2]


def remarks_in(path: Path) -> str:
    """The same of a file; empty if there is none yet."""
    return remarks_of(path.read_text(encoding="utf-8")) if path.exists() else ""
