"""Frames between the engine and its processes: a length, the run's token, a JSON object.

A frame that lacks the token was not written by nbdash: a cell wrote where it has no business.
Never pickle: what a run sends is data.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

TOKEN_BYTES = 16
#: The largest frame that is accepted, and that a run sends.
FRAME_BYTES = 256 * 1024**2
_LENGTH = struct.Struct("!I")
_HEAD_BYTES = _LENGTH.size + TOKEN_BYTES


#: What nbformat has in each type of output.
_OUTPUT_FIELDS: dict[str, dict[str, type]] = {
    "display_data": {"data": dict, "metadata": dict},
    "execute_result": {"data": dict, "metadata": dict, "execution_count": int},
    "stream": {"name": str, "text": str},
    "error": {"ename": str, "evalue": str, "traceback": list},
}


class WireError(Exception):
    """Bytes that are not a frame of this run."""


def output_of(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """An output of nbformat, with its fields and no others; raises KeyError or TypeError if one does not fit."""
    output: dict[str, Any] = {"output_type": kind}
    for name, wanted in _OUTPUT_FIELDS[kind].items():
        if not isinstance(content[name], wanted):
            raise TypeError(f"{name} of {kind} is no {wanted.__name__}: {content[name]!r:.80}")
        output[name] = content[name]
    if not all(isinstance(line, str) for line in output.get("traceback", ())):
        raise TypeError(f"traceback of {kind} has a line that is no str")
    return output


def pack_frame(message: dict[str, Any], token: bytes) -> bytes:
    """The bytes of one frame."""
    return pack_body(json.dumps(message, separators=(",", ":")).encode(), token)


def pack_body(body: bytes, token: bytes) -> bytes:
    """The bytes of one frame whose JSON is made already."""
    return _LENGTH.pack(len(body)) + token + body


class FrameReader:
    """Turns received bytes into messages, however they were cut."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._buffer = bytearray()

    @property
    def held(self) -> int:
        """The bytes of a message that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that ``data`` completes; raises WireError for anything that is not a frame."""
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> dict[str, Any] | None:
        if len(self._buffer) < _HEAD_BYTES:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if self._buffer[_LENGTH.size : _HEAD_BYTES] != self._token or length > FRAME_BYTES:
            raise WireError("not a frame of this run")
        if len(self._buffer) < _HEAD_BYTES + length:
            return None
        body = bytes(self._buffer[_HEAD_BYTES : _HEAD_BYTES + length])
        del self._buffer[: _HEAD_BYTES + length]
        return _message_from_bytes(body)


def _message_from_bytes(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise WireError("not JSON") from None
    if not isinstance(message, dict):
        raise WireError("not an object")
    return message


def receive_with_fds(sock: socket.socket, reader: FrameReader) -> tuple[dict[str, Any] | None, list[int]]:
    """One message and the file descriptors that came with it; None at the end of the stream."""
    fds: list[int] = []
    while True:
        data, received, _, _ = socket.recv_fds(sock, 1 << 20, 8)
        fds += received
        if not data:
            return None, fds
        if messages := reader.feed(data):
            return messages[0], fds
