"""Where a notebook was published to, remembered beside it in ``.nbdash.toml``; no secret is in it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from nbdash.errors import OptionError

TARGETS_NAME = ".nbdash.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A dashboard on a server elsewhere."""

    server: str
    slug: str
    data: tuple[str, ...] = ()  #: what was sent with the notebook, as it was named


def find_target(notebook: Path) -> Target | None:
    """Where this notebook was published to last. Raises OptionError for a file that cannot be read."""
    known = _read(notebook.parent / TARGETS_NAME).get("notebooks", {}).get(notebook.name)
    if known is None:
        return None
    try:
        return Target(server=known["server"], slug=known["slug"], data=tuple(known.get("data", ())))
    except (KeyError, TypeError):
        raise _broken(notebook.parent / TARGETS_NAME, f"'{notebook.name}' has no server and slug") from None


def keep_target(notebook: Path, target: Target) -> None:
    """Remember it for the next time."""
    path = notebook.parent / TARGETS_NAME
    content = _read(path)
    entry: dict[str, Any] = {"server": target.server, "slug": target.slug}
    if target.data:
        entry["data"] = list(target.data)
    content.setdefault("notebooks", {})[notebook.name] = entry
    draft = path.with_suffix(".tmp")
    draft.write_bytes(tomli_w.dumps(content).encode())
    draft.replace(path)


def find_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The files that ``names`` mean, below ``folder``: files, folders with all that is in them, patterns.

    Relative path → where it lies. Raises OptionError for what is not there or lies elsewhere.
    """
    found: dict[str, Path] = {}
    for name in names:
        paths = [folder / name] if (folder / name).exists() else sorted(folder.glob(name)) if name else []
        files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
        inside = [file for file in files if file.is_file() and file.resolve().is_relative_to(folder.resolve())]
        if not inside:
            raise OptionError(
                f"There is no data file {name!r} beside the notebook or below: name one there.", field="with"
            )
        found |= {file.relative_to(folder).as_posix(): file for file in inside}
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from None


def _broken(path: Path, why: str) -> OptionError:
    return OptionError(f"{path} cannot be used ({why}): correct it, or remove it.")
