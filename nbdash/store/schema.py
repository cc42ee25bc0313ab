"""Brings a database to this nbdash's schema: creates it, migrates it, or refuses it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from nbdash.errors import StoreError
from nbdash.store.database import BUSY_SECONDS, Database, store_error
from nbdash.store.tables import SCHEMA

MIGRATIONS = Path(__file__).parent / "migrations"
_alembic_lock = threading.Lock()  # Alembic's environment is global to the process


def prepare_schema(path: Path, *, scripts: Path = MIGRATIONS, target: str = SCHEMA) -> None:
    """Creates or migrates the database at ``path``; several processes may do so at once.

    A database of an older schema is first copied to ``<name>.<schema>.bak`` beside it.
    Raises StoreError, having written nothing, for one of a newer schema or not of nbdash.
    """
    found = find_schema(path)
    if found == target:
        return
    with _alembic_lock:
        if found is not None:
            refuse_unknown(path, found, scripts)
            _copy_database(path, path.with_name(f"{path.name}.{found}.bak"))
        _migrate(path, scripts, target)


def find_schema(path: Path) -> str | None:
    """The schema a database says it has; None if it is still empty."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if not names:
                return None
            if "alembic_version" not in names:
                raise StoreError(f"The database '{path}' is not nbdash's: choose another data directory.")
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def is_known(schema: str, scripts: Path = MIGRATIONS) -> bool:
    """Whether this nbdash has, or can migrate, a database of this schema; else a newer nbdash made it."""
    from alembic.script import ScriptDirectory

    return schema in {script.revision for script in ScriptDirectory(str(scripts)).walk_revisions()}


def refuse_unknown(path: Path, found: str, scripts: Path = MIGRATIONS) -> None:
    """Raises StoreError for a database that a newer nbdash has made."""
    if not is_known(found, scripts):
        raise StoreError(
            f"The database '{path}' was made by a newer nbdash (schema {found}, this one knows {SCHEMA}): "
            "upgrade nbdash, or restore a backup of the older one into another data directory."
        )


def _copy_database(path: Path, copy: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise store_error(copy, error) from error


def _migrate(path: Path, scripts: Path, target: str) -> None:
    """All migrations in one transaction: after a crash the database is as before."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    # Enforced foreign keys would make dropping a table, as in Alembic's batch mode, delete its children.
    database = Database(path, foreign_keys=False)
    try:
        with database.write() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, target)
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise StoreError(f"The database '{path}' has rows that lost their parents: restore a backup.")
    finally:
        database.close()
