"""Many hostile runs in a row leave the process table as it was."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import psutil
import pytest

from nbdash.model import RunState
from tests.hostile.scene import PLOT, Resources, Scene, check_nothing_left
from tests.hostile.test_cells import DAEMON

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: Every kind of end, most of them with something left running.
HOSTILE = [
    "import os; os._exit(3)",
    "import ctypes; ctypes.string_at(0)",
    f"{DAEMON}\nos.kill(os.getpid(), 9)",
    f"{DAEMON}\nprint('kept')",
    "import threading, time; threading.Thread(target=time.sleep, args=[600]).start()",
    "import subprocess; subprocess.Popen(['sleep', '600'])",
    "import os; os.kill(os.getppid(), 9)\nimport time; time.sleep(600)",
    "import os, time\nfor _ in range(3): os.fork() or time.sleep(600)",
    "raise ValueError",
]
#: Where a kernel only comes to its time limit.
FORKED = ["import os; os.closerange(0, 70_000)"]


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("many"), engine)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("engine", "count"),
    [
        pytest.param("fork", 20, id="20-forked"),
        pytest.param("fork", 200, id="200-forked", marks=[pytest.mark.hostile, pytest.mark.timeout(1800)]),
        pytest.param("kernel", 200, id="200-kernels", marks=[pytest.mark.hostile, pytest.mark.timeout(3600)]),
    ],
)
def test_many_hostile_runs_leave_the_process_table_as_it_was(scene: Scene, engine: str, count: int) -> None:
    script = scene.write("sales", "1").parent / "cell.py"
    script.write_text("")
    for slug, source in (("sales", f"exec(open('cell.py').read())\n{PLOT}"), ("other", "print('there')")):
        assert scene.publish(slug, source).state is RunState.SUCCEEDED
    page, before = scene.page("other"), Resources.now()
    hostile = HOSTILE + FORKED * (engine == "fork")
    for source in itertools.islice(itertools.cycle(hostile), count):
        script.write_text(source)
        assert scene.rerun("sales").state.is_final
    check_nothing_left(before, scene.folder)
    assert zombies() == []
    script.write_text("")
    assert scene.rerun("sales").state is RunState.SUCCEEDED
    assert scene.page("other") == page
    assert scene.rerun("other").state is RunState.SUCCEEDED
    assert scene.store.integrity() == []


def zombies() -> list[psutil.Process]:
    """Dead children that nobody has buried."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.is_running() and child.status() == psutil.STATUS_ZOMBIE]
