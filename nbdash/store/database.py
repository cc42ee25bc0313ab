"""The SQLite database: its engine, its transactions, and what to tell a person when it fails."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from nbdash.errors import StoreError

#: Seconds a transaction waits for another process's; the longest write here takes milliseconds.
BUSY_SECONDS = 30.0
_WRITES = "nbdash_writes"


def choose_journal_mode(sqlite_version: tuple[int, ...]) -> str:
    """``wal`` where SQLite's WAL-reset bug is fixed, else ``truncate``.

    It is fixed from 3.51.3 on, and from 3.50.7 and 3.44.6 on in their lines.  Before, two connections
    that write and checkpoint at the same time can corrupt the file.
    """
    line = sqlite_version[:2]
    fixed = sqlite_version >= (3, 51, 3) or (
        (line == (3, 50) and sqlite_version >= (3, 50, 7)) or (line == (3, 44) and sqlite_version >= (3, 44, 6))
    )
    return "wal" if fixed else "truncate"


class Database:
    """One process's connections. Threads share it; a forked child must open its own."""

    def __init__(self, path: Path, *, foreign_keys: bool = True) -> None:
        self.path = path
        self.journal_mode = choose_journal_mode(sqlite3.sqlite_version_info)
        self._foreign_keys = foreign_keys
        self._engine = self._make_engine()
        self._writer = self._engine.execution_options(**{_WRITES: True})
        # Threads wait here for each other, instead of polling SQLite's lock.
        self._lock = threading.Lock()
        self._watcher: sqlite3.Connection | None = None
        self._watcher_lock = threading.Lock()
        self._watched = 0  # watchers so far

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database; keep it short, commits wait for it."""
        with _uninterrupted(), self._errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement; commits at the end."""
        with _uninterrupted(), self._errors(), self._lock, self._writer.begin() as connection:
            yield connection

    def state(self) -> int:
        """A number that is another one after every change, whoever made it; only this Database's compare."""
        with self._errors(), self._watcher_lock:
            if self._watcher is None:
                self._watcher = self._watch()
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
        return int(version) + self._watched * 2**40

    def _watch(self) -> sqlite3.Connection:
        """A connection that changes nothing: SQLite tells each connection of the others' changes."""
        self._watched += 1
        return sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def close(self) -> None:
        """Closes every connection; the next use opens new ones."""
        self._engine.dispose()
        with self._watcher_lock:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None

    def _make_engine(self) -> Engine:
        engine = create_engine(
            f"sqlite+pysqlite:///{self.path}",
            connect_args={"timeout": BUSY_SECONDS},
            pool_size=16,
            max_overflow=112,
        )
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", _begin)
        return engine

    def _prepare(self, connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if self._foreign_keys else 'OFF'}")
        self._set_journal_mode(connection)

    def _set_journal_mode(self, connection: sqlite3.Connection) -> None:
        """Sets the mode; SQLite does not wait for other connections here, so this does."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                (mode,) = connection.execute(f"PRAGMA journal_mode = {self.journal_mode}").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
                continue
            if mode != self.journal_mode:
                raise sqlite3.OperationalError(f"journal mode is {mode}, not {self.journal_mode}")
            return

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise store_error(self.path, error.orig or error) from error
        except (sqlite3.Error, PoolTimeoutError) as error:
            raise store_error(self.path, error) from error


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C comes after the transaction; a second one at once.

    A transaction left in the middle can keep its connection, and with it the lock that keeps all others from
    writing, for as long as the process lives, which in a notebook's kernel is days.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if came:
            raise KeyboardInterrupt


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


#: Part of SQLite's message -> what a person reads after the database's path.
_ADVICE = {
    "locked": f"was held by another process for {BUSY_SECONDS:.0f} seconds: try again, or end that process.",
    "not a database": "is not a database: move it away, or restore a backup.",
    "malformed": "is damaged: move it away, or restore a backup.",
    "readonly": "cannot be written: check who owns it and its folder.",
    "full": "cannot grow, the disk is full: free some space and try again.",
    "disk I/O": "cannot be read or written: check the disk, its free space and its permissions.",
    "unable to open": "cannot be opened: check who owns it and its folder.",
    "journal mode": "is open elsewhere with another version of SQLite: stop that nbdash and try again.",
}


def store_error(path: Path, error: BaseException) -> StoreError:
    """The sentence for a database error."""
    message = str(error)
    for part, advice in _ADVICE.items():
        if part in message:
            return StoreError(f"The database '{path}' {advice}")
    return StoreError(f"The database '{path}' failed ({message}): run `nbdash doctor`.")
