"""``list``: what is published, and what is not yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import click

from nbdash.cli.options import data_option, json_option, opened_store
from nbdash.cli.plans import column
from nbdash.cli.terminal import plain, width_of
from nbdash.page.render import Renderer
from nbdash.page.urls import Urls
from nbdash.publisher.summaries import DashboardSummary, UnpublishedSummary
from nbdash.publisher.viewing import Pages
from nbdash.service import ServerInfo, find_server

_PAGE = 200

Summary: TypeAlias = DashboardSummary | UnpublishedSummary


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
    widths = [max(width_of(line[place]) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(column(text, width) for text, width in zip(line, widths, strict=True)).rstrip()


def age_text(age: timedelta) -> str:
    """``12 min ago``: an age in the largest unit that fits."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
