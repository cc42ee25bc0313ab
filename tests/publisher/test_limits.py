"""Limits: settings become a run's limits, a notebook may only lower them, and what is full says so."""

from __future__ import annotations

import shutil
from dataclasses import fields
from typing import Any

import pytest

from nbdash.config import LOWERABLE, Settings, load_settings
from nbdash.engine.memory import MemoryEngine
from nbdash.errors import BusyError, OptionError, StoreError
from nbdash.model import Job, Limits, RunState
from nbdash.publisher.limits import limits_from
from nbdash.publisher.publication import FREE_BYTES, Publisher
from nbdash.store import Store
from nbdash.worker import Worker
from tests.conftest import MakeNotebook

LOWER = {
    "timeout": 9.5,
    "cell_timeout": 2,
    "memory_mib": 100,
    "processes": 7,
    "output_mib": 1,
    "figures": 3,
    "megapixels": 2,
}
HIGHER = dict.fromkeys(LOWERABLE, 1000000000.0)


def job_of(
    store: Store, settings: Settings, make_notebook: MakeNotebook, own: dict[str, Any], engine: MemoryEngine
) -> Job:
    """What the engine was given for a notebook with this ``metadata.nbdash``."""
    Publisher(store, settings).publish(make_notebook(("plot()", ["dash"]), nbdash=own))
    worker = Worker(store, settings, engine_for=lambda _: engine)
    run = store.claim_run(worker.name)
    assert run is not None
    worker.perform(run)
    return engine.jobs[-1]


def test_every_limit_has_a_setting_and_a_notebook_may_lower_it(settings: Settings) -> None:
    assert {field.name for field in fields(Settings)} >= set(LOWERABLE) == LOWER.keys()
    assert limits_from(settings) == Limits()


def test_a_notebook_lowers_limits(store: Store, settings: Settings, make_notebook: MakeNotebook) -> None:
    limits = job_of(store, settings, make_notebook, LOWER, MemoryEngine()).limits
    assert limits == Limits(
        run_seconds=9.5,
        cell_seconds=2,
        memory_bytes=100 * 1024**2,
        processes=7,
        output_bytes=1024**2,
        figures=3,
    )


def test_a_notebook_raises_no_limit_and_is_told(store: Store, settings: Settings, make_notebook: MakeNotebook) -> None:
    assert job_of(store, settings, make_notebook, HIGHER, MemoryEngine()).limits == limits_from(settings)
    notices = Publisher(store, settings).publish(make_notebook("1", nbdash=HIGHER)).plan.notebook.notices
    assert len(notices) == len(LOWERABLE)
    assert notices[0] == (
        "The notebook's metadata asks for 'nbdash.timeout' 1e+09; the server allows 3600, "
        "and a notebook may only lower it."
    )


def test_a_limit_that_was_lowered_later_holds_for_what_was_published_before(
    store: Store, settings: Settings, make_notebook: MakeNotebook
) -> None:
    engine = MemoryEngine()
    job_of(store, settings, make_notebook, {"timeout": 100}, engine)
    strict = Settings(data=settings.data, timeout=50)
    Publisher(store, strict).submit("sales")
    worker = Worker(store, strict, engine_for=lambda _: engine)
    run = store.claim_run(worker.name)
    assert run is not None
    worker.perform(run)
    assert [job.limits.run_seconds for job in engine.jobs] == [100, 50]


def test_the_queue_is_bounded_but_equal_reruns_join(
    store: Store, settings: Settings, make_notebook: MakeNotebook
) -> None:
    publisher = Publisher(store, Settings(data=settings.data, queue=2))
    publisher.publish(make_notebook(("a = 1", ["parameters"]), ("plot(a)", ["dash"])))
    second = publisher.submit("sales", {"a": 2})
    with pytest.raises(BusyError, match="2 runs are waiting already: try again"):
        publisher.submit("sales", {"a": 3})
    assert publisher.submit("sales", {"a": 2}).id == second.id
    publisher.cancel(second.id)
    assert publisher.submit("sales", {"a": 3}).state is RunState.QUEUED


def test_reruns_with_ever_other_parameters_are_limited_too(
    store: Store, settings: Settings, make_notebook: MakeNotebook
) -> None:
    publisher = Publisher(store, Settings(data=settings.data, reruns_per_minute=3))
    publisher.publish(make_notebook(("a = 1", ["parameters"]), ("plot(a)", ["dash"])))
    for value in (2, 3):
        publisher.submit("sales", {"a": value})
    with pytest.raises(BusyError, match="rerun 3 times"):
        publisher.submit("sales", {"a": 4})


def test_what_is_stored_is_bounded_and_what_is_there_is_seen(
    store: Store, settings: Settings, make_notebook: MakeNotebook
) -> None:
    job_of(store, settings, make_notebook, {}, MemoryEngine())
    store.put_blob(b"x" * 3 * 1024**2)
    small = Settings(data=settings.data, stored_mib=2)
    with pytest.raises(StoreError, match="holds its limit of 2 MiB: remove dashboards"):
        Publisher(store, small).publish(make_notebook(("plot(2)", ["dash"])))
    Publisher(store, small).submit("sales")
    worker = Worker(store, small, engine_for=lambda _: MemoryEngine())
    run = store.claim_run(worker.name)
    assert run is not None
    worker.perform(run)
    ended = store.run(run.id)
    assert ended.state is RunState.FAILED and ended.error is not None
    assert "limit of 2 MiB" in ended.error.message
    assert store.current_run(ended.dashboard_id) is not None


def test_a_full_disk_is_told_before_it_is_met(
    store: Store, settings: Settings, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(settings.data)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=FREE_BYTES - 1))
    with pytest.raises(StoreError, match="is full: free at least 128 MiB"):
        Publisher(store, settings).publish(make_notebook(("plot()", ["dash"])))


@pytest.mark.parametrize("value", ["-1", "many", "inf", "nan", "", "1e999"])
@pytest.mark.parametrize("name", ["timeout", "memory_mib"])
def test_a_setting_that_is_no_limit_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"NBDASH_{name.upper()}", value)
    with pytest.raises(OptionError, match=f"Setting '{name}' is '{value}', which is not a .*number from 0 on"):
        load_settings()
