"""Ctrl-C between a run's submission and its first progress line cancels the run too."""

from __future__ import annotations

import pytest

from nbdash.cli import publishing
from nbdash.config import Settings
from nbdash.model import RunState
from nbdash.publisher.publication import Publisher
from nbdash.store import Store
from tests.conftest import MakeNotebook


@pytest.mark.parametrize("step", ["show_plan", "_interpreter_of", "show_run"])
def test_an_interrupt_at_any_step_cancels_the_run(
    store: Store, settings: Settings, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    publisher = Publisher(store, settings)
    path = make_notebook(("print(1)", ["dash"]))
    publication = publisher.publish(path)
    monkeypatch.setattr(publishing, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        publishing._follow(publisher, publication)
    assert publication.run is not None
    assert store.run(publication.run.id).state is RunState.CANCELLED
