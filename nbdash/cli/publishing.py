"""``publish``: execute a notebook and, once that has succeeded, show it as a dashboard."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from nbdash.cli.options import (
    RERUN_BY,
    cells_option,
    data_option,
    engine_option,
    json_option,
    opened_store,
    python_option,
)
from nbdash.cli.plans import show_notices, show_plan
from nbdash.cli.progress import show_run
from nbdash.cli.sending import parcel_for, send
from nbdash.cli.terminal import plain
from nbdash.config import Settings, load_settings
from nbdash.errors import NbdashError, OptionError, RunFailedError
from nbdash.model import RerunBy, Run, RunState, Selection
from nbdash.notebook.reader import read_notebook
from nbdash.page.urls import Urls
from nbdash.publisher.following import cancelling, failure_of
from nbdash.publisher.publication import Publication, Publisher, PublishOptions
from nbdash.publisher.sharing import Sharing
from nbdash.service import ServerInfo, check_place, ensure_server, find_server, serve
from nbdash.store import Store
from nbdash.store.token import author_token


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What one ``nbdash publish`` asks for."""

    paths: Sequence[Path]
    options: PublishOptions
    as_json: bool


@click.command("publish")
@click.argument("notebooks", metavar="NB...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--slug", help="Name in the URL; made from the file's name unless given.")
@click.option("--title", help="Title of the dashboard; the notebook's own unless given.")
@cells_option(None, "Which cells run; as before, else the needed ones.")
@engine_option
@python_option
@click.option(
    "--public/--private", default=None, help="Whether others may look without a share link; private at first."
)
@click.option(
    "--rerun",
    "rerun_by",
    type=click.Choice(RERUN_BY),
    help="Who may rerun it: whoever may look, or its author alone; viewers at first.",
)
@click.option(
    "--to",
    metavar="URL",
    help="Server elsewhere to publish to, remembered beside the notebook; 'local' for this machine.",
)
@click.option(
    "--with",
    "files",
    multiple=True,
    metavar="PATH",
    help="Data file, folder or pattern beside the notebook to send along; with --to.",
)
@click.option("--foreground", is_flag=True, help="Serve in this terminal until Ctrl-C.")
@json_option
@data_option
def publish_command(  # noqa: PLR0913 - one argument per option
    notebooks: Sequence[Path],
    slug: str | None,
    title: str | None,
    cells: str | None,
    engine: str | None,
    python: str | None,
    public: bool | None,
    rerun_by: str | None,
    to: str | None,
    files: Sequence[str],
    foreground: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    """Execute the notebooks NB... and serve each as a dashboard; only the URL goes to stdout.

    If no server runs for the data directory, one is started in the background. A notebook whose first
    run fails is not published; one that was published before stays as it was.

    Example: nbdash publish sales.ipynb
    """
    if len(notebooks) > 1 and (slug or title):
        raise OptionError("--slug and --title are for one notebook: publish the notebooks one by one.")
    for path in notebooks:
        read_notebook(path)  # what is no notebook is told before anything is started
    options = PublishOptions(
        slug=slug,
        title=title,
        selection=Selection(cells) if cells else None,
        engine=engine,
        python=python,
        public=public,
        rerun_by=RerunBy(rerun_by) if rerun_by else None,
    )
    paths = _send_those_elsewhere(notebooks, to, files, options, as_json=as_json)
    if not paths:
        return
    order = _Order(paths=paths, options=options, as_json=as_json)
    settings = load_settings(data)
    if foreground:
        _serve_and_publish(settings, order)
    else:
        _start_and_publish(settings, order)


def _send_those_elsewhere(
    notebooks: Sequence[Path], to: str | None, files: Sequence[str], options: PublishOptions, *, as_json: bool
) -> list[Path]:
    """Publish on other servers what belongs there; the other notebooks are this machine's."""
    parcels = {path: parcel_for(path, to, files) for path in notebooks}
    if options.python and any(parcels.values()):
        raise OptionError("--python is for this machine: a server elsewhere uses its own.", field="python")
    for parcel in parcels.values():
        if parcel is not None:
            send(parcel, options, as_json=as_json)
    return [path for path, parcel in parcels.items() if parcel is None]


def _start_and_publish(settings: Settings, order: _Order) -> None:
    check_place(settings)
    if find_server(settings.data) is None:
        click.echo(f"Starting a server for {settings.data}; 'nbdash stop' ends it.", err=True)
    _publish_all(settings, ensure_server(settings), order)


def _serve_and_publish(settings: Settings, order: _Order) -> None:
    """Publish once the server answers, and go on serving; if the publishing fails, stop."""
    failures: list[NbdashError] = []

    def publish(server: ServerInfo) -> None:
        try:
            _publish_all(settings, server, order)
            click.echo("Serving until Ctrl-C.", err=True)
        except NbdashError as error:
            failures.append(error)
            os.kill(os.getpid(), signal.SIGTERM)

    serve(settings, on_ready=publish)
    if failures:
        raise failures[0]


def _publish_all(settings: Settings, server: ServerInfo, order: _Order) -> None:
    """Publish each notebook; one that fails does not keep back the next. Raises the last failure."""
    failure: NbdashError | None = None
    with opened_store(settings.data) as (_, store):
        for path in order.paths:
            try:
                _publish_one(Publisher(store, settings), server, path, order)
            except NbdashError as error:
                if failure is not None:
                    click.echo(f"nbdash: {failure}", err=True)
                failure = error
    if failure is not None:
        raise failure


def _publish_one(publisher: Publisher, server: ServerInfo, path: Path, order: _Order) -> None:
    publication = publisher.publish(path, order.options)
    slug, title = publication.dashboard.slug, publication.version.title
    if publication.run is None:
        click.echo(f"{title!r} is unchanged since it was published as {slug!r}.", err=True)
    else:
        run = _follow(publisher, publication)
        where = "" if server.shared_url else "  (this machine only; 'nbdash serve --host' shares it on the network)"
        click.echo(f'Published "{plain(title)}" in {_seconds_of(run):.1f} s, run {run.id[:4]}{where}', err=True)
    url = _link(publisher, server, slug)
    click.echo(json.dumps(_record(publication, url)) if order.as_json else url)


def _link(publisher: Publisher, server: ServerInfo, slug: str) -> str:
    """Where to look: for others too, if they reach the server."""
    if server.shared_url is None:
        return Urls(server.url).dashboard(slug)
    if publisher.store.dashboard(slug).public:
        return Urls(server.shared_url).dashboard(slug)
    sharing = Sharing(publisher.store, author_token(publisher.settings.data))
    return Urls(server.shared_url).share(sharing.secret(sharing.standing_share(slug)))


def _follow(publisher: Publisher, publication: Publication) -> Run:
    """Show the first run to its end. Raises RunFailedError if it does not succeed."""
    run = publication.run
    assert run is not None
    with cancelling(publisher, run):
        show_notices(publication.plan.notebook)
        show_plan(publication.plan, err=True)
        click.echo(f"Running in {_interpreter_of(publication)}", err=True)
        ended = show_run(publisher, run)
    if ended.state is not RunState.SUCCEEDED:
        raise RunFailedError(_failure_text(publisher.store, publication, ended))
    return ended


def _interpreter_of(publication: Publication) -> str:
    return publication.version.python or f"a kernel for {publication.plan.notebook.language}"


def _failure_text(store: Store, publication: Publication, run: Run) -> str:
    """Why, what viewers see now, and where to read on."""
    slug = publication.dashboard.slug
    current = store.current_run(publication.dashboard.id)
    seen = (
        "nothing is published"
        if current is None
        else f"viewers still see version {store.version(current.version_id).number}"
    )
    why = failure_of(run).rstrip(".")
    name = publication.plan.notebook.name
    return f"{name!r} was not published: {why}; {seen}. Read on with 'nbdash log {slug}'."


def _seconds_of(run: Run) -> float:
    if run.started_at is None or run.finished_at is None:
        return 0.0
    return (run.finished_at - run.started_at).total_seconds()


def _record(publication: Publication, url: str) -> dict[str, object]:
    return {
        "slug": publication.dashboard.slug,
        "title": publication.version.title,
        "url": url,
        "version": publication.version.number,
        "run": publication.run and publication.run.id,
        "changed": publication.run is not None,
    }
