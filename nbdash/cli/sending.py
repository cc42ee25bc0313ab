"""``publish --to``: a notebook and its data files to a server elsewhere, and its first run followed from here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from nbdash.cli.progress import show_remote_run
from nbdash.cli.terminal import plain
from nbdash.errors import OptionError, RunFailedError
from nbdash.model import Json
from nbdash.notebook.reader import read_notebook, strip_outputs
from nbdash.publisher.publication import PublishOptions
from nbdash.remote.logins import Logins
from nbdash.remote.server import Identity, RemotePublication, RemoteServer
from nbdash.remote.targets import Target, find_files, find_target, keep_target

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A notebook on its way to a server."""

    notebook: Path
    target: Target  #: its slug is empty at the first time


def parcel_for(notebook: Path, to: str | None, data: Sequence[str]) -> Parcel | None:
    """What is to be sent where; None: the notebook is published on this machine."""
    notebook = notebook.resolve()
    known = find_target(notebook)
    if to == LOCAL or (to is None and known is None):
        if data:
            raise OptionError("--with sends data files to a server elsewhere: give it with --to URL.", field="with")
        return None
    if known is None or (to is not None and _same(to) != _same(known.server)):
        known = Target(server=_same(to or ""), slug="")
    return Parcel(notebook=notebook, target=replace(known, data=tuple(data) or known.data))


def send(parcel: Parcel, options: PublishOptions, *, as_json: bool) -> None:
    """Publish to the server and follow the first run; the link to hand on goes to stdout.

    Raises ServerError, ServerUnreachableError, or RunFailedError.
    """
    logins, target = Logins(), parcel.target
    if logins.is_exposed:
        logins.protect()
        click.echo("Others on this machine could read the file of your tokens; now only you can.", err=True)
    with RemoteServer(target.server, logins.token(target.server)) as server:
        content, files = _content(parcel, server.whoami())
        published = server.publish(parcel.notebook.name, content, files, _told(options, target))
        keep_target(parcel.notebook, replace(target, slug=published.slug))
        if published.run is None:
            click.echo(f"{published.title!r} is unchanged since it was published as {published.slug!r}.", err=True)
        else:
            _follow(server, published, published.run)
            click.echo(f'Published "{plain(published.title)}" on {target.server}', err=True)
    click.echo(json.dumps(asdict(published)) if as_json else published.link)


def _same(url: str) -> str:
    from nbdash.remote.server import checked_url

    return checked_url(url)


def _content(parcel: Parcel, identity: Identity) -> tuple[bytes, Mapping[str, Path]]:
    """The notebook without outputs, and its files. Raises OptionError if the server does not take so much."""
    document = strip_outputs(read_notebook(parcel.notebook).document)
    content = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    files = find_files(parcel.notebook.parent, parcel.target.data)
    size = len(content) + sum(path.stat().st_size for path in files.values())
    click.echo(f"Sending {parcel.notebook.name} and {len(files)} data files, {size / 1024**2:.1f} MiB", err=True)
    if size > identity.upload_bytes:
        raise OptionError(
            f"{parcel.notebook.name} with its data is {size / 1024**2:.0f} MiB, and {parcel.target.server} takes "
            f"{identity.upload_bytes // 1024**2}: send less with --with, or have its upload_mib raised.",
            field="with",
        )
    return content, files


def _told(options: PublishOptions, target: Target) -> dict[str, Json]:
    return {
        "slug": options.slug or target.slug or None,
        "title": options.title,
        "selection": options.selection,
        "engine": options.engine,
        "public": options.public,
        "rerun_by": options.rerun_by,
    }


def _follow(server: RemoteServer, published: RemotePublication, run_id: str) -> None:
    try:
        run = show_remote_run(server, run_id)
    except KeyboardInterrupt:
        server.cancel(published.slug, run_id)
        raise
    if run["state"] != "succeeded":
        raise RunFailedError(
            f"{published.title!r} was not published on {server.url}: {_why(run)}; viewers see what they saw before."
        )


def _why(run: Mapping[str, Any]) -> str:
    message = (run["error"] or {}).get("message") or f"the run was {run['state']}"
    return plain(str(message)).rstrip(".")
