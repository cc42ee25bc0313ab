"""Options that several commands share, and what they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbdash.config import Settings, load_settings

if TYPE_CHECKING:
    from nbdash.store import Store

#: As :class:`nbdash.model.Selection` and the engines have them; written out so that ``--help`` is quick.
SELECTIONS = ("needed", "all", "tagged")
ENGINES = ("fork", "kernel")
RERUN_BY = ("viewers", "author")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data directory; NBDASH_DATA or the user's data directory unless given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    help="What executes cells; the platform's default unless given.",
)
python_option = click.option("--python", metavar="PATH", help="Interpreter to run in; the notebook's own unless given.")
parameter_option = click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter; numbers, True, False and None are read as such.",
)


def cells_option(default: str | None, text: str = "Which cells run.") -> Callable[[Any], Any]:
    """``--cells`` with the command's own default."""
    return click.option("--cells", type=click.Choice(SELECTIONS), default=default, show_default=True, help=text)


@contextmanager
def opened_store(data: Path | None) -> Iterator[tuple[Settings, Store]]:
    """The settings and the store of a data directory."""
    from nbdash.store import open_store

    settings = load_settings(data)
    with open_store(settings.data) as store:
        yield settings, store
