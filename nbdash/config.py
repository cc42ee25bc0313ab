"""Every setting, with its meaning; from ``nbdash.toml`` in the data directory, then ``NBDASH_*``."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from nbdash.errors import OptionError

DEFAULT_PORT = 8700
CONFIG_NAME = "nbdash.toml"
#: What a notebook's own metadata may lower, and never raise.
LOWERABLE = ("timeout", "cell_timeout", "memory_mib", "processes", "output_mib", "figures", "megapixels")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field per setting. ``NBDASH_KEEP=10`` or ``keep = 10`` in nbdash.toml sets ``keep``."""

    #: Where dashboards, runs and figures are kept.
    data: Path
    #: The address the server listens on.
    host: str = "127.0.0.1"
    #: The first port to try; the next free one is taken if it is in use.
    port: int = DEFAULT_PORT
    #: Path prefix under which a proxy serves nbdash, such as ``/reports``.
    base_url: str = ""
    #: Folder with Jinja files that replace the shipped ones of the same name.
    templates: Path | None = None
    #: Host names, besides this machine's own, under which the server answers (comma-separated).
    trusted_hosts: tuple[str, ...] = ()
    #: Where a proxy serves nbdash, such as ``https://dash.corp/reports``: links to share begin with it.
    public_url: str = ""
    #: Proxies whose ``X-Forwarded-*`` headers are believed; with any, nobody counts as on this machine.
    proxy_hops: int = 0
    #: Addresses and networks that these proxies have; the headers of others are not believed.
    proxy_from: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    #: Header in which the nearest proxy names the account of whoever asks, such as ``Remoteuser``; letters only.
    account_header: str = ""
    #: Header in which it names the account's groups, separated by commas.
    groups_header: str = ""
    #: OpenID Connect provider with which people log in; empty: nobody can.
    oidc_issuer: str = ""
    #: What nbdash is known as there.
    oidc_client_id: str = ""
    #: Its secret there, best as ``NBDASH_OIDC_CLIENT_SECRET``.
    oidc_client_secret: str = ""
    #: What is asked of the provider.
    oidc_scopes: str = "openid profile email"
    #: The claim that has an account's groups.
    oidc_groups_claim: str = "groups"
    #: Hours after which one has to log in again.
    login_hours: float = 12.0
    #: Finished runs kept per dashboard.
    keep: int = 50
    #: Runs at a time; 0 means one per processor.
    workers: int = 0
    #: Threads that answer requests.
    threads: int = 48
    #: Long polls held open at a time; beyond that they are answered at once.
    long_polls: int = 24
    #: ``fork`` or ``kernel``; empty means the platform's default.
    engine: str = ""
    #: Seconds a run may take.
    timeout: float = 3600.0
    #: Seconds a cell may take; 0 means as many as the run.
    cell_timeout: float = 0.0
    #: MiB of memory that a run with all its processes may use.
    memory_mib: int = 4096
    #: Processes that a run may have at a time.
    processes: int = 512
    #: MiB of outputs that a run may produce.
    output_mib: int = 32
    #: MiB of memory for checkpoints, from which runs with other parameters start; 0: they start from the beginning.
    checkpoint_mib: int = 1024
    #: Figures that a run may show.
    figures: int = 64
    #: Million pixels that a figure may have.
    megapixels: int = 64
    #: Seconds without a heartbeat after which a run's worker counts as dead.
    lease: float = 30.0
    #: Reruns a minute per dashboard; more are answered 429.
    reruns_per_minute: int = 60
    #: Runs that may wait; beyond that reruns are answered 429.
    queue: int = 500
    #: MiB that notebooks, figures and results may take together; beyond that nothing is published or run.
    stored_mib: int = 20480
    #: MiB that a notebook published from elsewhere may have with its data files.
    upload_mib: int = 64
    #: MiB of figures embedded in a page; those beyond are linked and load lazily.
    page_mib: int = 16

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "nbdash.sqlite"


def default_data_dir() -> Path:
    """The platform's user data directory for nbdash."""
    return Path(platformdirs.user_data_dir("nbdash", appauthor=False))


def load_settings(data: Path | str | None = None, **overrides: Any) -> Settings:
    """Settings for a data directory: defaults, then its nbdash.toml, then ``NBDASH_*``, then ``overrides``.

    An override of None counts as not given.
    Raises OptionError for an unknown name or a value that does not fit.
    """
    folder = Path(data or os.environ.get("NBDASH_DATA") or default_data_dir()).expanduser().absolute()
    values = _from_file(folder / CONFIG_NAME) | _from_environment(os.environ)
    settings = _with_values(Settings(data=folder), values)
    return replace(settings, **{name: value for name, value in overrides.items() if value is not None})


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} is not valid TOML ({error}): correct it or remove it.") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {field.name for field in fields(Settings)} - {"data"}
    return {name: environment[key] for name in names if (key := f"NBDASH_{name.upper()}") in environment}


def _with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    known = {field.name for field in fields(Settings)}
    converted: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise OptionError(f"Unknown setting {name!r}; there are: {', '.join(sorted(known))}.", field=name)
        converted[name] = _convert(name, value, getattr(settings, name))
    return replace(settings, **converted)


def _convert(name: str, value: Any, default: Any) -> Any:
    """``value`` as the type of ``default``; TOML values and environment strings alike."""
    try:
        if name in ("data", "templates"):
            return Path(str(value)).expanduser().absolute()
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if isinstance(default, bool) or isinstance(value, bool):
            raise ValueError
        converted = type(default)(value)
        if not isinstance(converted, str) and not 0 <= converted < math.inf:
            raise ValueError
        return converted
    except (TypeError, ValueError, OverflowError):
        kind = {int: "a whole number from 0 on", float: "a number from 0 on"}.get(type(default), "a text")
        raise OptionError(f"Setting {name!r} is {value!r}, which is not {kind}.", field=name) from None
