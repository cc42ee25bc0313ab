"""``share``: links that open one dashboard for whoever holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nbdash.cli.dashboards import find_named, name_argument
from nbdash.cli.options import data_option, json_option, opened_store
from nbdash.model import Dashboard, Share
from nbdash.page.urls import Urls

if TYPE_CHECKING:
    from nbdash.publisher.sharing import Sharing


@click.command("share")
@name_argument
@click.option("--expires", metavar="TIME", help="When the link ends, such as 12h, 7d or 4w; never unless given.")
@click.option("--no-rerun", is_flag=True, help="Whoever has the link may look, but not rerun.")
@click.option("--list", "as_list", is_flag=True, help="List the links there are, with their last use.")
@click.option(
    "--revoke", type=int, metavar="NUMBER", help="End the link of that number in the list, for all who use it."
)
@json_option
@data_option
def share_command(  # noqa: PLR0913 - one argument per option
    name: str,
    expires: str | None,
    no_rerun: bool,
    as_list: bool,
    revoke: int | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """Make a link that opens a dashboard for whoever has it; the link goes to stdout.

    Example: nbdash share sales --expires 7d
    """
    from nbdash.network import shared_url
    from nbdash.publisher.sharing import Sharing, lifetime_from
    from nbdash.service import find_server
    from nbdash.store.token import author_token

    with opened_store(data) as (settings, store):
        dashboard = find_named(store, name)
        sharing = Sharing(store, author_token(settings.data))
        if revoke is not None:
            sharing.revoke(dashboard.slug, revoke)
            click.echo(f"Link {revoke} of {dashboard.slug!r} opens nothing any more.", err=True)
            return
        server = find_server(settings.data)
        root = (server and server.shared_url) or shared_url(settings)
        urls = Urls(root or (server.url if server else f"http://127.0.0.1:{settings.port}{settings.base_url}/"))
        if as_list:
            _show(sharing, dashboard, urls, as_json=as_json)
            return
        share = sharing.share(dashboard.slug, lifetime=lifetime_from(expires or ""), may_rerun=not no_rerun)
        link = urls.share(sharing.secret(share))
        if root is None:
            click.echo("Others do not reach this server yet: 'nbdash serve --host 0.0.0.0' lets them.", err=True)
        click.echo(json.dumps(_record(share, link)) if as_json else link)


def _show(sharing: Sharing, dashboard: Dashboard, urls: Urls, *, as_json: bool) -> None:
    shares = sharing.shares(dashboard.slug)
    links = {share.id: urls.share(sharing.secret(share)) for share in shares if sharing.is_ours(share)}
    if as_json:
        click.echo(json.dumps([_record(share, links.get(share.id)) for share in shares]))
        return
    if dashboard.public:
        click.echo(f"{dashboard.slug!r} is public: whoever reaches the server may look.", err=True)
    if not shares:
        click.echo(f"{dashboard.slug!r} has no share links; 'nbdash share {dashboard.slug}' makes one.", err=True)
    for share in shares:
        click.echo(f"{share.id:>4}  {links.get(share.id, 'made with another author token')}")
        click.echo(f"      {'; '.join(_facts(share))}")


def _facts(share: Share) -> Iterator[str]:
    yield f"made {_day(share.created_at)}"
    yield f"last used {_day(share.used_at)}" if share.used_at else "never used"
    if share.expires_at is not None:
        yield f"{'ended' if share.expires_at <= datetime.now(UTC) else 'ends'} {_day(share.expires_at)}"
    if not share.may_rerun:
        yield "may look only"


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _record(share: Share, link: str | None) -> dict[str, object]:
    return {
        "number": share.id,
        "link": link,
        "may_rerun": share.may_rerun,
        "created_at": share.created_at.isoformat(),
        "expires_at": share.expires_at and share.expires_at.isoformat(),
        "used_at": share.used_at and share.used_at.isoformat(),
    }
