"""``serve``, ``status``, ``stop`` and ``worker``."""

from __future__ import annotations

import ipaddress
import json
import logging
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nbdash.cli.options import data_option
from nbdash.config import load_settings
from nbdash.errors import NbdashError, NotebookError, OptionError


@click.command("serve")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on: 0.0.0.0 for the whole network, 127.0.0.1 unless given.")
@click.option("--port", type=int, help="Port to try first; 8700 unless given.")
@click.option("--base-url", help="Prefix under which a proxy serves nbdash, such as /reports.")
@click.option(
    "--templates",
    type=click.Path(path_type=Path),
    help="Folder whose templates replace the shipped ones of the same name.",
)
@data_option
def serve_command(paths: tuple[Path, ...], data: Path | None, **overrides: Any) -> None:
    """Serve the dashboards; tagged notebooks in PATHS are published, now and whenever they are saved.

    With --host others on the network reach the server, and each dashboard by its share link.

    Example: nbdash serve notebooks/
    """
    from nbdash.service import ServerInfo, serve

    settings = load_settings(data, **overrides)
    settings = replace(settings, host=_address(settings.host))
    for path in paths:
        if not path.exists():
            raise NotebookError(f"There is no {str(path)!r}: name a notebook or a folder with notebooks.")
    resolved = [path.resolve() for path in paths]
    if resolved:
        click.echo(_found(resolved), err=True)

    def announce(info: ServerInfo) -> None:
        click.echo("Serving dashboards; stop with Ctrl-C.", err=True)
        if info.shared_url is not None:
            click.echo(f"On this machine: {info.url}", err=True)
            click.echo("Others open a dashboard by its share link: 'nbdash share NAME' makes one.", err=True)
        click.echo(info.shared_url or info.url)
        sys.stdout.flush()

    serve(settings, resolved, on_ready=announce)


def _address(host: str) -> str:
    """The address that ``host`` means. Raises OptionError unless it is one of this machine's."""
    address = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except (ValueError, OSError):
        raise OptionError(
            f"nbdash cannot listen on {host!r}: give an address of this machine, or 0.0.0.0 for all of them.",
            field="host",
        ) from None
    return address


def _found(paths: Sequence[Path]) -> str:
    """What there is to serve: ``6 notebooks with tags, 1 without``."""
    from nbdash.notebook.reader import read_notebook
    from nbdash.watch import find_notebooks

    counts: Counter[str] = Counter()
    for path in find_notebooks(paths):
        try:
            counts["tagged" if read_notebook(path).is_tagged else "untagged"] += 1
        except NbdashError:
            counts["unreadable"] += 1
    parts = [f"{counts['tagged']} notebook{'s' * (counts['tagged'] != 1)} with tags"]
    if counts["untagged"]:
        parts.append(f"{counts['untagged']} without ('nbdash init NB' proposes some)")
    if counts["unreadable"]:
        parts.append(f"{counts['unreadable']} that cannot be read ('nbdash check NB' tells why)")
    return f"Found {', '.join(parts)}."


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: url, pid, data_dir, dashboards.")
@data_option
def status_command(as_json: bool, data: Path | None) -> None:
    """Tell whether a server runs for the data directory, and where.

    Example: nbdash status --json
    """
    from nbdash.service import find_server
    from nbdash.store import open_store

    settings = load_settings(data)
    info = find_server(settings.data)
    count = len(open_store(settings.data).list_dashboards(limit=100_000)) if settings.database.exists() else 0
    if as_json:
        fields = {"url": info and info.url, "pid": info and info.pid}
        click.echo(json.dumps(fields | {"data_dir": str(settings.data), "dashboards": count}))
    elif info is None:
        click.echo(f"No server runs for {settings.data} ({count} dashboards); start one with 'nbdash serve'.")
    else:
        click.echo(f"{info.url} serves {count} dashboards of {settings.data} (process {info.pid}).")


@click.command("stop")
@data_option
def stop_command(data: Path | None) -> None:
    """Stop the server that runs for the data directory; runs under way go back to the queue.

    Example: nbdash stop
    """
    from nbdash.service import stop_server

    settings = load_settings(data)
    info = stop_server(settings.data)
    click.echo(f"Stopped {info.url}." if info else f"No server runs for {settings.data}.", err=True)


@click.command("worker", hidden=True)
@click.option("--attached", is_flag=True, help="Stop when standard input closes.")
@click.option("--watch", multiple=True, type=click.Path(path_type=Path), help="Folder or notebook to watch.")
@data_option
def worker_command(watch: tuple[Path, ...], attached: bool, data: Path | None) -> None:
    """Perform queued runs until told to stop.

    Example: nbdash worker --data /srv/nbdash
    """
    from nbdash.publisher.publication import Publisher
    from nbdash.store import open_store
    from nbdash.watch import Watcher
    from nbdash.worker import Worker

    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("nbdash").setLevel(logging.INFO)  # of libraries only what goes wrong
    settings = load_settings(data)
    store = open_store(settings.data)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server ends its own worker by closing its input; a signal may come from a cell, again and again.
        signal.signal(number, lambda *_: None if attached else stop.set())
    if attached:
        threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    if watch:
        watcher = Watcher(Publisher(store, settings), watch)
        threading.Thread(target=watcher.serve, args=(stop,), name="nbdash-watch", daemon=True).start()
    Worker(store, settings).serve(stop)
    store.close()


def _stop_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()
