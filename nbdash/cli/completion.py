"""``completion``: names and options at the press of Tab, by click's own scripts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from nbdash.cli.terminal import plain
from nbdash.config import load_settings

SHELLS = ("bash", "zsh", "fish")
#: What the scripts call nbdash with; click derives the same name from the program's.
VARIABLE = "_NBDASH_COMPLETE"
#: Seconds to wait for a database in use: rather no names than a terminal that hangs.
_PATIENCE = 0.2


@click.command("completion")
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL (bash, zsh or fish) completes commands, options and dashboards' names.

    Where the shell looks for it, from its next start on:

    \b
    bash  ~/.local/share/bash-completion/completions/nbdash
    zsh   a file named _nbdash in a folder of $fpath
    fish  ~/.config/fish/completions/nbdash.fish

    Example: nbdash completion fish > ~/.config/fish/completions/nbdash.fish
    """
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(context.find_root().command, {}, "nbdash", VARIABLE).source())


def complete_name(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The dashboards whose names begin with ``incomplete``; none, rather than an error, where there is trouble."""
    try:
        database = load_settings(context.params.get("data")).database
        return [
            CompletionItem(slug, help=" ".join(plain(title).split()))
            for slug, title in _names_in(database)
            if slug.startswith(incomplete)
        ]
    except Exception:  # a person is typing: whatever is wrong, the command itself will say
        return []


def _names_in(database: Path) -> Iterator[tuple[str, str]]:
    """Slugs and titles, read without the store: importing it takes longer than a person at a prompt would wait."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as connection:
        yield from connection.execute("SELECT slug, title FROM dashboards ORDER BY slug")
