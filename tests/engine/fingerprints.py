"""Asks a warm process for the fingerprint, and the picture, of the figure that some code makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

_PROGRAM = Path(__file__).with_name("fingerprint_zygote.py")
_OPTIONS = {"format": "png", "bbox_inches": "tight"}


class WarmProcess:
    """Every question is answered by a fork of its own."""

    def __init__(self, *fonts: Path, hash_seed: int = 0) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-W", "ignore", str(_PROGRAM), *map(str, fonts)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, code: str, *, draws: bool = False, options: Mapping[str, Any] = _OPTIONS) -> dict[str, Any]:
        """``fingerprint``, ``why`` there is none, and the ``picture`` if it ``draws``."""
        assert self._process.stdin and self._process.stdout
        request = {"code": code, "draws": draws, "options": options}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer
