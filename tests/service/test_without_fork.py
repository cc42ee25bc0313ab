"""What a worker's end leaves behind, with forking disabled."""

from __future__ import annotations

import pytest

from tests.conftest import engines_of
from tests.served import Served
from tests.service.test_many_at_once import (
    served,
    test_a_killed_worker_is_replaced_and_its_run_goes_on,
    test_a_stopped_server_leaves_no_process,
)

pytestmark = pytest.mark.usefixtures("without_fork")
__all__ = [
    "served",
    "test_a_killed_worker_is_replaced_and_its_run_goes_on",
    "test_a_stopped_server_leaves_no_process",
]


def test_it_was_the_kernel_engine(served: Served) -> None:
    assert engines_of(served.data) == {"kernel"}
