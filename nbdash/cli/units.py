"""A systemd unit that runs the server for good, as text and as a file of the user's.

Quoting as in systemd.syntax(7) and systemd.service(5): C-style in double quotes, ``%`` and ``$`` doubled.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbdash.errors import OptionError

#: The first line of every unit that nbdash has written, and may write over and remove.
MARK = "# Written by 'nbdash service install'; 'systemctl --user edit {name}' is for what you want otherwise."
#: Where a notebook's Python is looked for; set by whatever activated an environment.
ENVIRONMENT = ("VIRTUAL_ENV", "CONDA_PREFIX")
_UNIT = """\
{mark}
[Unit]
Description=nbdash, dashboards from Jupyter notebooks
StartLimitIntervalSec=600
StartLimitBurst=20

[Service]
Type=exec
ExecStart={command}
WorkingDirectory=-{folder}
{environment}UMask=0077
NoNewPrivileges=yes
Restart=on-failure
RestartSec=10
# The server ends its worker and its runs in order, and these go back to the queue; what then is left is killed.
KillMode=mixed
TimeoutStopSec=45
# A run that took all the memory is not the end of the server.
OOMPolicy=continue
Delegate=yes

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What the unit is to run."""

    name: str
    python: str
    data: Path
    paths: Sequence[Path] = ()  #: notebooks and folders that are served
    environment: Mapping[str, str]  #: of whoever installs it

    def text(self) -> str:
        """The unit's file. Raises OptionError for a path that no unit can hold."""
        arguments = ["-m", "nbdash", "serve", "--data", str(self.data), *map(str, self.paths)]
        kept = {name: self.environment[name] for name in ENVIRONMENT if self.environment.get(name)}
        return _UNIT.format(
            mark=MARK.format(name=self.name),
            command=" ".join([_quoted(self.python), *(_quoted(each).replace("$", "$$") for each in arguments)]),
            folder=_one_line(str(self.data)).replace("%", "%%"),
            environment="".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in kept.items()),
        )


def unit_path(name: str) -> Path:
    """Where the user's unit of this name lies. Raises OptionError for a name that is none."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
        raise OptionError(
            f"{name[:80]!r} is no name for a service: use letters, digits and any of . - _.", field="name"
        )
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "systemd" / "user" / f"{name}.service"


def is_ours(path: Path) -> bool:
    """Whether nbdash has written this unit."""
    try:
        return path.read_text(encoding="utf-8").startswith(MARK.partition(";")[0])
    except (OSError, UnicodeDecodeError):
        return False


def systemctl(*arguments: str) -> str | None:
    """What the user's systemd does and says; None if it does not do it, or there is none."""
    command = ["systemctl", "--user", "--no-pager", *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _quoted(text: str) -> str:
    escaped = _one_line(text).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if re.search(r"[^\w@%+=:,./-]", text, re.ASCII) else escaped


def _one_line(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise OptionError(f"A unit cannot hold the path {text!r}: choose one without such characters.", field="path")
    return text
