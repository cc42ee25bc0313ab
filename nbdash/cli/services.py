"""``service``: the server as a service of the user's systemd."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nbdash.cli.asking import ask
from nbdash.cli.options import data_option
from nbdash.cli.units import Unit, is_ours, systemctl, unit_path
from nbdash.config import load_settings
from nbdash.errors import NotebookError, NotFoundError, OptionError, StoreError

name_option = click.option("--name", default="nbdash", show_default=True, help="The service's name.")


def _user_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "For the account that you are logged in as; there is no other way yet."
    return click.option("--user", "is_user", is_flag=True, help=text)(function)


@click.group("service")
def service_command() -> None:
    """Have systemd start the server with the machine, and again when it fails.

    Example: nbdash service install --user
    """


@service_command.command("install")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_user_option
@click.option("--print", "only_print", is_flag=True, help="Print the unit on stdout, and write nothing.")
@click.option("--yes", is_flag=True, help="Replace a unit that is not nbdash's without asking.")
@name_option
@data_option
def install_command(
    *, paths: tuple[Path, ...], is_user: bool, only_print: bool, yes: bool, name: str, data: Path | None
) -> None:
    """Write a unit that serves the data directory and the notebooks in PATHS, and start it.

    It runs in this Python; what else is to be set, such as the port, belongs into the data directory's nbdash.toml.

    Example: nbdash service install --user ~/notebooks
    """
    _require(is_user)
    settings = load_settings(data)
    for path in paths:
        if not path.exists():
            raise NotebookError(f"There is no {str(path)!r}: name a notebook or a folder with notebooks.")
    unit = Unit(
        name=name,
        python=sys.executable,
        data=settings.data,
        paths=[path.resolve() for path in paths],
        environment=os.environ,
    )
    file, text = unit_path(name), unit.text()
    _tell_unkept()
    if only_print:
        click.echo(text, nl=False)
        return
    if (
        file.exists()
        and not is_ours(file)
        and not yes
        and not ask(f"{file} is not nbdash's. Replace it?", default=False)
    ):
        return
    _write(file, text)
    click.echo(file)
    _start(name, settings.data)


@service_command.command("remove")
@_user_option
@name_option
def remove_command(is_user: bool, name: str) -> None:
    """Stop the service and remove its unit; the data directory stays.

    Example: nbdash service remove --user
    """
    _require(is_user)
    file = unit_path(name)
    if not file.exists():
        raise NotFoundError(f"There is no service {name!r} ({file} is missing).")
    if not is_ours(file):
        raise OptionError(f"{file} is not nbdash's: remove it by hand.", field="name")
    stopped = systemctl("disable", "--now", f"{name}.service") is not None
    file.unlink()
    systemctl("daemon-reload")
    click.echo(f"Removed {file}.", err=True)
    if not stopped:
        click.echo("systemd does not answer here: 'nbdash stop' stops the server, if it still runs.", err=True)


@service_command.command("status")
@_user_option
@name_option
@data_option
def status_command(is_user: bool, name: str, data: Path | None) -> None:
    """Tell whether the service is installed, what systemd says of it, and whether the server answers.

    Example: nbdash service status --user
    """
    from nbdash.service import find_server, is_healthy

    file = unit_path(name)
    settings = load_settings(data)
    info = find_server(settings.data)
    click.echo(f"unit     {file if file.exists() else 'none: nbdash service install --user'}")
    click.echo(f"systemd  {_state_of(name)}")
    answers = "answers" if info and is_healthy(info) else "does not answer"
    click.echo(f"server   {f'{info.url} (process {info.pid}) {answers}' if info else 'none runs'}")


def _require(is_user: bool) -> None:
    if not sys.platform.startswith("linux"):
        raise OptionError("There is no systemd on this platform: start 'nbdash serve' with what it has for that.")
    if not is_user:
        raise OptionError("Give --user: the service belongs to the account that you are logged in as.", field="user")


def _state_of(name: str) -> str:
    said = systemctl("show", "--property=LoadState,ActiveState,SubState,UnitFileState", f"{name}.service")
    if said is None:
        return "does not answer here"
    facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if facts.get("LoadState") == "not-found":
        return f"knows no service {name!r}"
    return f"{facts.get('ActiveState')} ({facts.get('SubState')}), {facts.get('UnitFileState') or 'not enabled'}"


def _write(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written ({error.strerror}): check its folder.") from error


def _start(name: str, data: Path) -> None:
    """Starts the service, or says what is in the way and how to do it by hand."""
    from nbdash.service import find_server

    by_hand = f"systemctl --user daemon-reload && systemctl --user enable --now {name}"
    if systemctl("daemon-reload") is None:
        click.echo(f"systemd does not answer here; where it does, start the service with: {by_hand}", err=True)
        return
    is_active = systemctl("is-active", f"{name}.service") is not None
    info = find_server(data)
    if info is not None and not is_active:
        systemctl("enable", f"{name}.service")
        hint = f"'nbdash stop' stops it, then 'systemctl --user start {name}' starts the service"
        click.echo(f"A server runs already (process {info.pid}): {hint}.", err=True)
        return
    if systemctl("enable", f"{name}.service") is None or systemctl("restart", f"{name}.service") is None:
        click.echo(f"systemd does not start it: 'systemctl --user status {name}' tells why.", err=True)
        return
    click.echo(f"Started; 'journalctl --user -u {name}' shows its log.", err=True)
    click.echo("So that it starts with the machine, and stays when you log out: loginctl enable-linger", err=True)


def _tell_unkept() -> None:
    """What is set here only: a service does not see it."""
    names = sorted(name for name in os.environ if name.startswith("NBDASH_") and name != "NBDASH_DATA")
    if names:
        click.echo(f"The service does not see {', '.join(names)}: set it in nbdash.toml instead.", err=True)
