"""Parameters as ``nbdash run`` takes them: papermill's ``-p``, ``-r``, ``-f`` and ``-y``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from nbdash.errors import ParameterError
from nbdash.model import Json
from nbdash.notebook.parameters import cast_value


class _Loader(yaml.SafeLoader):
    """Dates stay text, as papermill leaves them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def gather_parameters(
    files: Sequence[str],
    yamls: Sequence[str],
    parameters: Sequence[tuple[str, str]],
    raws: Sequence[tuple[str, str]],
) -> dict[str, Json]:
    """All parameters; as with papermill the later kind of option wins. Raises ParameterError."""
    values: dict[str, Json] = {}
    for name in files:
        values |= _from_yaml(_read(name), f"the file {name!r}")
    for text in yamls:
        values |= _from_yaml(text, "--yaml")
    values |= {name: cast_value(text) for name, text in parameters}
    return values | dict(raws)


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ParameterError(f"The parameters in {name!r} cannot be read ({why}): check the file.") from None


def _from_yaml(text: str, source: str) -> dict[str, Json]:
    try:
        values = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        why = str(error).splitlines()[0]
        raise ParameterError(f"The parameters in {source} are no valid YAML ({why}): correct them.") from None
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ParameterError(f"The parameters in {source} are no mapping: write lines like 'region: north'.")
    return values
