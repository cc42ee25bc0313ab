"""A server to be loaded, and a voice for what is measured: ``pytest -m load tests/load`` does all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.load.site import Site

Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a small dashboard, a page of 4.6 MB, and a run that goes on while the file ``wait`` is there."""
    made = Site(tmp_path_factory.mktemp("load"))
    made.publish_all()
    yield made
    made.stop()


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Tell:
    """Prints what was measured, captured or not, in the long form: no test compares times."""
    is_long = request.node.get_closest_marker("load") is not None

    def say(text: str) -> None:
        if is_long:
            with capsys.disabled():
                print(f"\n{request.node.name}: {text}", end="")

    return say
