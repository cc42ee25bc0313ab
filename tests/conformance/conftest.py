"""Options of the conformance suite; ``pytest -m conformance tests/conformance`` is its long form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.corpus import Corpus, cache_folder, differs_always, known_difference
from tests.conformance.execution import Case
from tests.conformance.suite import MODES, REPEATS, Finding, Suite, record_line

_VERSIONS = ("IPython", "ipykernel", "nbclient", "matplotlib", "numpy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How the suite is run."""
    group = parser.getgroup("conformance")
    group.addoption("--engine-mode", choices=sorted(MODES), default="default", help="Which of the engine's ways.")
    group.addoption("--notebooks", type=int, default=None, help="How many of the corpus, from all over it.")
    group.addoption("--jobs", type=int, default=2, help="How many notebooks at a time.")
    group.addoption("--cell-seconds", type=int, default=120, help="The time limit of a cell, a kernel's too.")
    group.addoption("--results", type=Path, default=None, help="The file for the results; else in the cache folder.")


@cache
def corpus() -> Corpus:
    """The corpus, downloaded and unpacked when it is first asked for."""
    return Corpus(cache_folder())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test per notebook of the corpus, in the long form only: it has to be downloaded."""
    if "foreign" in metafunc.fixturenames:
        cases = _wanted(metafunc.config) if _is_long(metafunc.config) else []
        metafunc.parametrize("foreign", [_parameter(case) for case in cases])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long form has the sample too, and a test of it waits for its turn."""
    for item in items:
        if Path(__file__).parent in item.path.parents and _is_long(config):
            item.add_marker("conformance")
            item.add_marker(pytest.mark.timeout(0))
        if MODES[config.getoption("engine_mode")].resumes:  # the engine is compared with itself
            item.own_markers = [mark for mark in item.own_markers if not _is_about_kernels(mark)]


def _is_about_kernels(mark: pytest.Mark) -> bool:
    return mark.name == "xfail" and mark.kwargs.get("strict", True)


def _is_long(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "conformance")


def _parameter(case: Case) -> Any:
    reason = known_difference(case.package, case.name)
    is_sure = differs_always(case.package, case.name)
    marks = [pytest.mark.xfail(reason=reason, strict=is_sure)] if reason else []
    return pytest.param(case, id=f"{case.package}/{case.name}", marks=marks)


def _wanted(config: pytest.Config) -> list[Case]:
    cases, count = corpus().cases, config.getoption("notebooks")
    if count is None:
        return cases
    return [cases[index * len(cases) // count] for index in range(min(count, len(cases)))]


@pytest.fixture(scope="package")
def suite(request: pytest.FixtureRequest) -> Iterator[Suite]:
    """The engine in the wanted mode, and the oracle; what the tests ask for is begun at once."""
    mode = MODES[request.config.getoption("engine_mode")]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in mode.environment.items():
            patch.setenv(name, value)
        made = Suite(
            mode,
            cache=cache_folder(),
            jobs=request.config.getoption("jobs"),
            cell_seconds=request.config.getoption("cell_seconds"),
        )
        made.begin(case for item in request.session.items if (case := _case_of(item)) is not None)
        yield made
        made.close()


@pytest.fixture(scope="package")
def record(request: pytest.FixtureRequest, suite: Suite) -> Iterator[list[Finding]]:
    """Takes the findings; at the end they are written to the file of results."""
    findings: list[Finding] = []
    yield findings
    if _is_long(request.config):
        _write_results(request.config, findings, reused=suite.pictures.found)


def _write_results(config: pytest.Config, findings: list[Finding], *, reused: int) -> None:
    mode = config.getoption("engine_mode")
    path = config.getoption("results") or cache_folder() / f"results-{mode}.jsonl"
    head = {
        "mode": mode,
        "repeats": REPEATS,
        "reused": reused,
        "versions": {name: version(name) for name in _VERSIONS},
        "packages": [asdict(counts) for counts in corpus().counts],
    }
    path.write_text("\n".join([json.dumps(head), *map(record_line, findings)]) + "\n", encoding="utf-8")


def _case_of(item: pytest.Item) -> Case | None:
    """What a test of this suite compares, unless it is skipped."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    case = parameters.get("foreign", parameters.get("case"))
    is_skipped = any(mark.args and mark.args[0] for mark in item.iter_markers("skipif"))
    return case if isinstance(case, Case) and not is_skipped else None
