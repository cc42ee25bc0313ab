"""What an author says about one cell: tags, ``#|`` lines and metadata, foreign conventions included.

Where two places say different things, the ``#|`` line wins over the tags, these over
``metadata.nbdash``, and that over other tools' metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbdash.model import CardOptions, Role, Visibility
from nbdash.notebook.comments import CommentOptions, read_comments
from nbdash.notebook.text import clean_line

#: Role tags in the order in which they win over each other.
ROLE_TAGS: Mapping[str, Role] = {
    "dash-skip": Role.SKIP,
    "skip-execution": Role.SKIP,
    "injected-parameters": Role.INJECTED,
    "parameters": Role.PARAMETERS,
    "dash": Role.CARD,
    "body": Role.CARD,
    "dash-setup": Role.SETUP,
}
#: Tags that say how a cell's source or output appears: Jupyter Book's, nbconvert's, Posit's.
VISIBILITY_TAGS: Mapping[str, Mapping[str, Visibility]] = {
    "hide-input": {"source": Visibility.COLLAPSED},
    "hide-output": {"output": Visibility.COLLAPSED},
    "hide-cell": {"output": Visibility.COLLAPSED},
    "hide_input": {"source": Visibility.ABSENT},  # Posit's: not behind a toggle but gone
    "hide_output": {"output": Visibility.COLLAPSED},
    "hide_cell": {"output": Visibility.COLLAPSED},
    "remove-input": {"source": Visibility.ABSENT},
    "remove_input": {"source": Visibility.ABSENT},
    "remove-output": {"output": Visibility.ABSENT},
    "remove_output": {"output": Visibility.ABSENT},
    "remove-cell": {"source": Visibility.ABSENT, "output": Visibility.ABSENT},
    "remove_cell": {"source": Visibility.ABSENT, "output": Visibility.ABSENT},
}
#: Every tag that nbdash understands, for did-you-mean.
KNOWN_TAGS = (*ROLE_TAGS, *VISIBILITY_TAGS, "raises-exception")

#: Other names for an option, first the one that wins.
_ALIASES = {
    "title": ("title",),
    "caption": ("caption", "fig-cap", "tbl-cap"),
    "alt": ("alt", "fig-alt"),
    "label": ("label", "id"),
    "width": ("width",),
}
_TRUE = {"true", "yes", "on"}
_FALSE = {"false", "no", "off"}
_TEXT_CHARACTERS = {"title": 200, "label": 64, "caption": 2000, "alt": 2000}


@dataclass(frozen=True, kw_only=True, slots=True)
class CellSettings:
    """Everything that one cell's tags, ``#|`` lines and metadata say, and what was wrong with them."""

    tags: tuple[str, ...]
    role: Role
    options: CardOptions
    may_raise: bool
    notices: tuple[str, ...]  #: sentences about this cell, without its number


def options_of(cell: Mapping[str, Any]) -> CellSettings:
    """The settings of an nbformat 4.5 cell."""
    is_code = cell["cell_type"] == "code"
    comments = read_comments(cell["source"]) if is_code else CommentOptions()
    tags = _tags_of(cell["metadata"], comments)
    notices = list(comments.notices)
    role = _role_of(cell["cell_type"], tags, comments, notices)
    found: dict[str, Any] = {}
    for values in (
        _foreign_values(cell["metadata"]),
        _own_values(cell["metadata"], notices),
        comments.values,
    ):
        found |= _texts_of(values, notices)
    found |= _visibility_of(tags, cell["metadata"], comments.values)
    return CellSettings(
        tags=tags,
        role=role,
        options=CardOptions(**found),
        may_raise="raises-exception" in tags or _flag(comments.values, "error") is True,
        notices=tuple(notices),
    )


def _tags_of(metadata: Mapping[str, Any], comments: CommentOptions) -> tuple[str, ...]:
    """The tags in the metadata, as ``#| tags:`` and as ``#| dash``."""
    listed = comments.values.get("tags", ())
    listed = listed.replace(",", " ").split() if isinstance(listed, str) else listed
    commented = [tag for tag in listed if isinstance(tag, str)]
    words = [word for word in comments.words if word in KNOWN_TAGS]
    return tuple(dict.fromkeys([*metadata.get("tags", ()), *commented, *words]))


def _role_of(kind: str, tags: tuple[str, ...], comments: CommentOptions, notices: list[str]) -> Role:
    if _flag(comments.values, "eval") is False:
        return Role.SKIP
    found = [(tag, role) for tag, role in ROLE_TAGS.items() if tag in tags and _role_fits(kind, role)]
    unfit = [tag for tag, role in ROLE_TAGS.items() if tag in tags and not _role_fits(kind, role)]
    notices.extend(f"The tag {tag!r} means nothing on a {kind} cell." for tag in unfit)
    if not found:
        return Role.PLAIN
    winner, role = found[0]
    losers = [tag for tag, other in found if other is not role]
    if losers:
        notices.append(f"It is tagged both {winner!r} and {losers[0]!r}; {winner!r} counts.")
    return role


def _role_fits(kind: str, role: Role) -> bool:
    return kind == "code" or (kind == "markdown" and role in (Role.CARD, Role.SKIP))


# --- texts and width ---


def _foreign_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """MyST-NB's figure options, nbconvert's ``alt`` and jupyter-flex's ``size=6`` tag."""
    image, figure = (_nested(metadata, "mystnb", part) for part in ("image", "figure"))
    sizes = [tag.removeprefix("size=") for tag in metadata.get("tags", ()) if tag.startswith("size=")]
    values = {
        "alt": image.get("alt") or metadata.get("alt"),
        "caption": figure.get("caption"),
        "label": figure.get("name"),
        "width": sizes[0] if sizes else None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _own_values(metadata: Mapping[str, Any], notices: list[str]) -> dict[str, Any]:
    own = metadata.get("nbdash", {})
    if not isinstance(own, dict):
        notices.append("Its metadata 'nbdash' is not an object and was ignored.")
        return {}
    known = {alias for aliases in _ALIASES.values() for alias in aliases} | {"source", "output", "figures"}
    notices.extend(f"Its metadata 'nbdash.{key[:40]}' is unknown and was ignored." for key in own.keys() - known)
    return own


def _nested(metadata: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    value: Any = metadata
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _texts_of(values: Mapping[str, Any], notices: list[str]) -> dict[str, str | int]:
    """The options of :class:`CardOptions` that are texts or numbers."""
    found: dict[str, str | int] = {}
    for name, aliases in _ALIASES.items():
        value = next((values[alias] for alias in aliases if alias in values), None)
        if value is None:
            continue
        read = _read_width(value) if name == "width" else _read_text(value, _TEXT_CHARACTERS[name])
        if read is None:
            notices.append(f"Its option {name!r} is {_shown(value)}, which is not {_expected(name)}.")
        else:
            found[name] = read
    return found


def _read_text(value: Any, characters: int) -> str | None:
    """One line of text; of a list (Quarto's captions per figure) the first."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return clean_line(str(value), characters) or None


def _read_width(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 12 and len(text) < 3 else None


def _expected(name: str) -> str:
    return "a number from 1 to 12" if name == "width" else "a line of text"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


# --- visibility ---


def _visibility_of(
    tags: Iterable[str], metadata: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Visibility]:
    own = _nested(metadata, "nbdash")
    found = {part: own[part] for part in ("source", "output") if own.get(part) in list(Visibility)}
    for tag in tags:
        found |= VISIBILITY_TAGS.get(tag, {})
    return {part: Visibility(value) for part, value in found.items()} | dict(_quarto_visibility(values))


def _quarto_visibility(values: Mapping[str, Any]) -> Iterator[tuple[str, Visibility]]:
    """Quarto's ``echo``, ``code-fold``, ``output`` and ``include``."""
    if str(values.get("code-fold", "")).lower() in _TRUE | {"show"}:
        yield "source", Visibility.COLLAPSED
    elif (echo := _flag(values, "echo")) is not None:
        yield "source", Visibility.SHOWN if echo else Visibility.ABSENT
    if _flag(values, "output") is False:
        yield "output", Visibility.ABSENT
    if _flag(values, "include") is False:
        yield "source", Visibility.ABSENT
        yield "output", Visibility.ABSENT


def _flag(values: Mapping[str, Any], key: str) -> bool | None:
    """A YAML truth value; Quarto's third ones (``fenced``, ``asis``) count as true."""
    text = str(values.get(key, "")).strip().lower()
    return None if not text else text not in _FALSE
