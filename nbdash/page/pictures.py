"""Checks of picture bytes: signature, declared size, limits.  The bytes themselves stay as they are."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

MAX_PIXELS = 64 * 10**6
MAX_BYTES = 8 * 1024**2

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
#: JPEG's start-of-frame markers, which carry the size; C4, C8 and CC mean other things.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class PictureError(ValueError):
    """Not a picture nbdash shows; the message is the note a viewer reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A checked picture; ``width`` and ``height`` in its own pixels."""

    mime: str
    width: int
    height: int
    data: bytes


def read_picture(encoded: str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode and check base64 text; raises PictureError."""
    if len(encoded) > MAX_BYTES * 2:
        raise PictureError("A figure is left out: it has more than 8 MiB.")
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PictureError("A figure is left out: its data is damaged.") from None
    return check_picture(data, max_pixels)


def check_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Check a PNG's or JPEG's bytes; raises PictureError."""
    if len(data) > MAX_BYTES:
        raise PictureError("A figure is left out: it has more than 8 MiB.")
    mime, size = _measure(data)
    if size is None or not all(size):
        raise PictureError("A figure is left out: its data is damaged.")
    if size[0] * size[1] > max_pixels:
        raise PictureError(f"A figure is left out: it has more than {max_pixels / 10**6:g} million pixels.")
    return Picture(mime=mime, width=size[0], height=size[1], data=data)


def _measure(data: bytes) -> tuple[str, tuple[int, int] | None]:
    if data.startswith(_PNG):
        return "image/png", _png_size(data)
    if data.startswith(_JPEG):
        return "image/jpeg", _jpeg_size(data)
    return "", None


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[8:16] != b"\x00\x00\x00\rIHDR" or len(data) < 33:
        return None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _FRAME_MARKERS:
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(width), int.from_bytes(height)
        is_padding = marker == 0xFF
        position += 1 if is_padding else 2 + int.from_bytes(data[position + 2 : position + 4])
    return None
