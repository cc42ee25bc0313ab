"""``serve``, ``status``, ``stop`` and ``worker``."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from nbdash.cli.options import data_option
from nbdash.config import load_settings
from nbdash.errors import NotebookError


@click.command("serve")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--host", help="Address to listen on; 127.0.0.1 unless given.")
@click.option("--port", type=int, help="Port to try first; 8700 unless given.")
@click.option("--base-url", help="Prefix under which a proxy serves nbdash, such as /reports.")
@click.option(
    "--templates", type=click.Path(path_type=Path), help="Folder whose templates replace the shipped."
)
@data_option
def serve_command(paths: tuple[Path, ...], data: Path | None, **overrides: Any) -> None:
    """Serve the dashboards; notebooks in PATHS are published when they are saved.

    Example: nbdash serve notebooks/
    """
    from nbdash.service import ServerInfo, serve

    for path in paths:
        if not path.exists():
            raise NotebookError(f"There is no {str(path)!r}: name a notebook or a folder with notebooks.")

    def announce(info: ServerInfo) -> None:
        click.echo("Serving dashboards; stop with Ctrl-C.", err=True)
        click.echo(info.url)

    serve(load_settings(data, **overrides), [path.resolve() for path in paths], on_ready=announce)


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

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settings = load_settings(data)
    store = open_store(settings.data)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
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
