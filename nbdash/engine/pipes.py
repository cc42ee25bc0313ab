"""A run's text pipe, read on the engine's side: bytes in, text in order with the run's messages out.

Before each message the run writes a *mark* into its pipes: a zero byte, its token, the message's number.
Text before the mark of a message came before that message.
"""

from __future__ import annotations

import codecs
import os

_READ_BYTES = 1 << 18
_NUMBER_BYTES = 8
#: More than a pipe ever holds: beyond it, a mark that was written is not still to come.
_MOST_BYTES = 1 << 22


class TextPipe:
    """The reading end of a run's standard output or error."""

    def __init__(self, name: str, fd: int, token: bytes) -> None:
        self.name = name
        self.is_ended = False  #: nobody can write into it any more
        self._fd = fd
        self._prefix = b"\0" + token
        self._buffer = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        os.set_blocking(fd, False)

    def fileno(self) -> int:
        """For selectors."""
        return self._fd

    @property
    def announces(self) -> bool:
        """Whether a message has come, or is just coming."""
        return self._prefix in self._buffer

    def read(self) -> int:
        """Read what is there, a bounded amount; the number of bytes, 0 if there is nothing (more)."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return 0
        self.is_ended = not data
        self._buffer += data
        return len(data)

    def take_free(self) -> str:
        """The text that comes before any mark: what may be shown without waiting for a message."""
        end = self._buffer.find(self._prefix)
        return self._take(end if end >= 0 else len(self._buffer) - self._held_back())

    def take_until(self, number: int) -> str:
        """The text before the mark of message ``number``; all there is, if a cell broke the pipe."""
        text = ""
        while True:
            start = self._buffer.find(self._prefix)
            end = start + len(self._prefix) + _NUMBER_BYTES
            if start >= 0 and end <= len(self._buffer):
                found = int.from_bytes(self._buffer[end - _NUMBER_BYTES : end], "big")
                text += self._take(start)
                del self._buffer[: end - start]
                if found >= number:
                    return text
            elif len(self._buffer) > _MOST_BYTES or not self.read():
                return text + self._take(len(self._buffer))

    def take_rest(self) -> str:
        """Everything left, once nobody writes any more; marks are left out."""
        while self.read():
            pass
        return self.take_until(2**63)

    def _held_back(self) -> int:
        """How many bytes at the end may be the beginning of a mark."""
        start = self._buffer.rfind(b"\0", max(0, len(self._buffer) - len(self._prefix)))
        return len(self._buffer) - start if start >= 0 and self._prefix.startswith(self._buffer[start:]) else 0

    def _take(self, end: int) -> str:
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        return self._decoder.decode(data)
