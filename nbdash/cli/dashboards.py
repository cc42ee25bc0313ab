"""What is published: ``list``, ``open``, ``rerun``, ``log``, ``rollback`` and ``remove``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import click

from nbdash.cli.asking import ask
from nbdash.cli.options import data_option, json_option, opened_store, parameter_option
from nbdash.cli.progress import show_run
from nbdash.cli.terminal import coloured, plain
from nbdash.errors import NotFoundError, RunFailedError
from nbdash.model import Dashboard, RunState
from nbdash.page.render import Renderer
from nbdash.page.urls import Urls
from nbdash.page.views import LogCell, LogView
from nbdash.publisher.following import cancelling, failure_of
from nbdash.publisher.publication import Publisher
from nbdash.publisher.viewing import DashboardSummary, Pages, UnpublishedSummary
from nbdash.service import ServerInfo, ensure_server, find_server
from nbdash.store import Store

_PAGE = 200

Summary: TypeAlias = DashboardSummary | UnpublishedSummary

name_argument = click.argument("name")


# --- list ---


@click.command("list")
@json_option
@data_option
def list_command(as_json: bool, data: Path | None) -> None:
    """List the dashboards: name, title, state, age of the data, URL.

    Also those that are not published, because their first run failed or is not over: viewers do not see
    them. With --json each dashboard says whether it is published.

    Example: nbdash list --json
    """
    with opened_store(data) as (settings, store):
        pages = Pages(store, settings, Renderer(settings.templates))
        summaries: list[Summary] = [*_published(pages), *pages.unpublished()]
        server = find_server(settings.data)
    summaries.sort(key=lambda summary: summary.slug)
    urls = Urls(server.url) if server else None
    if as_json:
        click.echo(json.dumps([_record(summary, urls) for summary in summaries]))
        return
    if not summaries:
        click.echo("Nothing is published; begin with 'nbdash publish NB'.", err=True)
        return
    for line in _table([_row(summary, urls) for summary in summaries]):
        click.echo(line)
    for hint in _hints(summaries, server):
        click.echo(hint, err=True)


def _published(pages: Pages) -> Iterator[DashboardSummary]:
    following: str | None = None
    while True:
        summaries, following = pages.summaries(following, _PAGE)
        yield from summaries
        if following is None:
            return


def _record(summary: Summary, urls: Urls | None) -> dict[str, Any]:
    published = isinstance(summary, DashboardSummary)
    data_at = summary.data_at if isinstance(summary, DashboardSummary) else None
    return {
        "slug": summary.slug,
        "title": summary.title,
        "state": summary.state,
        "published": published,
        "data_at": data_at and data_at.isoformat(),
        "url": urls.dashboard(summary.slug) if urls and published else None,
    }


def _row(summary: Summary, urls: Urls | None) -> list[str]:
    if isinstance(summary, UnpublishedSummary):
        state = f"{summary.last}, not published" if summary.last else "not published"
        return [summary.slug, plain(summary.title), state, "-", "-"]
    age = age_text(datetime.now(UTC) - summary.data_at) if summary.data_at else "-"
    return [summary.slug, plain(summary.title), summary.state, age, urls.dashboard(summary.slug) if urls else "-"]


def _hints(summaries: Sequence[Summary], server: ServerInfo | None) -> Iterator[str]:
    """What to do about what the table shows."""
    ended = [
        summary.slug
        for summary in summaries
        if isinstance(summary, UnpublishedSummary) and summary.last and summary.last.is_final
    ]
    if len(ended) == 1:
        yield f"Viewers do not see {ended[0]!r}: 'nbdash log {ended[0]}' tells why."
    elif ended:
        yield "Viewers do not see what is not published: 'nbdash log NAME' tells why."
    if server is None:
        yield "No server runs; 'nbdash serve' or 'nbdash open NAME' starts one."


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [["NAME", "TITLE", "STATE", "DATA", "URL"], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()


def age_text(age: timedelta) -> str:
    """``12 min ago``: an age in the largest unit that fits."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


# --- one dashboard ---


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
@data_option
def open_command(name: str, data: Path | None) -> None:
    """Open a dashboard in the browser as its author; starts a server if none runs.

    Example: nbdash open sales
    """
    import webbrowser
    from urllib.parse import urlencode

    from nbdash.web.author import author_token

    with opened_store(data) as (settings, store):
        slug = find_named(store, name).slug
    server = ensure_server(settings)
    url = Urls(server.url).dashboard(slug)
    query = urlencode({"token": author_token(settings.data), "to": slug})
    if not webbrowser.open(f"{server.url}-/author?{query}"):
        click.echo("No browser could be started here; open this address in one:", err=True)
    click.echo(url)


@click.command("rerun")
@name_argument
@parameter_option
@click.option("--no-wait", is_flag=True, help="Queue the run and return.")
@data_option
def rerun_command(name: str, parameters: Sequence[tuple[str, str]], no_wait: bool, data: Path | None) -> None:
    """Run a dashboard again, or join the equal run that is on, and follow it.

    Example: nbdash rerun sales -p region north
    """
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

    Example: nbdash rollback sales
    """
    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
        version = Publisher(store, settings).rollback(dashboard.slug)
    click.echo(f'{dashboard.slug!r} shows version {version.number}, "{version.title}", again.', err=True)


@click.command("remove")
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def remove_command(name: str, yes: bool, data: Path | None) -> None:
    """Take a dashboard down, with its versions and runs; the notebook stays.

    Example: nbdash remove sales --yes
    """
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

    Example: nbdash log sales
    """
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
