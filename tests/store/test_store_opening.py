from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from nbdash.errors import StoreError
from nbdash.store import database, open_store
from nbdash.store.database import Database, choose_journal_mode
from nbdash.store.schema import MIGRATIONS, find_schema, prepare_schema
from nbdash.store.tables import SCHEMA, metadata


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def make_data(data: Path) -> Path:
    """A data directory in use; returns its database."""
    with open_store(data) as store:
        store.create_dashboard("sales", title="Sales", source_path="/w", listed=True)
        store.put_blob(b"figure")
    return data / "nbdash.sqlite"


def test_data_directory_is_its_owners_alone(data):
    with open_store(data / "deep" / "er"):
        pass
    folder = data / "deep" / "er"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "nbdash.sqlite", folder / "blobs")]
    assert modes == [0o700, 0o600, 0o700]


def test_what_was_kept_is_there_after_reopening(data):
    make_data(data)
    with open_store(data) as store:
        assert store.dashboard("sales").title == "Sales"
        assert store.integrity() == []


@pytest.mark.parametrize("place", ["data", "data/inside", "data/blobs", "data/nbdash.sqlite"])
def test_a_file_or_directory_in_the_way_is_named(tmp_path, place):
    path = tmp_path / place
    if place.endswith(".sqlite"):
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    target = path if place == "data/inside" else tmp_path / "data"
    with pytest.raises(StoreError, match=str(path)) as caught:
        open_store(target)
    assert "choose another" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(("name", "mode"), [("data", 0o500), ("data", 0), ("data/nbdash.sqlite", 0o400)])
def test_no_permission_is_a_sentence(tmp_path, data, name, mode):
    make_data(data)
    shutil.rmtree(data / "blobs")
    (tmp_path / name).chmod(mode)
    try:
        with pytest.raises(StoreError, match="check its owner"):
            open_store(data)
    finally:
        (tmp_path / name).chmod(0o700)


def test_read_only_system_is_a_sentence(data, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system", str(data))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=f"'{data}' cannot be written .Read-only file system"):
        open_store(data)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: b"this is not a database" * 1000, "is not a database"),
        (lambda data: data[: len(data) // 2], "is damaged"),
        (lambda data: data[:10], "is not a database"),
        (lambda data: b"", "is empty though"),
        (lambda data: data[:100] + b"\xa5" * 4000 + data[4100:], "is damaged"),
    ],
)
def test_damaged_database_is_refused_and_left_alone(data, damage, complaint):
    path = make_data(data)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=complaint) as caught:
        open_store(data)
    assert str(path) in str(caught.value) and "backup" in str(caught.value)
    assert path.read_bytes() == damaged


def test_database_of_something_else_is_refused(data):
    data.mkdir()
    with closing(sqlite3.connect(data / "nbdash.sqlite")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    with pytest.raises(StoreError, match="is not nbdash's"):
        open_store(data)


def test_newer_schema_is_refused_and_never_written_to(data):
    path = make_data(data)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(data.iterdir())
    with pytest.raises(StoreError, match=r"newer nbdash .schema 9999, .* upgrade nbdash"):
        open_store(data)
    assert before == (path.read_bytes(), path.stat().st_mtime_ns, sorted(data.iterdir()))


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "truncate"),
        ((3, 44, 5), "truncate"),
        ((3, 44, 6), "wal"),
        ((3, 45, 9), "truncate"),
        ((3, 50, 6), "truncate"),
        ((3, 50, 7), "wal"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_journal_mode_follows_the_version_of_sqlite(version, mode):
    assert choose_journal_mode(version) == mode


@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_every_connection_has_the_settings(data, monkeypatch, mode):
    monkeypatch.setattr(database, "choose_journal_mode", lambda version: mode)
    with open_store(data) as store:
        assert store.journal_mode == mode
        with store._database.read() as first, store._database.read() as second:
            for connection in (first, second):
                found = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                ]
                assert found == [mode, 2, 1, 30_000]


def test_mode_changes_with_the_version_of_sqlite(data, monkeypatch):
    for mode in ("wal", "truncate", "wal"):
        monkeypatch.setattr(database, "choose_journal_mode", lambda version, mode=mode: mode)
        with open_store(data) as store:
            store.keep_hint("x", mode)
            assert store.hints() == [("x", mode)]


def test_write_transaction_holds_the_lock_from_its_start(data, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.0)
    with open_store(data) as store, open_store(data) as other:
        with store._database.write(), pytest.raises(StoreError, match="held by another process"):
            other.keep_hint("x", "y")
        other.keep_hint("x", "y")


def test_failed_transaction_leaves_nothing(data):
    with open_store(data) as store:
        with pytest.raises(RuntimeError), store._database.write() as connection:
            connection.exec_driver_sql("INSERT INTO hints VALUES ('a', 'b', 0)")
            raise RuntimeError
        assert store.hints() == []


def test_threads_may_open_a_new_directory_at_once(data):
    failures = []

    def run(barrier):
        barrier.wait()
        try:
            open_store(data).close()
        except Exception as error:
            failures.append(error)

    barrier = threading.Barrier(6)
    threads = [threading.Thread(target=run, args=(barrier,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- migrations -----------------------------------------------------------------------------------

NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", "{down}"
def upgrade():
    with op.batch_alter_table("dashboards") as batch:
        batch.add_column(sa.Column("colour", sa.Text))
    op.execute("UPDATE dashboards SET colour = 'blue'")
    {then}
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The migrations, to which a test may add."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def test_tables_are_those_that_the_migrations_make(data):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with open_store(data) as store, store._database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_schema_is_the_newest_migration():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == SCHEMA


def test_older_schema_is_copied_then_migrated_with_all_its_rows(data, scripts):
    path = make_data(data)
    with open_store(data) as store:
        dashboard = store.dashboard("sales")
        store.add_version(dashboard.id, digest="d", title="t", notebook_digest="n", selection="needed")
    (scripts / "versions" / "next.py").write_text(NEXT.format(down=SCHEMA, then=""))
    prepare_schema(path, scripts=scripts, target="next")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT slug, colour FROM dashboards").fetchall() == [("sales", "blue")]
        assert connection.execute("SELECT count(*) FROM versions").fetchone() == (1,)
    assert find_schema(path) == "next"
    assert find_schema(data / f"nbdash.sqlite.{SCHEMA}.bak") == SCHEMA


def test_migration_that_fails_changes_nothing_and_can_be_repeated(data, scripts):
    path = make_data(data)
    script = scripts / "versions" / "next.py"
    script.write_text(NEXT.format(down=SCHEMA, then="op.execute('SELECT * FROM nowhere')"))
    with pytest.raises(StoreError, match="no such table"):
        prepare_schema(path, scripts=scripts, target="next")
    assert find_schema(path) == SCHEMA
    with open_store(data) as store:
        assert store.dashboard("sales") and store.integrity() == []
    script.write_text(NEXT.format(down=SCHEMA, then=""))
    prepare_schema(path, scripts=scripts, target="next")
    assert find_schema(path) == "next"


def test_migration_that_orphans_rows_is_taken_back(data, scripts):
    path = make_data(data)
    with open_store(data) as store:
        dashboard = store.dashboard("sales")
        store.add_version(dashboard.id, digest="d", title="t", notebook_digest="n", selection="needed")
    (scripts / "versions" / "next.py").write_text(NEXT.format(down=SCHEMA, then="op.execute('DELETE FROM dashboards')"))
    with pytest.raises(StoreError, match="lost their parents"):
        prepare_schema(path, scripts=scripts, target="next")
    with open_store(data) as store:
        assert store.dashboard("sales")


def test_statement_errors_name_the_database(tmp_path):
    broken = Database(tmp_path / "new.sqlite")
    with pytest.raises(StoreError, match=f"'{tmp_path / 'new.sqlite'}' failed .no such table: x.*nbdash doctor"):
        with broken.read() as connection:
            connection.exec_driver_sql("SELECT * FROM x")
    broken.close()
