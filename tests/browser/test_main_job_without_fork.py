"""The main job in a browser once more, with forking disabled."""

from __future__ import annotations

import pytest

from tests.browser.test_main_job import (
    sales,
    test_a_failure_keeps_the_figures_and_says_so_until_it_is_mended,
    test_a_first_run_fills_in_card_by_card,
    test_cancel_stops_the_run_for_everyone,
)
from tests.conftest import engines_of
from tests.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("without_fork")]
__all__ = [
    "sales",
    "test_a_failure_keeps_the_figures_and_says_so_until_it_is_mended",
    "test_a_first_run_fills_in_card_by_card",
    "test_cancel_stops_the_run_for_everyone",
]


def test_it_was_the_kernel_engine(served: Served) -> None:
    assert engines_of(served.data) == {"kernel"}
