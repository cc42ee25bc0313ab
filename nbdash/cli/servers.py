"""``login`` and ``logout``: the token for a server elsewhere."""

from __future__ import annotations

import sys

import click

from nbdash.errors import OptionError


@click.command("login")
@click.argument("url")
def login_command(url: str) -> None:
    """Keep the token for publishing to the server at URL; it is asked for, or read from standard input.

    Example: nbdash login https://dash.example.org
    """
    from nbdash.remote.logins import Logins
    from nbdash.remote.server import RemoteServer, checked_url, is_open_to_listeners

    url = checked_url(url)
    if is_open_to_listeners(url):
        click.echo(f"{url} is not encrypted: whoever listens on the network can read the token.", err=True)
    token = click.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise OptionError("No token was given: its author makes one with 'nbdash token add NAME'.", field="token")
    with RemoteServer(url, token.strip()) as server:
        identity = server.whoami()
    Logins().keep(url, token.strip())
    who = repr(identity.name) if identity.name else "its author"
    click.echo(f"Logged in to {url} as {who}; 'nbdash publish --to {url} NB' publishes there.", err=True)


@click.command("logout")
@click.argument("url")
def logout_command(url: str) -> None:
    """Forget the token of the server at URL; 'nbdash token revoke' there makes it worthless.

    Example: nbdash logout https://dash.example.org
    """
    from nbdash.remote.logins import Logins
    from nbdash.remote.server import checked_url

    known = Logins().forget(url)
    click.echo(f"Forgot the token of {checked_url(url)}." if known else f"No token is kept for {url}.", err=True)
