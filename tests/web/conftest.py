"""Fixtures of the web tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_site import MakeServer, Server, make_server_at


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """A factory of servers, each on a data directory of its own."""
    made: list[Server] = []

    def make(**settings_values: Any) -> Server:
        made.append(make_server_at(tmp_path / f"site-{len(made)}" / "data", **settings_values))
        return made[-1]

    yield make
    for server in made:
        for thread in server.threads:
            thread.join(30)
            assert not thread.is_alive()
        server.store.close()


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server with one dashboard, ``sales``, whose first run has succeeded."""
    made = make_server()
    made.publish()
    made.perform()
    return made


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same for tests that change nothing, made once."""
    made = make_server_at(tmp_path_factory.mktemp("shared") / "data")
    made.publish()
    made.perform()
    yield made
    made.store.close()
