"""Documents of sandboxed frames: notebook-made HTML with script, alone in an origin of its own."""

from __future__ import annotations

from html import escape

#: What such a document may load: nothing from anywhere; what it holds itself may draw and compute.
FRAME_SOURCES = (
    "default-src 'none'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; "
    "connect-src 'none'; form-action 'none'; base-uri 'none'"
)

_STYLE = """
:root { color-scheme: light; font: 14px/1.5 system-ui, sans-serif; color: #1c2024; background: #fff; }
body { margin: 0; padding: 1px; }
img, svg, video, canvas { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; }
thead th { border-bottom: 1px solid #d5d9de; }
"""
#: Opened by itself, the document is nobody's frame: its text must not stand under nbdash's address as a page.
#: Else it tells the page how tall it is; the page knows it by its frame, not by what it says.
_SCRIPT = """
if (self === top) document.write("<p>This is a part of a dashboard: open the dashboard itself.<plaintext hidden>");
addEventListener("load", () => {
  const tell = () => parent.postMessage({ nbdashHeight: document.documentElement.offsetHeight }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
  tell();
});
"""


def frame_document(body: str, *, title: str) -> str:
    """A whole document around ``body``, which is untrusted: serve it only under a sandboxing policy."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><script>{_SCRIPT}</script></head>\n<body>\n{body}\n</body></html>\n"
    )
