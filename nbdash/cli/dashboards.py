"""One dashboard: ``open``, ``rerun``, ``log``, ``rollback`` and ``remove``.

What a command works with is imported when it runs: a shell that completes a name imports this module, and a
person waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nbdash.cli.asking import ask
from nbdash.cli.completion import complete_name
from nbdash.cli.options import data_option, opened_store, parameter_option
from nbdash.cli.terminal import coloured
from nbdash.errors import NotFoundError, RunFailedError
from nbdash.model import Dashboard, RunState
from nbdash.page.urls import Urls
from nbdash.page.views import LogCell, LogView

if TYPE_CHECKING:
    from nbdash.store import Store

name_argument = click.argument("name", shell_complete=complete_name)


def find_named(store: Store, name: str) -> Dashboard:
    """The dashboard of that name, or of the notebook at that path. Raises NotFoundError with the nearest."""
    import difflib

    dashboard = store.find_dashboard(name)
    if dashboard is not None:
        return dashboard
    known = store.list_dashboards(limit=100_000, include_unlisted=True)
    path = str(Path(name).resolve())
    for each in known:
        if each.source_path == path:
            return each
    near = difflib.get_close_matches(name, [each.slug for each in known], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "'nbdash list' shows those there are."
    raise NotFoundError(f"There is no dashboard {name!r}: {hint}")


@click.command("open")
@name_argument
@click.option("--to", metavar="URL", help="Server elsewhere that the dashboard is on; 'nbdash login' knows the token.")
@data_option
def open_command(name: str, to: str | None, data: Path | None) -> None:
    """Open a dashboard in the browser as its author; starts a server if none runs.

    NAME is the dashboard's name in its URL, or the path of its notebook.

    Example: nbdash open sales
    """
    if to is not None:
        from nbdash.remote.logins import Logins
        from nbdash.remote.server import checked_url

        _show_in_browser(checked_url(to), name, Logins().token(to))
        return
    from nbdash.service import ensure_server
    from nbdash.store.token import author_token

    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
    if not dashboard.listed:
        raise NotFoundError(
            f"{dashboard.slug!r} is not published, so it has no page yet: 'nbdash log {dashboard.slug}' tells why."
        )
    _show_in_browser(ensure_server(settings).url, dashboard.slug, author_token(settings.data))


def _show_in_browser(root: str, slug: str, token: str) -> None:
    """The dashboard, with the author's cookie; its address goes to stdout."""
    import webbrowser
    from urllib.parse import urlencode

    if not webbrowser.open(f"{root}-/author?{urlencode({'token': token, 'to': slug})}"):
        click.echo("No browser could be started here; open this address in one:", err=True)
    click.echo(Urls(root).dashboard(slug))


@click.command("rerun")
@name_argument
@parameter_option
@click.option("--no-wait", is_flag=True, help="Queue the run and return.")
@data_option
def rerun_command(name: str, parameters: Sequence[tuple[str, str]], no_wait: bool, data: Path | None) -> None:
    """Run a dashboard again, or join the equal run that is on, and follow it; starts a server if none runs.

    NAME is the dashboard's name in its URL, or the path of its notebook.

    Example: nbdash rerun sales -p region north
    """
    from nbdash.cli.progress import show_run
    from nbdash.publisher.following import cancelling, failure_of
    from nbdash.publisher.publication import Publisher
    from nbdash.service import ensure_server

    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
        publisher = Publisher(store, settings)
        run = publisher.submit(dashboard.slug, dict(parameters))  # what does not fit starts no server
        with cancelling(publisher, run):
            server = ensure_server(settings)
            if no_wait:
                click.echo(f"Run {run.id[:4]} of {dashboard.title!r} is {run.state}.", err=True)
            else:
                run = show_run(publisher, run)
    if run.state.is_final and run.state is not RunState.SUCCEEDED:
        why = failure_of(run).rstrip(".")
        raise RunFailedError(f"{dashboard.slug!r} failed: {why}. Read on with 'nbdash log {dashboard.slug}'.")
    given = {key: str(value) for key, value in run.parameters.items()}
    click.echo(Urls(server.url).dashboard(dashboard.slug, given))


@click.command("rollback")
@name_argument
@data_option
def rollback_command(name: str, data: Path | None) -> None:
    """Show the version before the present one again, with the figures it had.

    NAME is the dashboard's name in its URL, or the path of its notebook.

    Example: nbdash rollback sales
    """
    from nbdash.publisher.publication import Publisher

    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
        version = Publisher(store, settings).rollback(dashboard.slug)
    click.echo(f'{dashboard.slug!r} shows version {version.number}, "{version.title}", again.', err=True)


@click.command("remove")
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def remove_command(name: str, yes: bool, data: Path | None) -> None:
    """Take a dashboard down, with its versions and runs, after asking; the notebook stays.

    NAME is the dashboard's name in its URL, or the path of its notebook.

    Example: nbdash remove sales --yes
    """
    from nbdash.publisher.publication import Publisher

    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
        question = f"Remove {dashboard.slug!r} ({dashboard.title}) with all its runs?"
        if yes or ask(question, default=False):
            Publisher(store, settings).remove(dashboard.slug)
            click.echo(f"Removed {dashboard.slug!r}; {dashboard.source_path} stays as it is.", err=True)
        else:
            click.echo("Nothing was changed.", err=True)


# --- log ---


@click.command("log")
@name_argument
@data_option
def log_command(name: str, data: Path | None) -> None:
    """Show a dashboard's last run to its author: cells, what they printed, the traceback, the cause.

    NAME is the dashboard's name in its URL, or the path of its notebook.

    Example: nbdash log sales
    """
    from nbdash.page.render import Renderer
    from nbdash.publisher.viewing import Pages

    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
        view = Pages(store, settings, Renderer(settings.templates)).log_view(dashboard.slug)
    for line in _log_lines(view):
        click.echo(coloured(line))


def _log_lines(view: LogView) -> Iterator[str]:
    run = view.run
    if run is None:
        yield f"{view.title} has never run."
        return
    begun = run.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if run.started_at else "not yet"
    yield f"{view.title}: run {run.id} {run.state}, started {begun}, engine {run.engine or '-'}"
    if run.parameters:
        yield f"  parameters: {json.dumps(dict(run.parameters), ensure_ascii=False)}"
    for cell in view.cells:
        yield from _cell_lines(cell)
    if run.error is not None:
        yield ""
        yield f"{run.error.message} ({run.error.reference})"
        if not any(line.strip() == run.error.message for line in run.error.traceback):
            yield from run.error.traceback
    if run.peak_memory_bytes:
        yield f"Peak memory: {run.peak_memory_bytes / 1024**2:.0f} MiB"


def _cell_lines(cell: LogCell) -> Iterator[str]:
    seconds = "" if cell.seconds is None else f"{cell.seconds:7.1f} s"
    yield f"[{cell.number}] {cell.title}  {seconds}{'  failed' if cell.failed else ''}".rstrip()
    yield from (f"    {line}" for line in cell.text.splitlines())
