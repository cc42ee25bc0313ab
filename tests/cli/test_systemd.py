"""``service`` under a real systemd, which starts the server, starts it again when it dies, and stops it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import own_port

MANAGER = Path(__file__).with_name("systemd_manager.sh")
HAS_SYSTEMD = Path("/lib/systemd/systemd").exists() and shutil.which("unshare") is not None

pytestmark = pytest.mark.skipif(
    not (HAS_SYSTEMD and sys.platform == "linux" and os.geteuid() == 0), reason="needs systemd, and root for mounts"
)

STORY = """
set -e
nbdash() { "$PYTHON" -m nbdash "$@" --data "$DATA"; }
main_pid() { systemctl --user show --property=MainPID --value nbdash; }
running() {
    for _ in $(seq 120); do
        if nbdash status 2>/dev/null | grep -q "process $(main_pid))"; then return 0; fi
        sleep 0.5
    done
    echo "it does not run"; systemctl --user --no-pager status nbdash; exit 1
}
echo "port = $PORT" >"$DATA/nbdash.toml"
nbdash service install --user
running
echo installed
nbdash publish "$NOTEBOOK"
first=$(main_pid)
kill -9 "$first"
sleep 1
running
test "$(main_pid)" != "$first"
echo "started again"
nbdash rerun sales
nbdash service status --user
unit=$XDG_CONFIG_HOME/systemd/user/nbdash.service
systemd-analyze --user verify "$unit"
group=/sys/fs/cgroup$(systemctl --user show --property=ControlGroup --value nbdash)
test "$(cat "$group/cgroup.procs" | wc -l)" -ge 3
"$PYTHON" -m nbdash service remove --user
test ! -e "$unit"
test -z "$(cat "$group/cgroup.procs" 2>/dev/null)"
echo removed
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="nbd") as folder:
        yield Path(folder)


def test_systemd_starts_it_again_and_stops_it(short: Path, tmp_path: Path) -> None:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = tmp_path / "sales.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)", metadata={"tags": ["dash"]})]), notebook)
    for name in ("run", "config", "data"):
        (short / name).mkdir(mode=0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": os.environ.get("HOME", "/root"),
        "PYTHON": sys.executable,
        "PORT": str(own_port(8895)),
        "NOTEBOOK": str(notebook),
        "DATA": str(short / "data"),
        "XDG_RUNTIME_DIR": str(short / "run"),
        "XDG_CONFIG_HOME": str(short / "config"),
    }
    done = subprocess.run(
        [MANAGER, "bash", "-c", STORY], env=environment, capture_output=True, text=True, timeout=170, check=False
    )
    told = done.stdout + done.stderr
    if "mount:" in told or "unshare:" in told:
        pytest.skip(f"no mounts of its own here: {told[:200]}")
    assert done.returncode == 0, told
    said = [line for line in done.stdout.splitlines() if line in ("installed", "started again", "removed")]
    assert said == ["installed", "started again", "removed"], told
