"""Cells that end the process, each in a session of its own; what comes after them is not executed."""

from __future__ import annotations

_LEAVE = {
    "os exit": "import os\nos._exit(3)",
    "killed": "import os, signal, time\nos.kill(os.getpid(), signal.SIGKILL); time.sleep(5)",
    "killed later": "import os, signal, time\nprint('on')\ntime.sleep(1)\nos.kill(os.getpid(), signal.SIGKILL)",
}

SESSIONS = {
    f"ends by {name}": {"before": "print('before')\n1", "end": source, "after": "print('after')"}
    for name, source in _LEAVE.items()
}
