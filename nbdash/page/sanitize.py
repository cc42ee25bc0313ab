"""The gate for notebook-made HTML: what passes may stand in nbdash's own page."""

from __future__ import annotations

import base64
import re

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from nbdash.page.pictures import PictureError, read_picture

TAGS = frozenset(
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure "
    "h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strong sub summary sup table "
    "tbody td tfoot th thead time tr tt u ul var wbr".split()
)
ATTRIBUTES = {
    "*": {"title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"class"},
    "td": {"class", "colspan", "rowspan", "align"},
    "th": {"class", "colspan", "rowspan", "scope", "align"},
    "ol": {"start", "reversed", "type"},
    "details": {"open"},
    "time": {"datetime"},
}
#: Classes as pandas writes them; any other could borrow the looks of nbdash's own controls.
_CLASS = re.compile(r"dataframe|data|blank|index_name|(?:row|col)_heading|(?:level|row|col)\d{1,4}")
_LINK = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)
_DATA_URL = re.compile(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=\s]+)")

#: What a page without inline script and style cannot show.  It only chooses between page and frame:
#: whatever goes to the page passes the allow-list.
_ACTIVE = re.compile(
    r"<(?:script|iframe|object|embed|applet|canvas|svg|math|video|audio|form|input|button|select|textarea|link)\b"
    r"|<style\b(?![^<>]*\bscoped\b)"
    r"|<[^<>]*[\s/\"']on[a-z]+\s*="
    r"|<[^<>]*[\s/\"']style\s*=(?!\s*[\"']?\s*text-align:\s*\w+;?\s*[\"'>])",
    re.IGNORECASE,
)


def needs_frame(html: str) -> bool:
    """Whether the HTML depends on script, embedded documents or styles of its own."""
    return _ACTIVE.search(html) is not None


def has_content(html: str) -> bool:
    """Whether anything is to be seen: a lone style sheet, say, shows nothing."""
    return bool(nh3.clean(html, tags=set()).strip()) or bool(re.search(r"<(?!/|style|!)[a-z]+", html, re.I))


def clean_html(html: str) -> str:
    """The HTML reduced to the allow-list; inert in any page."""
    cleaned = nh3.clean(
        html,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        attribute_filter=_filter_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )
    # pandas' empty corner is no header of anything, which screen readers would announce.
    return cleaned.replace("<th></th>", "<td></td>")


def render_markdown(source: str, pictures: dict[str, str] | None = None) -> str:
    """Markdown as clean HTML; ``pictures`` are a cell's attachments, name to data URL."""
    parser = _markdown()
    tokens = parser.parse(_with_attachments(source, pictures or {}))
    for token in tokens:
        if "style" in token.attrs:  # how a table's columns are aligned; style attributes never pass
            token.attrs["align"] = str(token.attrs["style"]).removeprefix("text-align:")
    return clean_html(parser.renderer.render(tokens, parser.options, {}))


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class":
        return " ".join(part for part in value.split() if _CLASS.fullmatch(part)) or None
    if name == "href":
        return value if _LINK.match(value) else None
    if name == "src":
        return _checked_source(value)
    return value


def _checked_source(value: str) -> str | None:
    """A data URL written anew from the picture's checked bytes; nothing is ever fetched from elsewhere."""
    match = _DATA_URL.fullmatch(value)
    if match is None:
        return None
    try:
        picture = read_picture(match[1])
    except PictureError:
        return None
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode()}"


def _with_attachments(source: str, pictures: dict[str, str]) -> str:
    return re.sub(r"attachment:([^\s)\"'>]+)", lambda match: pictures.get(match[1], ""), source)


def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: bool(_LINK.match(url) or _DATA_URL.fullmatch(url))  # type: ignore[method-assign]
    parser.inline.ruler.before("escape", "math", _math)
    return parser


_MATH = re.compile(r"(\${1,2})(?=\S)(?:\\.|[^\\$])+?(?<=\S)\1(?!\d)", re.DOTALL)


def _math(state: StateInline, silent: bool) -> bool:
    """Keep ``$a_1 * b_1$`` as written: Markdown would read its underscores and stars as emphasis."""
    match = _MATH.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        state.push("text", "", 0).content = match[0]
    state.pos = match.end()
    return True
