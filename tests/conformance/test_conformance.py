"""The fork engine against a Jupyter kernel: same outputs, same pixels.

``pytest -m conformance tests/conformance`` is the long form: every feature, and hundreds of foreign notebooks; the
libraries for it are in nbdash's extra ``conformance``.  Runs of kernels are kept in a folder
(``NBDASH_CONFORMANCE_CACHE``), so that further runs, in other modes of the engine, are quicker.
"""

from __future__ import annotations

import sys

import nbformat
import pytest

from nbdash.resources import data_dir
from tests.conformance.execution import Case
from tests.conformance.features import SESSIONS, case_of
from tests.conformance.suite import Finding, Suite

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux"),
    # Plain nbclient's own: it leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
#: The default run's; the long form has all.
_SAMPLE = ("co2", "epidemic", "jobs")
_EXAMPLES = [
    pytest.param(
        Case(
            package="examples",
            name=path.stem,
            document=dict(nbformat.read(path, as_version=4)),
            folder=path.parent,
        ),
        id=path.stem,
        marks=[] if path.stem in _SAMPLE else [pytest.mark.conformance],
    )
    for path in sorted(data_dir("notebooks").glob("*.ipynb"))
]
_FEATURES = [
    pytest.param(
        case_of(name),
        id=name,
        marks=[
            *([] if session.is_sample else [pytest.mark.conformance]),
            pytest.mark.skipif(bool(session.missing), reason=f"needs {', '.join(session.missing)}"),
            *([pytest.mark.xfail(reason=session.differs, strict=True)] if session.differs else []),
        ],
    )
    for name, session in SESSIONS.items()
]


@pytest.mark.parametrize("case", _FEATURES)
def test_features_are_as_in_a_kernel(suite: Suite, record: list[Finding], case: Case) -> None:
    _judge(suite.finding(case), record)


@pytest.mark.parametrize("case", _EXAMPLES)
def test_examples_are_as_in_a_kernel(suite: Suite, record: list[Finding], case: Case) -> None:
    _judge(suite.finding(case), record)


@pytest.mark.conformance
def test_foreign_notebooks_are_as_in_a_kernel(suite: Suite, record: list[Finding], foreign: Case) -> None:
    _judge(suite.finding(foreign), record)


def _judge(finding: Finding, record: list[Finding]) -> None:
    record.append(finding)
    if finding.left_out:
        pytest.skip(finding.left_out)
    assert not finding.sentences(), "\n".join(finding.sentences())
