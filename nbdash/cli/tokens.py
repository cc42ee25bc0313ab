"""``token``: who may publish to this server from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from nbdash.cli.options import data_option, json_option, opened_store
from nbdash.errors import OptionError


@click.group("token")
def token_command() -> None:
    """Make, list and revoke the tokens of people who publish to this server.

    Example: nbdash token add ann
    """


@token_command.command("add")
@click.argument("name")
@data_option
def add_command(name: str, data: Path | None) -> None:
    """Make a token for the person NAME; it is printed once, on stdout, and cannot be shown again.

    Example: nbdash token add ann
    """
    from nbdash.publisher.tokens import make_token

    if not re.fullmatch(r"[\w.@+-]{1,64}", name):
        raise OptionError(f"{name[:80]!r} is no name: use 1 to 64 letters, digits and any of . @ + - _.", field="name")
    with opened_store(data) as (_, store):
        secret = make_token(store, name)
    click.echo(f"Give it to {name} over a safe way: 'nbdash login URL' asks for it.", err=True)
    click.echo(secret)


@token_command.command("list")
@json_option
@data_option
def list_command(as_json: bool, data: Path | None) -> None:
    """List the tokens there are, with their last use.

    Example: nbdash token list
    """
    with opened_store(data) as (_, store):
        tokens = store.tokens()
    if as_json:
        records = [
            {
                "name": token.name,
                "created_at": token.created_at.isoformat(),
                "used_at": token.used_at and token.used_at.isoformat(),
            }
            for token in tokens
        ]
        click.echo(json.dumps(records))
        return
    if not tokens:
        click.echo("There are no tokens; 'nbdash token add NAME' makes one.", err=True)
    for token in tokens:
        used = f"last used {token.used_at.astimezone():%Y-%m-%d %H:%M}" if token.used_at else "never used"
        click.echo(f"{token.name}  made {token.created_at.astimezone():%Y-%m-%d %H:%M}; {used}")


@token_command.command("revoke")
@click.argument("name")
@data_option
def revoke_command(name: str, data: Path | None) -> None:
    """End the token of NAME; the dashboards that were published with it stay.

    Example: nbdash token revoke ann
    """
    with opened_store(data) as (_, store):
        store.revoke_token(name)
    click.echo(f"The token of {name!r} opens nothing any more.", err=True)
