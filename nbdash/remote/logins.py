"""The tokens for servers elsewhere, one per server, in a file that only its owner reads."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import platformdirs

from nbdash.errors import OptionError
from nbdash.remote.server import checked_url

LOGINS_NAME = "servers.json"


class Logins:
    """The tokens that ``nbdash login`` was given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(platformdirs.user_config_dir("nbdash", appauthor=False)) / LOGINS_NAME

    def token(self, url: str) -> str:
        """The server's token; ``NBDASH_TOKEN`` comes first. Raises OptionError if there is none."""
        token = os.environ.get("NBDASH_TOKEN") or self._read().get(checked_url(url))
        if not token:
            raise OptionError(
                f"There is no token for {checked_url(url)}: 'nbdash login {url}' asks for it.", field="to"
            )
        return token

    def keep(self, url: str, token: str) -> None:
        """Keep a server's token."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._read() | {checked_url(url): token}, file, indent=1)
        draft.replace(self._path)

    def forget(self, url: str) -> bool:
        """Forget a server's token; False if there was none."""
        kept = self._read()
        if kept.pop(checked_url(url), None) is None:
            return False
        self._path.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        return True

    @property
    def is_exposed(self) -> bool:
        """Whether others on this machine may read the file."""
        return os.name == "posix" and self._path.exists() and bool(stat.S_IMODE(self._path.stat().st_mode) & 0o077)

    def protect(self) -> None:
        """Leave the file to its owner."""
        self._path.chmod(0o600)

    def _read(self) -> dict[str, str]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(url): str(token) for url, token in kept.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise OptionError(
                f"{self._path} cannot be read ({error}): mend it, or remove it and log in again."
            ) from None
