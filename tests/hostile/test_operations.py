"""Table d7: environment and operations; and what of table d2 needs a whole server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from nbdash.config import Settings
from nbdash.model import RunState
from nbdash.store import blobs, open_store
from nbdash.web import create_app
from tests.hostile.scene import PLOT, Scene, check_sentence
from tests.hostile.test_files import book, cell, check_refusal, read, say, wait_for_page
from tests.ports import own_port
from tests.served import Served

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts of Linux")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path, "")
    assert made.publish("sales", PLOT).state is RunState.SUCCEEDED
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of a folder with one good notebook, on a port after one that is taken (row 110)."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "good.ipynb").write_text(book())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Served(folder, tmp_path_factory.mktemp("data") / "nbdash", port=port, lease=2)
        assert not server.url.startswith(f"http://127.0.0.1:{port}/")
        yield server
        server.stop()
        assert "Traceback" not in server.log.read_text()


# --- what needs a whole server ---

WORKER = """import os, psutil, time
worker = next(p for p in psutil.Process().parents() if 'worker' in p.cmdline())
open('tries', 'a').write('x')
worker.send_signal({signal})
time.sleep({seconds})
print('survived')"""


def test_row_56_a_cell_cannot_stop_its_worker_by_signals(served: Served) -> None:
    source = WORKER.format(signal="signal_number", seconds=0.5)
    folder = served.folder / "terminates"
    folder.mkdir()
    cells = [cell(source.replace("signal_number", str(int(number)))) for number in (signal.SIGTERM, signal.SIGINT)]
    (folder / "terminates.ipynb").write_text(book(*cells))
    assert wait_for_page(served, "terminates").count("survived") >= 2
    assert (folder / "tries").read_text() == "xx", "each cell ran once"


@pytest.mark.hostile
def test_row_56_a_cell_that_kills_its_worker_is_tried_twice_and_then_fails(served: Served) -> None:
    before = wait_for_page(served, "good")
    folder = served.folder / "kills"
    folder.mkdir()
    (folder / "kills.ipynb").write_text(book(cell(WORKER.format(signal=9, seconds=600))))
    run = wait_for_end(served, "kills")
    assert (run["state"], run["attempt"]) == ("failed", 2)
    assert (folder / "tries").read_text() == "xx"
    assert read(f"{served.url}d/good") == before
    assert strays_in(folder) == []
    said = served.run("log", "kills")
    assert "worker died twice" in said and "Traceback" not in said
    assert served.run("rerun", "good") == f"{served.url}d/good"


def test_row_62_a_notebook_cannot_publish_itself(served: Served) -> None:
    source = (
        "import os, subprocess, sys\nhere = os.path.abspath('loops.ipynb')\n"
        "done = subprocess.run([sys.executable, '-m', 'nbdash', 'publish', here], capture_output=True, text=True)\n"
        "print(done.returncode, done.stderr)"
    )
    folder = served.folder / "loops"
    folder.mkdir()
    (folder / "loops.ipynb").write_text(book(cell(source)))
    page = wait_for_page(served, "loops")
    assert "2 nbdash: A notebook that nbdash executes cannot publish or rerun" in page


def wait_for_end(server: Served, slug: str) -> dict[str, object]:
    """The dashboard's last run, once it is over."""
    for _ in range(1800):
        runs = json.loads(served_runs(server, slug))
        if runs and runs[0]["state"] in ("succeeded", "failed", "cancelled", "lost"):
            return dict(runs[0])
        threading.Event().wait(0.05)
    raise AssertionError(server.log.read_text())


def served_runs(server: Served, slug: str) -> str:
    with open_store(server.data) as store:
        dashboard = store.find_dashboard(slug)
        runs = store.runs(dashboard.id, limit=1) if dashboard else []
        return json.dumps([{"state": run.state, "attempt": run.attempt} for run in runs])


def strays_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


# --- row 110: places ---


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param("FILE", "is a file: choose another with --data", id="row-110-data-is-a-file"),
        pytest.param("/proc/nbdash", "cannot be written", id="row-110-data-cannot-be-made"),
        pytest.param("FILE/below", "choose another with --data", id="row-110-data-below-a-file"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "publish", "list", "doctor"])
def test_a_place_that_cannot_be_used_is_named(
    command: str, data: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "a.ipynb").write_text(book())
    place = data.replace("FILE", str(tmp_path / "file"))
    status, said = say(capsys, command, *([tmp_path / "a.ipynb"] * (command == "publish")), "--data", place)
    assert "Traceback" not in said and "mistake in nbdash" not in said
    if command == "doctor":
        assert status == (0 if place.startswith("/proc") else 1)
    else:
        check_refusal(status, said, expected)


def test_row_110_a_second_server_is_refused(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    check_refusal(*say(capsys, "serve", "--data", served.data), f"runs already at {served.url}")


@pytest.mark.hostile
def test_row_110_ipv6_alone(tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "six.ipynb").write_text(book())
    server = Served(tmp_path / "books", tmp_path / "data", port=own_port(8870), host="::1")
    try:
        assert server.url.startswith("http://[::1]:")
        wait_for_page(server, "six")
    finally:
        server.stop()


# --- row 111: a full disk ---


def test_row_111_a_disk_that_fills_up_during_a_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new cannot be kept, and its run fails with the reason; what is there is seen all the same."""
    seen = scene.look("sales")
    figure = "import matplotlib.pyplot as plt\nplt.figure(figsize=(3, 1)); plt.plot([2, 1]); plt.show()"
    written = scene.write("sales", figure)
    scene.publisher.publish(written)

    def refuse(path: Path, data: bytes) -> None:
        if data.startswith((b"\x89PNG", b"\x1f\x8b")):  # a figure, a page
            raise OSError(28, "No space left on device")
        keep(path, data)

    keep = blobs._write
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "_write", refuse)
        scene.perform()
        assert scene.get("/d/sales/figures/cell-1.png") == seen[1]
        assert "data:image/png;base64," in scene.page("sales"), "a page that cannot be kept is made for each viewer"
    run = scene.store.runs(1, limit=1)[0]
    assert run.state is RunState.FAILED and run.error is not None
    assert "No space left on device): check its space" in run.error.message
    check_sentence(run.error)
    assert scene.rerun("sales").state is RunState.SUCCEEDED
    assert scene.store.integrity() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.hostile
def test_row_111_a_full_disk_for_everything(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish, run, view and log on a disk without a free byte; then with some again."""
    monkeypatch.setattr("nbdash.publisher.publication.FREE_BYTES", 0)
    scene = Scene(small_disk, "")
    try:
        assert scene.publish("sales", PLOT).state is RunState.SUCCEEDED
        figure = scene.get("/d/sales/figures/cell-1.png")
        answer = scene.app.test_client().post("/d/sales/runs", headers={"Accept": "application/json"})
        fill(small_disk)
        try:
            scene.perform()
        except Exception as error:
            assert "full" in str(error)
        for path in ("/", "/d/sales", "/d/sales/runs", "/api/v1/dashboards"):
            scene.get(path)
        assert scene.get("/d/sales/figures/cell-1.png") == figure
        posted = scene.app.test_client().post("/d/sales/runs", headers={"Accept": "application/json"})
        assert posted.status_code in (202, 503), posted.text
        (small_disk / "filler").unlink()
        scene.store.sweep(-1)
        scene.perform()
        assert scene.store.run(answer.json["id"]).state.is_final
        assert scene.rerun("sales").state is RunState.SUCCEEDED
        assert scene.store.integrity() == []
    finally:
        scene.close()


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


# --- row 112: a damaged database ---

DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "row-112-truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
    "row-112-overwritten-page": (lambda path: path.write_bytes(b"\xa5" * path.stat().st_size), "is not a database"),
    "row-112-emptied": (lambda path: os.truncate(path, 0), "is empty though there are stored figures"),
    "row-112-directory": (lambda path: (path.unlink(), path.mkdir()), "is a directory"),
    "row-112-newer-schema": (lambda path: set_schema(path, "9999"), "newer nbdash"),
    "row-112-another-program's": (lambda path: replace_with_notes(path), "is not nbdash's"),
}


def set_schema(path: Path, schema: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [schema])


def replace_with_notes(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (text)")


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_database_is_refused_and_left_alone(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, expected = DAMAGES[name]
    data = tmp_path / "data"
    with open_store(data) as store:
        store.create_dashboard("sales", title="Sales", source_path="/w", listed=True)
        store.put_blob(b"figure")
    path = data / "nbdash.sqlite"
    damage(path)
    before = None if path.is_dir() else path.read_bytes()
    (tmp_path / "a.ipynb").write_text(book())
    for arguments in (["list"], ["log", "sales"], ["remove", "sales", "--yes"], ["rerun", "sales"]):
        check_refusal(*say(capsys, *arguments, "--data", data), expected)
    status, said = say(capsys, "doctor", "--data", data)
    assert status == 1 and "Traceback" not in said and "mistake in nbdash" not in said
    assert before is None or path.read_bytes() == before
    assert not (data / "server.json").exists()


def test_a_server_on_a_damaged_database_says_so_and_ends(tmp_path: Path) -> None:
    data = tmp_path / "data"
    open_store(data).close()
    (data / "nbdash.sqlite").write_bytes(b"no database" * 1000)
    done = nbdash("serve", "--port", str(own_port(8880)), "--data", str(data))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "is not a database: move it away, or restore a backup." in done.stderr.splitlines()[-1]


def nbdash(*arguments: str, shell: str = "", **environment: str | None) -> subprocess.CompletedProcess[str]:
    """A command as a process; ``shell`` comes before it, a variable of None is removed."""
    variables = {name: value for name, value in (os.environ | environment).items() if value is not None}
    command = ["/bin/sh", "-c", f'{shell or ":"}; exec "$@"', "sh", sys.executable, "-m", "nbdash", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=170)


# --- row 113: clocks ---


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=3650), timedelta(days=365 * 20)])
def test_row_113_the_clock_may_jump(tmp_path: Path, jump: timedelta) -> None:
    """Back a day, on by years, beyond 2038: the newest result is the one seen, and no run is lost."""
    scene = Scene(tmp_path, "")
    shift = [timedelta()]
    store = open_store(scene.settings.data, clock=lambda: datetime.now(UTC) + shift[0])
    for holder in (scene, scene.publisher, scene.worker, scene.worker._publisher):
        holder.store = store
    try:
        script = scene.write("sales", "1").parent / "n"
        script.write_text("one")
        assert scene.publish("sales", "print(open('n').read())").state is RunState.SUCCEEDED
        shift[0] = jump
        script.write_text("two")
        run, _ = store.submit_run(1, 1, parameters={}, parameters_key="", origin="rerun")
        scene.perform()
        assert store.run(run.id).state is RunState.SUCCEEDED
        current = store.current_run(1)
        assert current is not None and current.id == run.id
        assert "two" in scene.page("sales")
        assert store.sweep(30) == []
        assert store.integrity() == []
    finally:
        store.close()
        scene.close()


# --- row 114: poor surroundings ---

SURROUNDINGS: dict[str, tuple[str, dict[str, str | None]]] = {
    "row-114-few-files": ("ulimit -n 64", {}),
    "row-114-few-processes": ("ulimit -u 50", {}),
    "row-114-no-home": ("", {"HOME": None, "USER": None, "XDG_CACHE_HOME": None}),
    "row-114-home-nowhere": ("", {"HOME": "/nonexistent", "MPLCONFIGDIR": None}),
    "row-114-plain-locale": ("", {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "row-114-strict-umask": ("umask 777", {}),
    "row-114-little-path": ("", {"PATH": "/nonexistent"}),
}


#: The default run's; each takes seconds.
SURROUNDINGS_SAMPLE = {"row-114-few-files", "row-114-plain-locale"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.hostile] * (name not in SURROUNDINGS_SAMPLE)) for name in SURROUNDINGS],
)
def test_poor_surroundings_do_or_are_told(name: str, tmp_path: Path) -> None:
    """A notebook runs, or one sentence says why not."""
    shell, environment = SURROUNDINGS[name]
    path = tmp_path / "Größe.ipynb"
    path.write_text(book(cell("import matplotlib.pyplot as plt\nplt.plot([1]); plt.show(); print('Größe 東京')")))
    out = tmp_path / "out.ipynb"
    done = nbdash("run", str(path), "-o", str(out), shell=shell, **environment)
    assert "Traceback" not in done.stderr and "mistake in nbdash" not in done.stderr, done.stderr
    if done.returncode == 0:
        out.chmod(0o600)
        assert "Größe 東京" in out.read_text(encoding="utf-8")
    else:
        assert done.returncode in (1, 2) and done.stderr.splitlines()[-1].startswith("nbdash: "), done.stderr


# --- rows 115 to 122 ---


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 40])
def test_row_115_an_unusable_token_is_told(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    open_store(data).close()
    (data / "author.token").write_bytes(content)
    with open_store(data) as store:
        store.create_dashboard("sales", title="Sales", source_path="/w", listed=True)
    status, said = say(capsys, "share", "sales", "--data", data)
    if status != 0:
        check_refusal(status, said, "author.token")


def test_row_119_a_server_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.ipynb").write_text(book())
    status, said = say(capsys, "publish", tmp_path / "a.ipynb", "--to", "http://127.0.0.1:9/", "--data", tmp_path / "d")
    assert status in (2, 3, 4) and said.startswith("nbdash: ") and said.count("\n") == 1 and "Traceback" not in said


def test_row_121_publishing_the_same_again_and_again_keeps_nothing_more(scene: Scene) -> None:
    path = scene.folder / "sales" / "sales.ipynb"
    kept = scene.store.stored_bytes()
    for _ in range(50):
        publication = scene.publisher.publish(path)
        assert publication.run is None and publication.version.number == 1
    assert len(scene.store.runs(publication.dashboard.id)) == 1
    assert scene.store.stored_bytes() == kept


def test_row_122_a_copy_made_while_runs_end_works_under_another_name(scene: Scene, tmp_path: Path) -> None:
    """The database through SQLite's own backup, the blobs after it: what a row names is there."""
    copy = tmp_path / "copy"
    copy.mkdir(mode=0o700)
    runs = threading.Thread(target=lambda: [scene.rerun("sales") for _ in range(5)])
    runs.start()
    with (
        closing(sqlite3.connect(scene.settings.database)) as source,
        closing(sqlite3.connect(copy / "nbdash.sqlite")) as target,
    ):
        source.backup(target, pages=5)
    shutil.copytree(scene.settings.data / "blobs", copy / "blobs", ignore=shutil.ignore_patterns(".new-*"))
    runs.join(60)
    with open_store(copy) as store:
        assert store.integrity() == []
        app = create_app(Settings(data=copy, trusted_hosts=("restored.example",)), store=store)
        page = app.test_client().get("/d/sales")
        assert page.status_code == 200 and "data:image/png;base64," in page.text
        assert "127.0.0.1" not in page.text and "localhost" not in page.text
        elsewhere = app.test_client().get("/-/health", headers={"Host": "restored.example"})
        assert elsewhere.status_code == 200
