"""Backups: whole whatever goes on meanwhile, and restored whole or not at all."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from nbdash.errors import ConflictError, StoreError
from nbdash.model import Outcome, RunState, Selection
from nbdash.store import backup as backup_module
from nbdash.store import open_store
from nbdash.store.backup import make_backup
from nbdash.store.restoring import restore_backup
from nbdash.store.schema import find_schema, prepare_schema
from nbdash.store.tables import SCHEMA
from nbdash.store.token import author_token, session_key

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and limits")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "nbdash.tar"


@pytest.fixture
def filled(store, fill, make_card, data: Path) -> Path:
    """A data directory with everything in it that there can be."""
    _, version = fill.published()
    run = fill.start(version)
    store.record(run, events=[], cards=[make_card()])
    fill.finish(run)
    folder = data / "received" / "2" / "abc"
    (folder / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "deep" / "sales.csv").write_text("a,b\n")
    (folder / "tool.sh").write_text("true\n")
    (folder / "tool.sh").chmod(0o700)
    (folder / "link").symlink_to("/etc/hostname")
    (data / "received" / "draft-1").mkdir()
    store.add_version(
        fill.dashboard("sent").id,
        digest="d",
        title="t",
        notebook_digest=store.put_blob(b"sent"),
        selection=Selection.NEEDED,
        folder="received/2/abc",
    )
    store.put_blob(b"no row names it")
    author_token(data)
    session_key(data)
    (data / "nbdash.toml").write_text("keep = 9\n")
    return data


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names_in(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def rewritten(archive: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[str, bytes] | None]) -> Path:
    """The archive with other names or contents; None leaves a member out."""
    other = archive.with_suffix(".changed")
    with tarfile.open(archive) as old, tarfile.open(other, "w") as new:
        for entry in old:
            content = old.extractfile(entry)
            changed = change(entry, content.read() if content else b"")
            if changed is not None:
                entry.name, data = changed
                entry.size = len(data)
                entry.pax_headers = {}
                new.addfile(entry, io.BytesIO(data))
    return other


def assert_refused(archive: Path, data: Path, match: str) -> None:
    """One sentence, and nothing is left behind."""
    data.mkdir(exist_ok=True)
    with pytest.raises(StoreError, match=match):
        restore_backup(archive, data)
    assert list(data.iterdir()) == []


# --- there and back ---


def test_everything_comes_back_at_another_place(filled, target, tmp_path):
    made = make_backup(filled, target)
    assert (made.path, made.blobs, made.damages) == (target, 5, ())
    assert made.size == target.stat().st_size
    assert os.listdir(target.parent) == [target.name]
    restored = restore_backup(target, tmp_path / "other" / "place")
    assert (restored.blobs, restored.damages) == (5, ())
    place = tmp_path / "other" / "place"
    before, after = files_below(filled), files_below(place)
    missing = {name for name in set(before) - set(after) if not name.endswith("-journal")}
    assert missing == {"received/2/abc/link", *blob_paths(filled, b"no row names it")}
    assert all(before[name] == content for name, content in after.items() if name != "nbdash.sqlite")
    assert (place / "received/2/abc/empty").is_dir() and not (place / "received/draft-1").exists()
    with open_store(place) as store:
        assert store.integrity() == []
        assert [each.slug for each in store.list_dashboards(include_unlisted=True)] == ["sales", "sent"]
        assert store.current_run(store.dashboard("sales").id) is not None


def blob_paths(data: Path, content: bytes) -> set[str]:
    return {str(path.relative_to(data)) for path in (data / "blobs").glob("*/*") if path.read_bytes() == content}


@posix
def test_backup_and_what_it_restores_are_their_owners_alone(filled, target, tmp_path):
    mask = os.umask(0)
    try:
        make_backup(filled, target)
        restore_backup(target, tmp_path / "other")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "other").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file() and "received" not in path.parts} == {0o600}
    assert modes[tmp_path / "other/received/2/abc/tool.sh"] == 0o700


def test_run_under_way_goes_back_to_the_queue_where_it_is_restored(filled, store, fill, clock, target, tmp_path):
    fill.start(store.versions(store.dashboard("sales").id)[0], "north")
    make_backup(filled, target)
    restore_backup(target, tmp_path / "other")
    clock.advance(3600)
    with open_store(tmp_path / "other", clock=clock) as other:
        other.sweep(30)
        run = other.claim_run("another worker")
        assert run is not None and run.parameters == {"key": "north"}
        assert other.finish_run(
            run, state=RunState.SUCCEEDED, document_digest=other.put_blob(b"d"), outcome=Outcome(engine="fork")
        )
        assert other.integrity() == []


def test_names_that_are_no_utf8_come_back(filled, target, tmp_path):
    name = os.fsdecode(b"caf\xe9 " + b"x" * 150)
    (filled / "received/2/abc" / name).write_text("x")
    make_backup(filled, target)
    restore_backup(target, tmp_path / "other")
    assert (tmp_path / "other/received/2/abc" / name).read_text() == "x"


def test_volume_of_its_own_and_what_a_killed_restore_left_are_no_obstacle(filled, target, tmp_path):
    make_backup(filled, target)
    for name in ("lost+found", ".restoring-1"):
        (tmp_path / "other" / name).mkdir(parents=True)
    (tmp_path / "other" / "server.lock").touch()
    restore_backup(target, tmp_path / "other")
    assert not list((tmp_path / "other").glob(".restoring*"))


# --- while others write ---


def publish_until(stop: threading.Event, data: Path, number: int) -> None:
    """Versions and runs, as fast as they go."""
    with open_store(data) as store:
        dashboard = store.create_dashboard(f"d{number}", title="T", source_path="/w", listed=True)
        for count in itertools.count():
            if stop.is_set():
                return
            content = f"{number} {count}"
            digest = store.put_blob(content.encode())
            version = store.add_version(
                dashboard.id, digest=content, title="T", notebook_digest=digest, selection=Selection.NEEDED
            )
            store.submit_run(dashboard.id, version.id, parameters={}, parameters_key="", origin="publish")
            if (run := store.claim_run(f"w{number}")) is not None:
                document = store.put_blob(f"document {content}".encode() * 1000)
                store.finish_run(
                    run, state=RunState.SUCCEEDED, document_digest=document, outcome=Outcome(engine="fork")
                )


def prune_until(stop: threading.Event, data: Path, _: int) -> None:
    with open_store(data) as store:
        while not stop.wait(0.02):
            store.prune(1)


def test_each_backup_taken_while_threads_write_and_prune_is_whole(filled, target, tmp_path):
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(publish_until, stop, filled, number) for number in range(3)]
        writing.append(pool.submit(prune_until, stop, filled, 0))
        try:
            places = [tmp_path / f"restored-{number}" for number in range(4)]
            for place in places:
                archive = target.with_name(f"{place.name}.tar")
                assert make_backup(filled, archive).damages == ()
                restore_backup(archive, place)
        finally:
            stop.set()
        for each in writing:
            each.result()
    for place in places:
        with open_store(place) as restored:
            assert restored.integrity() == []


def test_what_is_collected_right_after_the_copy_is_in_no_backup(filled, store, target, tmp_path, monkeypatch):
    copy = backup_module._copy_database

    def copy_then_remove(source: Path, place: Path) -> Path:
        monkeypatch.setattr(backup_module, "_copy_database", copy)
        copied = copy(source, place)
        store.remove_dashboard(store.dashboard("sales").id)
        store.collect_blobs(-1)
        shutil.rmtree(filled / "received/2/abc")
        store.remove_dashboard(store.dashboard("sent").id)
        return copied

    monkeypatch.setattr(backup_module, "_copy_database", copy_then_remove)
    assert make_backup(filled, target).damages == ()
    restore_backup(target, tmp_path / "other")
    with open_store(tmp_path / "other") as other:
        assert other.list_dashboards(include_unlisted=True) == [] and other.integrity() == []


def test_blobs_of_a_backup_under_way_are_not_collected(filled, store, target):
    for path in (filled / "blobs").glob("*/*"):
        os.utime(path, (0, 0))
    removed: list[int] = []

    def remove(done: int, of: int) -> None:
        if done == 1:
            store.remove_dashboard(store.dashboard("sales").id)
            removed.append(store.collect_blobs(3600))

    assert make_backup(filled, target, on_blob=remove).damages == ()
    assert removed == [1], "only the one that no row ever named"


# --- what goes wrong while it is made ---

DIE = """
import os, signal, sys
from pathlib import Path
from nbdash.store.backup import make_backup
make_backup(Path(sys.argv[1]), Path(sys.argv[2]), on_blob=lambda done, of: done == 3 and os.kill(os.getpid(), 9))
"""
FILL = """
import resource, sys
from pathlib import Path
from nbdash.errors import StoreError
from nbdash.store.backup import make_backup
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    make_backup(Path(sys.argv[1]), Path(sys.argv[2]))
except StoreError as error:
    print(error)
"""


@posix
def test_killed_backup_leaves_the_one_before_and_its_draft_goes_with_time(filled, target):
    target.write_bytes(b"the backup of yesterday")
    done = subprocess.run([sys.executable, "-c", DIE, filled, target])
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"the backup of yesterday"
    (draft,) = target.parent.glob(".*")
    make_backup(filled, target)
    assert draft.exists(), "it may be another's, under way"
    os.utime(draft, (0, 0))
    make_backup(filled, target)
    assert os.listdir(target.parent) == [target.name]


@posix
@pytest.mark.parametrize("size", [20_000, 240_000])
def test_full_disk_is_a_sentence_and_leaves_nothing(filled, store, target, size):
    dashboard = store.dashboard("sales")
    digest = store.put_blob(b"x" * 300_000)
    store.add_version(dashboard.id, digest="x", title="X", notebook_digest=digest, selection=Selection.ALL)
    done = subprocess.run(
        [sys.executable, "-c", FILL, filled, target, str(size)], capture_output=True, text=True, check=True
    )
    assert str(target if size > 100_000 else filled) in done.stdout and "space" in done.stdout
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert os.listdir(target.parent) == []


def test_damaged_and_missing_blobs_are_told_and_the_rest_is_kept(filled, store, target, tmp_path):
    document = store.current_run(store.dashboard("sales").id).document_digest
    notebook = store.versions(store.dashboard("sent").id)[0].notebook_digest
    (filled / "blobs" / document[:2] / document[2:]).write_bytes(b"other bytes")
    (filled / "blobs" / notebook[:2] / notebook[2:]).unlink()
    shutil.rmtree(filled / "received/2/abc")
    damages = make_backup(filled, target).damages
    assert len(damages) == 3 and all(any(word in each for each in damages) for word in (document, notebook, "abc"))
    restored = restore_backup(target, tmp_path / "other")
    assert restored.damages == damages and restored.blobs == 3


def test_damaged_database_is_never_kept_as_a_backup(filled, store, target):
    store.close()
    path = filled / "nbdash.sqlite"
    content = bytearray(path.read_bytes())
    content[8192:16384] = b"\xa5" * 8192
    path.write_bytes(content)
    with pytest.raises(StoreError, match="restore an earlier backup"):
        make_backup(filled, target)
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("make", [lambda data: None, lambda data: data.mkdir()])
def test_where_nothing_was_published_there_is_nothing_to_back_up(data, target, make):
    make(data)
    with pytest.raises(StoreError, match="nothing to back up"):
        make_backup(data, target)
    assert os.listdir(target.parent) == []


def test_older_schema_is_kept_as_it_is_and_migrated_where_it_is_restored(data, target, tmp_path):
    data.mkdir()
    prepare_schema(data / "nbdash.sqlite", target="0002")
    make_backup(data, target)
    assert find_schema(data / "nbdash.sqlite") == "0002"
    restore_backup(target, tmp_path / "other")
    assert find_schema(tmp_path / "other" / "nbdash.sqlite") == "0002"
    with open_store(tmp_path / "other") as store:
        assert store.integrity() == []
    assert find_schema(tmp_path / "other" / "nbdash.sqlite") == SCHEMA


def test_newer_schema_is_refused(filled, store, target):
    store.close()
    with closing(sqlite3.connect(filled / "nbdash.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=rf"'{filled}.*newer nbdash .schema 9999.*upgrade nbdash"):
        make_backup(filled, target)


# --- what goes wrong while it is restored ---


def test_cut_backup_is_refused_wherever_it_was_cut(filled, target, tmp_path):
    make_backup(filled, target)
    whole = target.read_bytes()
    with tarfile.open(target) as tar:
        borders = [entry.offset for entry in tar]
    for length in (0, 100, *borders, *(border + 700 for border in borders[:-1])):
        target.write_bytes(whole[:length])
        assert_refused(target, tmp_path / "other", "no whole backup")


def test_files_of_something_else_are_refused(tmp_path):
    (tmp_path / "text").write_text("not an archive\n" * 1000)
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.add(tmp_path / "text", "text")
    for name in ("text", "tar"):
        assert_refused(tmp_path / name, tmp_path / "other", f"'{tmp_path / name}' is no whole backup")
    for name in ("absent", ""):
        with pytest.raises(StoreError, match="cannot be read"):
            restore_backup(tmp_path / name, tmp_path / "other")


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "received/../../evil", "received/2/./x", "blobs/ab/evil", "server.json", ""]
)
def test_names_that_lead_elsewhere_are_refused(filled, target, tmp_path, name):
    make_backup(filled, target)
    changed = rewritten(target, lambda entry, data: (name if entry.name == "author.token" else entry.name, data))
    assert_refused(changed, tmp_path / "other", "no place in it")


def test_links_are_refused(filled, target, tmp_path):
    make_backup(filled, target)

    def link(entry: tarfile.TarInfo, data: bytes) -> tuple[str, bytes]:
        if entry.name == "author.token":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            return entry.name, b""
        return entry.name, data

    assert_refused(rewritten(target, link), tmp_path / "other", "neither a file nor a folder")


@pytest.mark.parametrize("part", ["blobs/", "nbdash.sqlite", "nbdash.toml", "received/2/abc/deep"])
def test_changed_and_missing_members_are_refused(filled, target, tmp_path, part):
    make_backup(filled, target)
    changed = rewritten(
        target, lambda entry, data: (entry.name, data[::-1] if entry.name.startswith(part) and data else data)
    )
    assert_refused(changed, tmp_path / "other", "other bytes|what it says")
    first = next(name for name in names_in(target) if (name.startswith(part) and "." in name) or "blobs/" in name)
    changed = rewritten(target, lambda entry, data: None if entry.name == first else (entry.name, data))
    assert_refused(changed, tmp_path / "other", "what it says")


@pytest.mark.parametrize("change", [{"schema": "9999"}, {"format": 2, "more": [1]}])
def test_backup_of_a_newer_nbdash_is_refused_with_the_way_out(filled, target, tmp_path, change):
    make_backup(filled, target)

    def newer(entry: tarfile.TarInfo, data: bytes) -> tuple[str, bytes]:
        if entry.name != "nbdash-backup.json":
            return entry.name, data
        return entry.name, json.dumps(json.loads(data) | change).encode()

    assert_refused(rewritten(target, newer), tmp_path / "other", "newer nbdash .*upgrade nbdash, then restore it")


def test_what_is_there_is_never_written_over(filled, target, tmp_path):
    make_backup(filled, target)
    before = files_below(filled)
    with pytest.raises(ConflictError, match=f"'{filled}' is not empty .there is 'author.token'"):
        restore_backup(target, filled)
    with pytest.raises(ConflictError, match="is a file"):
        restore_backup(target, target)
    assert files_below(filled) == before


def test_what_appears_while_it_is_restored_is_not_written_over(filled, target, tmp_path):
    make_backup(filled, target)
    place = tmp_path / "other"
    with pytest.raises(ConflictError, match="not empty"):
        restore_backup(target, place, on_blob=lambda done, of: (place / "nbdash.sqlite").touch())
    assert os.listdir(place) == ["nbdash.sqlite"]


def test_move_that_fails_is_taken_back(filled, target, tmp_path, monkeypatch):
    make_backup(filled, target)
    rename = Path.rename

    def fail(self: Path, to: Path) -> Path:
        if self.name == "nbdash.sqlite":
            raise OSError(28, "No space left on device", str(to))
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail)
    assert_refused(target, tmp_path / "other", "cannot be made .No space left")
