"""What the views of one application share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import current_app

from nbdash.config import Settings
from nbdash.network import own_names
from nbdash.page.render import Renderer
from nbdash.page.urls import Urls
from nbdash.publisher.publication import Publisher
from nbdash.publisher.sharing import Sharing
from nbdash.publisher.viewing import Pages
from nbdash.store import Store
from nbdash.store.token import author_token
from nbdash.web.assets import Asset, load_assets
from nbdash.web.author import AuthorKey
from nbdash.web.metrics import RequestCounter
from nbdash.web.places import Places

EXTENSION = "nbdash"


@dataclass(frozen=True, kw_only=True)
class Site:
    """The parts of one application; made once, shared by all threads."""

    settings: Settings
    store: Store
    publisher: Publisher
    pages: Pages
    author: AuthorKey
    sharing: Sharing
    own_names: frozenset[str]  #: what a Host header may say, besides loopback and ``trusted_hosts``
    assets: Mapping[str, Asset]
    polls: Places  #: of requests that wait for events
    readers: Places  #: of requests whose body is being read
    requests: RequestCounter
    urls: Urls  #: path-absolute, with the prefix: for JSON, which has no page to be relative to


def make_site(settings: Settings, store: Store) -> Site:
    """Puts the parts together."""
    token = author_token(settings.data)
    return Site(
        settings=settings,
        store=store,
        publisher=Publisher(store, settings),
        pages=Pages(store, settings, Renderer(settings.templates)),
        author=AuthorKey(token),
        sharing=Sharing(store, token),
        own_names=own_names(settings),
        assets=load_assets(settings.templates),
        polls=Places(min(settings.long_polls, settings.threads // 2)),
        readers=Places(max(settings.threads // 4, 1)),
        requests=RequestCounter(),
        urls=Urls(f"{settings.base_url.rstrip('/')}/"),
    )


def current_site() -> Site:
    """The site of the application that answers this request."""
    site: Site = current_app.extensions[EXTENSION]
    return site
