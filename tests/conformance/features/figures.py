"""Matplotlib's figures through the inline back end, and through others."""

from __future__ import annotations

_IMPORT = {"import": "import numpy as np\nimport matplotlib.pyplot as plt\nfrom IPython.display import *"}

STEADY = _IMPORT | {
    "plot": "plt.plot([1, 2])",
    "plot quiet": "plt.plot([1, 3]);",
    "show": "plt.plot([1, 2]); plt.show(); print('between'); plt.plot([2, 1]); plt.show()",
    "show nothing": "plt.show()",
    "show a figure": "fig, ax = plt.subplots(); ax.plot([1, 4]); fig.show()",
    "returned": "fig, ax = plt.subplots(); ax.plot([3, 1]); fig",
    "closed and returned": "fig, ax = plt.subplots(); ax.plot([3, 1]); plt.close(fig)\nfig",
    "closed": "fig, ax = plt.subplots(); ax.plot([3, 1]); plt.close()",
    "displayed": "fig, ax = plt.subplots(); display(fig); ax.set_title('later')",
    "again": "fig",
    "twice": "fig, ax = plt.subplots(figsize=(2, 1)); display(fig); display(fig); plt.close(fig)",
    "changed": "fig, ax = plt.subplots(figsize=(2, 1)); display(fig); ax.plot([1]); display(fig); plt.close(fig)",
    "with an id": "fig, ax = plt.subplots(figsize=(2, 1)); h = display(fig, display_id='f'); plt.close(fig)",
    "updated": "ax.plot([2, 1]); h.update(fig)",
    "loop": "for i in range(3):\n    plt.figure(figsize=(2, 1)); plt.plot([i, 1])",
    "function": "def draw(n):\n    fig, ax = plt.subplots(figsize=(2, 2)); ax.bar([0, 1], [n, 1]); return ax\ndraw(3)",
    "printed between": "for i in range(2):\n    plt.figure(figsize=(1, 1)); print(i); plt.show()",
    "raise after": "plt.plot([1, 2]); 1 / 0",
    "after the error": "print(plt.get_fignums())",
    "position after layout": "fig, ax = plt.subplots(layout='constrained', figsize=(2, 2)); ax.set_ylabel('y'); "
    "ax.set_title('t')",
    "position seen": "np.round(ax.get_position().bounds, 4), np.round(ax.get_tightbbox().bounds, 1)",
    "limits after drawing": "fig, ax = plt.subplots(figsize=(2, 1)); ax.plot([1, 5])",
    "limits seen": "ax.get_xlim(), [t.get_text() for t in ax.get_xticklabels()], fig.stale",
    "draw event": "fig, ax = plt.subplots(figsize=(1, 1)); n = []\n"
    "fig.canvas.mpl_connect('draw_event', lambda e: n.append(1));",
    "draw events counted": "len(n)",
    "warns when drawn": "fig, ax = plt.subplots(figsize=(1, 1)); ax.set_title('東')",
    "logs when drawn": "plt.figure(figsize=(1, 1)); plt.text(0, 0, 'x', fontfamily='no such font');",
    "prints when drawn": "from matplotlib.ticker import FuncFormatter\nfig, ax = plt.subplots(figsize=(1, 1))\n"
    "ax.xaxis.set_major_formatter(FuncFormatter(lambda v, p: print('drawn') or 'x'))",
    "clear loop": "for i in range(3):\n    plt.plot([i, 1]); clear_output(wait=True); plt.show()",
    "style": "plt.style.use('ggplot'); plt.rcParams['figure.dpi'] = 60\nplt.plot([1, 2])",
    "context": "with plt.style.context('dark_background'):\n    plt.plot([1, 2]); plt.show()",
    "context left": "with plt.style.context('dark_background'):\n    plt.plot([1, 2])",
    "inline again": "%matplotlib inline\nplt.plot([1, 2]); plt.rcParams['figure.dpi']",
    "savefig": "fig, ax = plt.subplots(); ax.plot([1]); fig.savefig('f.png'); plt.close(fig)",
    "image": "Image('f.png')",
    "image width": "Image('f.png', width=50, alt='a')",
    "seeded": "rng = np.random.default_rng(1)\nplt.hist(rng.normal(size=100));",
    "old seed": "np.random.seed(3)\nplt.hist(np.random.rand(9));",
    "back end": "plt.get_backend()",
    "interactive": "import matplotlib\nmatplotlib.is_interactive(), plt.isinteractive()",
    "array": "np.arange(5), np.float64(1.5)",
    "array printed": "print(np.eye(3)); np.set_printoptions(precision=2); np.array([1 / 3])",
    "numpy warns": "np.array([1.0]) / 0",
    "capture": "%%capture c\nplt.plot([1, 2])",
    "captured": "[type(o).__name__ for o in c.outputs]",
    "captured shown": "c.show()",
    "rc": "with plt.rc_context({'lines.linewidth': 5}):\n    plt.plot([1, 2]); plt.show()",
    "numbers": "plt.figure(5); plt.figure('named'); plt.get_fignums(), plt.get_figlabels()",
    "current": "plt.gcf().number",
    "switch and draw": "plt.figure(1, figsize=(1, 1)); plt.plot([1]); plt.figure(2, figsize=(2, 1)); "
    "plt.plot([2]); plt.figure(1); plt.plot([3])",
}

OPTIONS = _IMPORT | {
    "small": "plt.rcParams['figure.figsize'] = (2, 2)\nimport matplotlib\nmatplotlib.rcParams['svg.hashsalt'] = 'x'",
    "svg": "%config InlineBackend.figure_formats = ['svg']\nplt.plot([1, 2]);",
    "several": "%config InlineBackend.figure_formats = ['png', 'svg']\nplt.plot([1, 2]);",
    "retina": "%config InlineBackend.figure_format = 'retina'\nplt.plot([1, 2]);",
    "retina returned": "fig, ax = plt.subplots(); plt.close(fig)\nfig",
    "jpeg": "%config InlineBackend.figure_format = 'jpeg'\nplt.plot([1, 2]);",
    "pdf": "%config InlineBackend.figure_format = 'pdf'\nplt.figure(); plt.close()",
    "unknown format": "%config InlineBackend.figure_format = 'gif'",
    "png": "%config InlineBackend.figure_format = 'png'\nplt.plot([1, 2]);",
    "set formats": "from matplotlib_inline.backend_inline import set_matplotlib_formats\n"
    "set_matplotlib_formats('svg')\nplt.plot([1]);",
    "set formats back": "set_matplotlib_formats('png', dpi=50)\nplt.plot([1]);",
    "bbox": "%config InlineBackend.print_figure_kwargs = {'bbox_inches': None}\nplt.plot([1, 2]);",
    "face colour": "%config InlineBackend.print_figure_kwargs = {'facecolor': 'y', 'pil_kwargs': "
    "{'compress_level': 1}}\nplt.plot([1, 2]);",
    "print options off": "%config InlineBackend.print_figure_kwargs = {}\nplt.plot([1, 2]);",
    "transparent": "plt.rcParams['savefig.transparent'] = True\nplt.plot([1, 2]);",
    "background": "plt.rcParams['savefig.transparent'] = False; plt.rcParams['figure.facecolor'] = (0, 0, 0, 0)\n"
    "plt.plot([1, 2]);",
    "inline rc": "%config InlineBackend.rc = {'figure.figsize': (1, 1)}\n%matplotlib inline\nplt.plot([1, 2]);",
    "kept open": "%config InlineBackend.close_figures = False\nplt.figure(figsize=(2, 2)); plt.plot([1, 2]);",
    "still open": "plt.plot([2, 1]);",
    "open without a change": "1",
    "show keeps": "plt.show(); plt.get_fignums()",
    "show closes": "plt.show(close=True); plt.get_fignums()",
    "close": "plt.close('all')\n%config InlineBackend.close_figures = True",
    "config seen": "%config InlineBackend",
}

KINDS = _IMPORT | {
    "subfigures": "fig = plt.figure(layout='constrained'); a, b = fig.subfigures(1, 2)\n"
    "a.subplots().plot([1, 2]); b.suptitle('b');",
    "mosaic": "fig, axes = plt.subplot_mosaic('AB;CC', layout='constrained'); axes['A'].plot([1]);",
    "tight": "fig, ax = plt.subplots(2, 2); fig.tight_layout()",
    "compressed": "fig, ax = plt.subplots(1, 2, layout='compressed'); ax[0].imshow(np.eye(3))",
    "colorbar": "im = plt.imshow(np.arange(9).reshape(3, 3)); plt.colorbar(im)",
    "3d": "ax = plt.figure().add_subplot(projection='3d'); ax.plot([0, 1], [0, 1], [0, 1])",
    "polar": "plt.polar([0, 1, 2], [1, 2, 3])",
    "log": "plt.loglog([1, 10, 100])",
    "dates": "import datetime as dt\nplt.plot([dt.date(2024, 1, d) for d in (1, 9, 30)], [1, 2, 3])",
    "categories": "plt.bar(['a', 'b'], [1, 2])",
    "mathtext": "plt.title(r'$\\alpha > \\beta_i^2$')",
    "legend": "plt.plot([1, 2], label='one'); plt.legend(loc='upper left', bbox_to_anchor=(1, 1))",
    "twin": "ax = plt.gca().twinx(); ax.plot([1, 2], 'r')",
    "inset": "ax = plt.gca(); i = ax.inset_axes([0.5, 0.5, 0.4, 0.4]); i.plot([1, 2])",
    "stream": "y, x = np.mgrid[-1:1:9j, -1:1:9j]; plt.streamplot(x, y, y, -x);",
    "contour": "c = plt.contourf(np.outer(np.arange(5), np.arange(5))); plt.clabel(plt.contour(np.eye(4)));",
    "table": "plt.table([['a', 'b']]); plt.axis('off')",
    "rasterized": "plt.scatter(np.arange(5), np.arange(5), rasterized=True)",
    "annotation outside": "plt.annotate('far', (2, 2), annotation_clip=False)",
    "xkcd": "with plt.xkcd():\n    plt.figure(figsize=(2, 2)); plt.show()",
    "animation": "from matplotlib.animation import FuncAnimation\nfig, ax = plt.subplots(figsize=(1, 1))\n"
    "a = FuncAnimation(fig, lambda i: ax.plot([i]), frames=2, cache_frame_data=False)\n"
    "len(a.to_jshtml(embed_frames=True)) > 1000",
    "animation closed": "fig, ax = plt.subplots(figsize=(1, 1))\n"
    "a = FuncAnimation(fig, lambda i: ax.plot([i]), frames=2, cache_frame_data=False); "
    "plt.close(fig)\nHTML(a.to_jshtml())",
    "animation returned": "plt.rcParams['animation.html'] = 'jshtml'\na",
    "animation unseen": "fig, ax = plt.subplots(figsize=(1, 1))\n"
    "a = FuncAnimation(fig, lambda i: ax.plot([i]), frames=2, cache_frame_data=False)",
    "artist animation": "from matplotlib.animation import ArtistAnimation\nfig, ax = plt.subplots(figsize=(1, 1))\n"
    "b = ArtistAnimation(fig, [ax.plot([i]) for i in range(2)])\nb.to_jshtml()[:20]",
    "pickled": "import pickle\n"
    "fig, ax = plt.subplots(figsize=(1, 1)); ax.plot([1, 2]); s = pickle.dumps(fig); plt.close(fig)",
    "unpickled": "g = pickle.loads(s)",
    "agg buffer": "fig, ax = plt.subplots(figsize=(1, 1)); fig.canvas.draw(); "
    "np.asarray(fig.canvas.buffer_rgba()).shape",
    "own canvas": "from matplotlib.figure import Figure\nf = Figure(figsize=(1, 1)); f.subplots().plot([1, 2])\nf",
    "font": "plt.rcParams['font.family'] = 'serif'\nplt.figure(figsize=(2, 1)); plt.title('Serif');",
    "pause": "plt.figure(figsize=(1, 1)); plt.pause(0.01); print('went on')",
    "ion": "plt.ion(); plt.plot([1, 2])",
    "ioff": "plt.ioff(); plt.plot([1, 2])",
    "ioff show": "plt.plot([1, 2]); plt.show()",
    "ioff context": "plt.ion()\nwith plt.ioff():\n    fig = plt.figure(figsize=(1, 1))",
    "numbers kept": "plt.get_fignums()",
}

BACK_ENDS = _IMPORT | {
    "agg": "%matplotlib agg\nplt.plot([1, 2]); plt.get_backend()",
    "agg's figures": "plt.get_fignums()",
    "agg show": "plt.show()",
    "agg returned": "plt.gcf()",
    "inline": "plt.close('all')\n%matplotlib inline\nplt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.get_backend()",
    "qt": "%matplotlib qt",
    "tk": "%matplotlib gtk3",
    "widget": "%matplotlib widget",
    "unknown": "%matplotlib no_such",
    "inline back": "%matplotlib inline\nplt.figure(figsize=(1, 1)); plt.plot([1, 2]);",
    "use agg": "import matplotlib\nmatplotlib.use('agg')\nplt.figure(figsize=(1, 1)); plt.plot([1, 2]); plt.show()",
    "use inline": "plt.close('all'); matplotlib.use('module://matplotlib_inline.backend_inline')\n"
    "plt.figure(figsize=(1, 1)); plt.plot([1, 2]);",
    "switch": "plt.switch_backend('agg'); plt.get_backend()",
    "switch back": "plt.switch_backend('inline'); plt.figure(figsize=(1, 1)); plt.plot([1, 3])",
    "svg back end": "plt.switch_backend('svg'); plt.figure(figsize=(1, 1)); plt.plot([1, 3])",
    "nbagg": "%matplotlib notebook",
}

SLOW = _IMPORT | {
    "broken figure": "fig, ax = plt.subplots(); ax.set_title('$\\\\frac{$')",
    "after it": "plt.get_fignums()",
}
