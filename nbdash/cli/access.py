"""``access``: who may look at a dashboard, rerun it, and manage it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from nbdash.cli.dashboards import find_named, name_argument
from nbdash.cli.options import RERUN_BY, data_option, json_option, opened_store
from nbdash.model import GroupRole, RerunBy


@click.command("access")
@name_argument
@click.option("--public/--private", default=None, help="Whether others may look without a share link.")
@click.option(
    "--rerun", "rerun_by", type=click.Choice(RERUN_BY), help="Who may rerun: whoever may look, or its author."
)
@click.option(
    "--viewers", multiple=True, metavar="GROUP", help="Group of accounts that may look; replaces those before."
)
@click.option("--authors", multiple=True, metavar="GROUP", help="Group of accounts that may manage it; likewise.")
@click.option("--no-groups", is_flag=True, help="No group of accounts may look or manage any more.")
@json_option
@data_option
def access_command(  # noqa: PLR0913 - one argument per option
    name: str,
    public: bool | None,
    rerun_by: str | None,
    viewers: Sequence[str],
    authors: Sequence[str],
    no_groups: bool,
    as_json: bool,
    data: Path | None,
) -> None:
    """Tell who may look at a dashboard, and change it with the options.

    Example: nbdash access sales --viewers analysts
    """
    with opened_store(data) as (_, store):
        dashboard = find_named(store, name)
        store.set_access(dashboard.id, public=public, rerun_by=RerunBy(rerun_by) if rerun_by else None)
        for role, groups in ((GroupRole.VIEWERS, viewers), (GroupRole.AUTHORS, authors)):
            if groups or no_groups:
                store.set_groups(dashboard.id, role, groups)
        now = store.dashboard(dashboard.slug)
        groups_now = {role: sorted(store.groups(now.id, role)) for role in GroupRole}
        shares = len(store.shares(now.id))
    if as_json:
        facts = {"public": now.public, "rerun": now.rerun_by, "owner": now.owner, "share_links": shares}
        click.echo(json.dumps(facts | {str(role): names for role, names in groups_now.items()}))
        return
    click.echo(f"look    {'everybody who reaches the server' if now.public else f'{shares} share links'}")
    click.echo(f"rerun   {'whoever may look' if now.rerun_by is RerunBy.VIEWERS else 'its author'}")
    for role, names in groups_now.items():
        click.echo(f"{role:7} {', '.join(names) or '-'}")
    click.echo(f"owner   {now.owner or 'this data directory'}")
