"""The main job through the front door once more, with forking disabled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.test_front_door import (
    published_data,
    shared_data,
    test_ctrl_c_cancels_the_run,
    test_publish_look_rerun_fail_roll_back_and_remove,
)
from tests.conftest import engines_of

pytestmark = pytest.mark.usefixtures("without_fork")
__all__ = [
    "published_data",
    "shared_data",
    "test_ctrl_c_cancels_the_run",
    "test_publish_look_rerun_fail_roll_back_and_remove",
]


def test_it_was_the_kernel_engine_until_the_server_is_stopped(invoke: Invoke, published_data: Path) -> None:
    assert engines_of(published_data) == {"kernel"}
    assert json.loads(invoke("status", "--json").out)["url"].startswith("http://127.0.0.1:")
    assert invoke("stop").status == 0
    assert json.loads(invoke("status", "--json").out)["url"] is None
