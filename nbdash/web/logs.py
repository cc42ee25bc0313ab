"""The server's log: however much there is to an entry, none can be taken for another."""

from __future__ import annotations

import logging


class OneEntry(logging.Formatter):
    """Begins each entry at the margin and sets the rest of it in, and shows what no line should hold.

    An error's traceback tells the error's own text, in which there may be anything.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The entry."""
        first, *rest = super().format(record).split("\n")
        return "\n".join(_shown(line) for line in (first, *(f"    {line}" for line in rest)))


def _shown(line: str) -> str:
    return "".join(
        each if each.isprintable() or each == "\t" else each.encode("unicode_escape").decode() for each in line
    )


def write_log() -> None:
    """Of nbdash everything, of libraries what goes wrong, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneEntry("%(asctime)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("nbdash").setLevel(logging.INFO)
