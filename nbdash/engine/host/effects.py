"""What cells do outside of their process, and a fork of it could not take along: changing files, starting programs."""

from __future__ import annotations

import os
import sys
from typing import Any

_CHANGES = frozenset(
    {
        *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
        *("os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr"),
        *("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.forkpty", "pty.spawn"),
    }
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Effects:
    """Listens to Python's audit events from now on.

    What modules written in C do by themselves is not told by events.
    """

    def __init__(self) -> None:
        self._has_changed = False
        self._made: set[Any] = set()  # new files that are still there
        self._listens = True
        sys.addaudithook(self._hear)  # for ever: a hook cannot be taken away

    def end(self) -> bool:
        """Listen no more; whether anything has changed."""
        self._listens = False
        return self._has_changed or bool(self._made)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._listens and (event in _CHANGES or event == "open"):
            self._note(event, *arguments)

    def _note(self, event: str, path: Any, *arguments: Any) -> None:
        if event == "open":
            flags = arguments[1] if isinstance(arguments[1], int) else 0
            if not flags & _WRITING or _is_unimportant(path):
                return
            if flags & os.O_EXCL:
                self._made.add(path)
            else:
                self._has_changed = True
        elif event == "os.remove" and path in self._made:
            self._made.remove(path)
        elif not (_is_unimportant(path) or (event == "os.mkdir" and os.path.isdir(path))):
            self._has_changed = True


def _is_unimportant(path: Any) -> bool:
    """Compiled modules, which importing leaves behind, and what is written to nowhere."""
    return isinstance(path, str) and (path == os.devnull or "__pycache__" in path)
