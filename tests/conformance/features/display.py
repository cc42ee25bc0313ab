"""What a cell displays, and displays again: rich representations, display ids, clearing."""

from __future__ import annotations

_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'

STEADY = {
    "display": "from IPython.display import *\ndisplay(1, 'a')",
    "built in": "display is __builtins__.display if hasattr(__builtins__, 'display') else 'display' in __builtins__",
    "rich": "display(HTML('<b>h</b>'), Markdown('*m*'), Latex('$x$'), JSON({'a': [1]}), Math('x'), Code('a = 1'))",
    "value": "HTML('<b>value</b>')",
    "svg": f"SVG('{_SVG}')",
    "javascript": "Javascript('1')",
    "pretty": "Pretty('plain')",
    "geojson": "GeoJSON({'type': 'Point', 'coordinates': [1, 2]})",
    "iframe": "IFrame('about:blank', 100, 50)",
    "video": "YouTubeVideo('x', width=3)",
    "audio": "Audio(data=b'RIFFxxxx', rate=8000)",
    "links": "open('f.txt', 'w').close()\nFileLink('f.txt')",
    "link to nothing": "FileLink('no such file')",
    "files": "FileLinks('.')",
    "progress": "ProgressBar(10)",
    "image of bytes": "import base64\n"
    "png = "
    "base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwA"
    "DhgGAWjR9awAAAABJRU5ErkJggg==')\nImage(png)",
    "image metadata": "Image(png, width=50, height=20, alt='a', unconfined=True)",
    "image by address": "Image(url='x.png')",
    "raw": "display({'text/plain': 'p', 'application/x-own': 'o'}, raw=True, metadata={'m': 1})",
    "raw JSON": "display({'application/json': {'a': [1, None]}, 'text/plain': 'p'}, raw=True)",
    "include": "display(HTML('x'), include=['text/plain'])",
    "exclude": "display(HTML('x'), exclude=['text/html'])",
    "metadata": "display(HTML('x'), metadata={'text/html': {'isolated': True}})",
    "nothing": "display()",
    "handle": "h = display('first', display_id='known')",
    "update": "h.update('second'); print('updated')",
    "update display": "update_display('third', display_id='known')",
    "update with HTML": "h.update(HTML('<i>4</i>'))",
    "update unknown": "update_display('x', display_id='nobody')",
    "id shown twice": "display('one', display_id='twice'); display('two', display_id='twice')",
    "drawn id": "d = display('drawn', display_id=True)\ntype(d).__name__, len(d.display_id)",
    "drawn id updated": "d.update('drawn again')",
    "handle of its own": "own = DisplayHandle('own'); own.display('a'); own.update('b')",
    "update in a loop": "u = display(0, display_id='loop')\nfor i in range(3): u.update(i)",
    "id of a value": "class I:\n    def _ipython_display_(self): display('shown by itself', display_id='itself')\nI()",
    "clear": "for i in range(4):\n    clear_output(wait=True); print(i); display(i)",
    "clear at once": "print('gone'); clear_output(); print('stays')",
    "clear at the end": "print('stays'); clear_output(wait=True)",
    "clear before an error": "print('gone'); clear_output(wait=True); 1 / 0",
    "clear before a value": "print('gone'); clear_output(wait=True)\n5",
    "clear before an update": ""
    "display('a', display_id='c'); clear_output(wait=True); update_display('b', display_id='c')",
    "clear twice": "print(1); clear_output(wait=True); clear_output(wait=True); print(2); clear_output(); print(3)",
    "update of the cleared": "update_display('z', display_id='c')",
    "mimebundle": "class M:\n    def _repr_mimebundle_(self, **k): return {'text/plain': 'mb', 'text/x': 'x'}\nM()",
    "mimebundle with metadata": "class N:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
    "        return {'text/plain': 'n', 'text/html': '<b>n</b>'}, {'text/html': {'isolated': True}}\nN()",
    "html repr": "class H:\n    def _repr_html_(self): return '<p>h</p>'\n    def __repr__(self): return 'H'\nH()",
    "html in a list": "[H(), H()]",
    "broken repr": "class B:\n    def __repr__(self): raise ValueError('no repr')\nB()",
    "broken html": "class BH:\n    def _repr_html_(self): raise ValueError('no html')\n"
    "    def __repr__(self): return 'BH'\nBH()",
    "repr of none": "class RN:\n    def _repr_html_(self): return None\n    def __repr__(self): return 'RN'\nRN()",
    "repr of another type": "class RT:\n    def _repr_html_(self): return 5\n    def __repr__(self): return 'RT'\nRT()",
    "latex repr": "class L:\n    def _repr_latex_(self): return '$l$'\n    def __repr__(self): return 'L'\nL()",
    "json repr": "class J:\n    def _repr_json_(self): return {'j': 1}\n    def __repr__(self): return 'J'\nJ()",
    "markdown repr": "class K:\n    def _repr_markdown_(self): return '**k**'\n    def __repr__(self): return 'K'\nK()",
    "javascript repr": ""
    "class JS:\n    def _repr_javascript_(self): return '1'\n    def __repr__(self): return 'JS'\n"
    "JS()",
    "svg repr": f"class S:\n    def _repr_svg_(self): return '{_SVG}'\n    def __repr__(self): return 'S'\nS()",
    "png repr": "class PN:\n    def _repr_png_(self): return png\n    def __repr__(self): return 'PN'\nPN()",
    "png repr with metadata": "class PM:\n    def _repr_png_(self): return png, {'width': 5}\n"
    "    def __repr__(self): return 'PM'\nPM()",
    "jpeg repr": "import io\nfrom PIL import Image as P\n"
    "buffer = io.BytesIO(); P.new('RGB', (4, 3), 'red').save(buffer, 'jpeg')\nclass JP:\n"
    "    def _repr_jpeg_(self): return buffer.getvalue()\n    def __repr__(self): return 'JP'\nJP()",
    "pdf repr": "class PD:\n    def _repr_pdf_(self): return b'%PDF-1.4'\n    def __repr__(self): return 'PD'\nPD()",
    "pretty repr": "class RP:\n"
    "    def _repr_pretty_(self, p, cycle): p.text('pretty'); p.breakable(); p.text('x')\nRP()",
    "pil": "P.new('RGB', (4, 3), 'red')",
    "pil mode": "P.new('L', (3, 3), 7)",
    "display in a function": "def shows():\n    display('inside'); print('after')\nshows()",
    "display from a thread": ""
    "import threading\nt = threading.Thread(target=display, args=('thread',)); t.start(); t.join()",
    "interleaved": "print(1); display(2); print(3); display(4); print(5)",
    "streams and display": "import sys\nprint('e', file=sys.stderr); display('d'); print('o')",
    "float": "0.1 + 0.2, 1e300, float('nan')",
    "long text": "'x' * 5000",
    "nested": "{'a': {'b': [{'c': tuple(range(40))}]}}",
    "set": "{3, 1, 2}",
    "recursive": "r = []; r.append(r)\nr",
    "module": "import math\nmath",
    "type": "H",
    "function": "len",
    "exception value": "ValueError('a value')",
    "interactivity": "%config InteractiveShell.ast_node_interactivity = 'all'",
    "interactivity all": "1\n2\n'three'",
    "interactivity last": "%config InteractiveShell.ast_node_interactivity = 'last_expr_or_assign'",
    "assignment shown": "shown = 5",
    "interactivity none": "%config InteractiveShell.ast_node_interactivity = 'none'",
    "not shown": "6",
}

UNSTEADY = {
    "import": "from IPython.display import *",
    "progress loop": "for i in ProgressBar(3): pass",
}
