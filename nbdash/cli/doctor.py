"""``doctor``: look over the installation and the data directory."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import click

import nbdash
from nbdash.cli.options import data_option, json_option
from nbdash.config import Settings, load_settings
from nbdash.errors import NbdashError

#: A clock before this moment has not been set: nbdash itself is newer.
_EARLIEST = 1_735_689_600.0
_COLOURS = {"ok": "green", "warn": "yellow", "error": "red"}


class Health(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was found of one thing, and what to do about it."""

    thing: str
    health: Health
    message: str
    fix: str = ""


@click.command("doctor")
@json_option
@data_option
@click.pass_context
def doctor_command(context: click.Context, as_json: bool, data: Path | None) -> None:
    """Look over the installation and the data directory; the exit status is 1 if something is broken.

    Example: nbdash doctor
    """
    reports = list(examine(load_settings(data)))
    if as_json:
        click.echo(json.dumps([asdict(report) for report in reports]))
    else:
        _print_reports(reports)
    if any(report.health is Health.ERROR for report in reports):
        context.exit(1)


def examine(settings: Settings) -> Iterator[Report]:
    """A report on each thing, in order; an examination that fails is itself an error's report."""
    examinations: dict[str, Callable[[Settings], Report]] = {
        "python": _python,
        "kernels": _kernels,
        "engine": _engine,
        "data": _data,
        "sqlite": _sqlite,
        "store": _store,
        "port": _port,
        "server": _server,
        "fonts": _fonts,
        "clock": _clock,
    }
    for thing, examination in examinations.items():
        try:
            yield examination(settings)
        except (NbdashError, OSError, ImportError) as error:
            yield Report(thing=thing, health=Health.ERROR, message=str(error))


def _print_reports(reports: Sequence[Report]) -> None:
    for report in reports:
        health = click.style(f"{report.health:5}", fg=_COLOURS[report.health])
        click.echo(f"{health}  {report.thing:8} {report.message}")
        if report.fix:
            click.echo(f"{'':16}{report.fix}")


# --- the installation ---


def _python(_: Settings) -> Report:
    import IPython

    version = ".".join(map(str, sys.version_info[:3]))
    message = f"nbdash {nbdash.__version__}, Python {version} ({sys.executable}), IPython {IPython.__version__}"
    return Report(thing="python", health=Health.OK, message=message)


def _kernels(_: Settings) -> Report:
    from jupyter_client.kernelspec import KernelSpecManager

    names = sorted(KernelSpecManager().find_kernel_specs())
    if names:
        return Report(thing="kernels", health=Health.OK, message=", ".join(names))
    return Report(
        thing="kernels",
        health=Health.WARN,
        message="no Jupyter kernel is installed",
        fix="Install one with 'pip install ipykernel'; notebooks in Python run without it.",
    )


def _engine(settings: Settings) -> Report:
    from nbdash.engine.choose import make_engine
    from nbdash.engine.interpreters import find_python, python_facts

    engine = make_engine(settings.engine)
    engine.close()
    python = find_python()
    if engine.name == "fork" and not python_facts(python).can_fork:
        return Report(
            thing="engine",
            health=Health.WARN,
            message=f"{python} cannot be forked, so notebooks run in a kernel, which is slower",
            fix="Use Python 3.10 or newer with IPython 8 or newer there.",
        )
    return Report(thing="engine", health=Health.OK, message=f"{engine.name}, notebooks run in {python}")


def _fonts(_: Settings) -> Report:
    from matplotlib import font_manager

    try:
        path = font_manager.findfont(font_manager.FontProperties(family=["sans-serif"]), fallback_to_default=False)
    except ValueError:
        return Report(
            thing="fonts",
            health=Health.WARN,
            message="Matplotlib finds no sans-serif font",
            fix="Install one, such as DejaVu Sans, and remove Matplotlib's font cache.",
        )
    return Report(thing="fonts", health=Health.OK, message=Path(path).name)


def _clock(_: Settings) -> Report:
    if time.time() < _EARLIEST:
        fix = "Set the clock: runs and their ages go by it."
        return Report(thing="clock", health=Health.ERROR, message="the clock is years behind", fix=fix)
    return Report(thing="clock", health=Health.OK, message=time.strftime("%Y-%m-%d %H:%M:%S %Z"))


# --- the data directory ---


def _data(settings: Settings) -> Report:
    if not settings.data.exists():
        parent = next(each for each in settings.data.parents if each.exists())
        if not (parent.is_dir() and os.access(parent, os.W_OK)):
            fix = "Choose another with --data or NBDASH_DATA."
            message = f"{settings.data} cannot be made in {parent}"
            return Report(thing="data", health=Health.ERROR, message=message, fix=fix)
        return Report(thing="data", health=Health.OK, message=f"{settings.data} (not made yet)")
    try:
        with tempfile.TemporaryFile(dir=settings.data):
            pass
    except OSError as error:
        fix = "Make it yours and writable, or choose another with --data or NBDASH_DATA."
        message = f"{settings.data} cannot be written ({error.strerror})"
        return Report(thing="data", health=Health.ERROR, message=message, fix=fix)
    if os.name == "posix" and settings.data.stat().st_mode & 0o022:
        fix = f"Run: chmod 700 {settings.data}"
        message = f"{settings.data} can be written by others"
        return Report(thing="data", health=Health.WARN, message=message, fix=fix)
    return Report(thing="data", health=Health.OK, message=str(settings.data))


def _sqlite(_: Settings) -> Report:
    from nbdash.store.database import choose_journal_mode

    mode = choose_journal_mode(sqlite3.sqlite_version_info)
    why = "" if mode == "wal" else " (its WAL is unsafe before 3.51.3)"
    return Report(thing="sqlite", health=Health.OK, message=f"{sqlite3.sqlite_version}, journal mode {mode}{why}")


def _store(settings: Settings) -> Report:
    if not settings.database.exists():
        return Report(thing="store", health=Health.OK, message="nothing is published yet")
    from nbdash.store import open_store

    with open_store(settings.data) as store:
        damages = store.integrity()
        count = len(store.list_dashboards(limit=100_000))
    if damages:
        more = f" (and {len(damages) - 1} more)" if len(damages) > 1 else ""
        fix = "Publish again what is named, or restore a backup of the data directory."
        return Report(thing="store", health=Health.ERROR, message=damages[0] + more, fix=fix)
    return Report(thing="store", health=Health.OK, message=f"{count} dashboard{'s' * (count != 1)}, undamaged")


# --- the server ---


def _port(settings: Settings) -> Report:
    from nbdash.ports import claimed_port
    from nbdash.service import find_server

    if find_server(settings.data) is not None:
        return Report(thing="port", health=Health.OK, message="in use by this data directory's server")
    with claimed_port(settings.host, settings.port) as port:
        pass
    if port != settings.port:
        message = f"{settings.port} is in use by another program; {port} would be taken"
        return Report(thing="port", health=Health.WARN, message=message)
    return Report(thing="port", health=Health.OK, message=f"{settings.host}:{port} is free")


def _server(settings: Settings) -> Report:
    from nbdash.service import find_server, is_healthy

    info = find_server(settings.data)
    if info is None:
        return Report(thing="server", health=Health.OK, message="none runs; 'nbdash publish' starts one")
    restart = "Run 'nbdash stop'; the next publish or serve starts a new one."
    if not is_healthy(info):
        message = f"{info.url} (process {info.pid}) does not answer"
        return Report(thing="server", health=Health.ERROR, message=message, fix=restart)
    if info.version != nbdash.__version__:
        message = f"{info.url} is nbdash {info.version}, this is {nbdash.__version__}"
        return Report(thing="server", health=Health.WARN, message=message, fix=restart)
    return Report(thing="server", health=Health.OK, message=f"{info.url} (process {info.pid})")
