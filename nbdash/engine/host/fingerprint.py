"""The fingerprint of a Matplotlib figure: two figures that have the same one are drawn as the same picture.

It is the hash of the figure (``canonical``) and of everything else that drawing reads (``surroundings``), and there
is one only while the code that draws is the code that was imported (``library``).

What the caller must see to:

- ``take_snapshot`` is called in the zygote after all imports, and before any code of a notebook runs.
- ``fingerprint_of`` is called right before the draw, in the process that would draw, with nothing in between.
- ``options`` says all of how the picture is saved: format, dpi, ``bbox_inches``, every keyword of ``print_figure``.
- A picture is stored only if its draw raised nothing and wrote nothing: to standard output or error, as a warning
  or as a log record.  Reuse of a picture then leaves out no message.
- What a draw does to the figure and to Matplotlib (limits, layout, caches) and a later cell can see, the caller
  brings about or rules out.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from .canonical import Canonicalizer
from .library import Library
from .surroundings import Surroundings, import_lazy_modules
from .values import Refused

#: Changed when what is hashed, or how, changes.
_SCHEME = "1"
#: Formats whose bytes follow from what is drawn; others hold dates and random names.
_FORMATS = ("png", "retina", "png2x")


class _Snapshot:
    def __init__(self) -> None:
        import_lazy_modules()
        self.surroundings = Surroundings()
        self.library = Library()
        self.canonicalizer = Canonicalizer(self.library, self.surroundings.fonts)
        self.canonicalizer.learn(kind for kind in self.library.class_names if kind.__module__.startswith("matplotlib."))
        self.constant = hashlib.blake2b(b"".join(self.canonicalizer.bytes_of(self.surroundings.constant))).digest()


_taken: list[_Snapshot] = []


def take_snapshot() -> None:
    """Remember the code and the surroundings that drawing uses; without Matplotlib there is nothing to remember."""
    _taken.clear()
    if "matplotlib.figure" in sys.modules and "matplotlib.font_manager" in sys.modules:
        _taken.append(_Snapshot())


def fingerprint_of(figure: Any, options: Mapping[str, Any]) -> str | None:
    """The fingerprint in hexadecimal; None if something about the drawing cannot be known: draw it."""
    try:
        return compute_fingerprint(figure, options)
    except Exception:  # whatever cannot be told
        return None


def compute_fingerprint(figure: Any, options: Mapping[str, Any]) -> str:
    """As ``fingerprint_of``, but says why there is none: ``Refused``, or whatever an object raised."""
    if not _taken or type(figure) is not sys.modules["matplotlib.figure"].Figure:
        raise Refused("There is no snapshot, or it is no plain figure.")
    if options.get("format", "png") not in _FORMATS:
        raise Refused("Such a picture differs each time.")
    if type(figure.get_layout_engine()).__name__ == "ConstrainedLayoutEngine":
        # kiwisolver orders its variables by their addresses; where several layouts fit, any of them comes out.
        raise Refused("A constrained layout depends on where objects lie in memory.")
    enabled = gc.isenabled()
    gc.disable()  # what is collected half-way would be missing
    try:
        return _hash(_taken[0], figure, json.dumps([_SCHEME, options], sort_keys=True))
    finally:
        if enabled:
            gc.enable()


def _hash(snapshot: _Snapshot, figure: Any, options: str) -> str:
    state = (snapshot.constant, snapshot.surroundings.state(), snapshot.library.shared_paths)
    pieces = snapshot.canonicalizer.bytes_of((options, state, figure))
    if not snapshot.library.is_unchanged(snapshot.canonicalizer.roots):
        raise Refused("The code that draws is not what it was.")
    digest = hashlib.blake2b(digest_size=20)
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()
