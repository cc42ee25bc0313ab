"""What cannot be known has no fingerprint: each of these would be, or hide, a wrong picture."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

from tests.engine.fingerprints import WarmProcess
from tests.engine.test_fingerprint import LINE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"

CALLABLES = {
    "kept by a moment": "stamp = pd.Timestamp('2024'); stamp.show = lambda: 1; ax.stamp = stamp",
    "lambda": "ax.xaxis.set_major_formatter(lambda x, pos: 'x')",
    "clock": "import time; ax.xaxis.set_major_formatter(lambda x, pos: str(time.time()))",
    "clock in C": "import time; ax.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(time.gmtime))",
    "clock of a class": "import datetime; line.set_agg_filter(datetime.datetime.now)",
    "random numbers": "line.set_agg_filter(np.random.rand)",
    "partial": "import functools; ax.xaxis.set_major_formatter(functools.partial(lambda n, x, pos: n, 'n'))",
    "bound method": "class F:\n    def f(self, x, pos): return 'f'\nax.xaxis.set_major_formatter(F().f)",
    "callable object": "class F:\n    def __call__(self, x, pos): return 'f'\nline.set_agg_filter(F())",
    "borrowed names": (
        "import types; ax.xaxis.set_major_formatter(types.FunctionType((lambda x, pos: 'x').__code__, "
        "vars(matplotlib.ticker)))"
    ),
    "vectorized": "line.set_agg_filter(np.vectorize(lambda x: x))",
    "ufunc": "line.set_agg_filter(np.frompyfunc(lambda x: x, 1, 1))",
    "scale": "ax.set_xscale('function', functions=(lambda x: x, lambda x: x))",
    "secondary axis": "ax.secondary_xaxis('top', functions=(lambda x: x, lambda x: x))",
    "filter": "line.set_agg_filter(lambda image, dpi: (image, 0, 0))",
    "callback on limits": "ax.callbacks.connect('xlim_changed', lambda ax: ax.set_title('other'))",
    "callback on a colour map": (
        "norm = ax.imshow(np.eye(3)).norm; norm.callbacks.connect('changed', lambda: ax.set_title('other'))"
    ),
    "callback on draw": "fig.canvas.mpl_connect('draw_event', lambda event: None)",
    "library's callback on draw": "fig.canvas.mpl_connect('draw_event', ax.set_gid)",
    "stale callback": "line.stale_callback = lambda artist, stale: None",
    "animation": (
        "import matplotlib.animation as a; kept = a.FuncAnimation(fig, lambda i: [], frames=2, cache_frame_data=False)"
    ),
    "artist's method": "line.draw = lambda renderer: None",
    "canvas's method": "fig.canvas.draw = lambda: None",
    "callable locator": (
        "ax.get_yaxis().set_major_locator(type('L', (matplotlib.ticker.Locator,), {'__call__': lambda self: [2]})())"
    ),
    "in a container": "line.set_gid({'a': [(lambda: 1,)]})",
    "generator": "line.set_gid(i for i in [])",
    "open file": "line.set_gid(open('/dev/null'))",
    "lock": "import threading; line.set_gid(threading.Lock())",
    "layout by addresses": "fig.set_layout_engine('constrained')",
    "compressed layout by addresses": "fig.set_layout_engine('compressed')",
}

CLASSES = {
    "artist": "class L(matplotlib.lines.Line2D):\n    def draw(self, renderer): pass\nax.add_line(L([1], [2]))",
    "class changed afterwards": (
        "class L(matplotlib.lines.Line2D):\n    pass\nL.draw = lambda self, renderer: None\nax.add_line(L([1], [2]))"
    ),
    "axes": "class A(matplotlib.axes.Axes):\n    def draw(self, renderer): pass\nfig.add_subplot(axes_class=A)",
    "figure": (
        "class F(matplotlib.figure.Figure):\n    def draw(self, renderer): pass\nfig = plt.figure(FigureClass=F)"
    ),
    "norm": (
        "class N(matplotlib.colors.Normalize):\n    def __call__(self, value, clip=None): return value\n"
        "ax.imshow(np.eye(3), norm=N())"
    ),
    "colour map": (
        "class M(matplotlib.colors.ListedColormap):\n"
        "    def __call__(self, *a, **k): return super().__call__(*a, **k)\nax.imshow(np.eye(3), "
        "cmap=M(['r']))"
    ),
    "path effect": (
        "import matplotlib.patheffects as pe\nclass E(pe.AbstractPathEffect):\n"
        "    def draw_path(self, *a): pass\nline.set_path_effects([E()])"
    ),
    "formatter": (
        "class F(matplotlib.ticker.Formatter):\n    def __call__(self, x, pos=None): return 'x'\n"
        "ax.xaxis.set_major_formatter(F())"
    ),
    "transform": (
        "class T(matplotlib.transforms.Affine2D):\n    def get_matrix(self): return np.eye(3)\n"
        "line.set_transform(T() + ax.transData)"
    ),
    "parent of a transform": (
        "class T(matplotlib.transforms.Affine2D):\n    def invalidate(self): pass\nkept = T(); "
        "kept.set_children(ax.transData)"
    ),
    "array": "class A(np.ndarray):\n    def __array_finalize__(self, obj): pass\nline.set_gid(np.zeros(3).view(A))",
    "scalar": "class F(np.float64):\n    def __format__(self, spec): return 'x'\nline._linewidth = F(1)",
    "text": "class S(str):\n    def __str__(self): return 'x'\nline._label = S('a')",
    "number": "class F(float):\n    def __float__(self): return 2.0\nline._linewidth = F(1)",
    "units": (
        "class U(float):\n    pass\nclass C(matplotlib.units.ConversionInterface):\n    @staticmethod\n"
        "    def convert(value, unit, axis): return 1\nmatplotlib.units.registry[U] = C()"
    ),
    "projection": (
        "class P(matplotlib.axes.Axes):\n    name = 'mine'\n"
        "matplotlib.projections.register_projection(P); plt.subplot(projection='mine')"
    ),
    "scale": (
        "class S(matplotlib.scale.LinearScale):\n    name = 'mine'\nmatplotlib.scale.register_scale(S); "
        "ax.set_xscale('mine')"
    ),
    "setting": (
        "class P(matplotlib.patheffects.Normal):\n    pass\nP.draw_path = lambda *a: None\n"
        "plt.rcParams['path.effects'] = [P()]"
    ),
}

CODE = {
    "method of a class": "matplotlib.lines.Line2D.draw = lambda self, renderer: None",
    "method of a base": "matplotlib.artist.Artist.get_zorder = lambda self: 1",
    "method that hides": "matplotlib.lines.Line2D.get_zorder = lambda self: 1",
    "method removed": "del matplotlib.text.Annotation.update_positions",
    "bases": "matplotlib.lines.AxLine.__bases__ = (matplotlib.patches.Patch,)",
    "constant of a class": "matplotlib.ticker.Locator.MAXTICKS = 2",
    "table of a class": "matplotlib.legend.Legend.codes['best'] = 3",
    "table of a module": "matplotlib._mathtext_data.tex2uni['alpha'] = 98",
    "another table": "matplotlib.offsetbox.AnchoredOffsetbox.codes['upper left'] = 3",
    "parser of formulas": "matplotlib.mathtext.MathTextParser._parser.parse = lambda *a: None",
    "settings of formulas": "plt.rcParams['mathtext.default'] = 'rm'",
    "settings replaced": "matplotlib.rcParams = matplotlib.rcParams.copy()",
    "unit converters replaced": "matplotlib.units.registry = type(matplotlib.units.registry)()",
    "function of a module": "matplotlib.ticker.scale_range = lambda *a, **k: (1, 0)",
    "function deep within": "import matplotlib._text_helpers as helpers; helpers.layout = lambda *a, **k: iter(())",
    "code": "matplotlib.text.Text.get_text.__code__ = (lambda self: 'x').__code__",
    "default": "matplotlib.axis.Axis.get_tightbbox.__defaults__ = (None,)",
    "keyword default": "matplotlib.axis.Axis.get_tightbbox.__kwdefaults__ = {'for_layout_only': True}",
    "cell": "matplotlib.lines.Line2D.draw.__closure__[0].cell_contents = lambda self, renderer: None",
    "property": (
        "matplotlib.ticker.MaxNLocator.default_params = {**matplotlib.ticker.MaxNLocator.default_params, 'nbins': 2}"
    ),
    "default parameters in place": "matplotlib.ticker.MaxNLocator.default_params['nbins'] = 2",
    "name that hides a builtin one": "matplotlib.text.len = lambda value: 0",
    "builtin": "import builtins; builtins.sorted = lambda values, **k: list(values)",
    "mathematics": "import math; math.ceil = lambda x: 0",
    "regular expressions": "import re; re.sub = lambda *a, **k: 'x'",
    "NumPy's function": "np.ma.masked_invalid = lambda a, copy=True: a",
    "NumPy's method": "np.ma.MaskedArray.filled = lambda self, fill_value=None: 0",
    "Pillow": "import PIL.Image; PIL.Image.Image.save = lambda *a, **k: None",
    "module replaced": "import types; sys.modules['matplotlib.bezier'] = types.ModuleType('matplotlib.bezier')",
    "named colour": "matplotlib.colors._colors_full_map['r'] = (0, 1, 0)",
    "remembered colour": "matplotlib.colors._colors_full_map.cache['r', None] = (0.0, 1.0, 0.0, 1.0)",
    "shared array": "matplotlib.transforms.IdentityTransform._mtx[0, 0] = 2",
    "marker": "matplotlib.markers.MarkerStyle.filled_markers = ()",
    "hatches": "import matplotlib.hatch; matplotlib.hatch._hatch_types.pop()",
    "box style": "matplotlib.patches.BoxStyle._style_list['round'] = matplotlib.patches.BoxStyle.Square",
    "colour of a class": "matplotlib.collections.Collection._transforms = np.ones((1, 3, 3))",
    "trace": "sys.settrace(lambda *a: None)",
    "errors of numbers": "np.seterrcall(lambda *a: None)",
    "messages elsewhere": "import logging; logging.getLogger().addHandler(logging.FileHandler('/dev/null'))",
    "text set by other programs": "plt.rcParams['text.usetex'] = True",
    "one text set by another program": "ax.title.set_usetex(True)",
    "warnings elsewhere": "import warnings; warnings.showwarning = lambda *a, **k: None",
    "unit converter": "matplotlib.units.ConversionInterface.axisinfo = staticmethod(lambda unit, axis: None)",
    "pandas": (
        "pd.Series([1.0], index=pd.period_range('2020', periods=1)).plot(ax=plt.figure().subplots()); "
        "fig = plt.gcf(); "
        "pd.plotting._matplotlib.converter.TimeSeries_DateFormatter.__call__ = lambda self, x, pos=0: 'x'"
    ),
}

FONT = {
    "file": (
        f"import matplotlib.font_manager as f; ax.set_title('a', fontproperties=f.FontProperties(fname={__file__!r}))"
    ),
    "family that is not there": "ax.set_title('a', family='No Such Font')",
    "family in the settings": "plt.rcParams['font.family'] = 'No Such Font'",
    "generic family": "plt.rcParams['font.sans-serif'] = ['No Such Font']",
    "added": f"matplotlib.font_manager.fontManager.addfont({str(FONTS / 'DejaVuSerif.ttf')!r})",
    "entry": "object.__setattr__(matplotlib.font_manager.fontManager.ttflist[0], 'fname', '/dev/null')",
    "taken out": "matplotlib.font_manager.fontManager.ttflist.pop()",
    "default": "matplotlib.font_manager.fontManager.defaultFamily['ttf'] = 'DejaVu Serif'",
    "search": "matplotlib.font_manager.fontManager.findfont = lambda *a, **k: '/dev/null'",
    "manager": "import copy; matplotlib.font_manager.fontManager = copy.copy(matplotlib.font_manager.fontManager)",
}


@pytest.fixture(scope="module")
def process() -> Iterator[WarmProcess]:
    """One process asks for all; the plain figure has a fingerprint there."""
    with WarmProcess() as process:
        assert process.ask(LINE)["why"] is None
        yield process


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in CALLABLES.items()])
def test_callables(code: str, process: WarmProcess) -> None:
    assert process.ask(LINE + code)["fingerprint"] is None


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in CLASSES.items()])
def test_classes_of_the_notebook(code: str, process: WarmProcess) -> None:
    assert process.ask(f"import matplotlib.patheffects\n{LINE}{code}")["fingerprint"] is None


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in CODE.items()])
def test_code_that_is_not_what_was_imported(code: str, process: WarmProcess) -> None:
    answer = process.ask(LINE + code)
    assert answer["fingerprint"] is None
    assert "Refused" in answer["why"], "it could not have been told anyway"


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in FONT.items()])
def test_fonts(code: str, process: WarmProcess) -> None:
    answer = process.ask(LINE + code)
    assert "Refused" in str(answer["why"])


def test_a_helper_module(process: WarmProcess, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("UNIT = 'm'\ndef told(x, pos):\n    return UNIT\nclass Mark:\n    pass\n")
    start = f"sys.path.insert(0, {str(tmp_path)!r}); import helper\n{LINE}"
    assert process.ask(f"{start}ax.xaxis.set_major_formatter(helper.told)")["fingerprint"] is None
    assert process.ask(f"{start}line.set_gid(helper.Mark())")["fingerprint"] is None
    assert process.ask(f"{start}line.set_gid(helper)")["fingerprint"] is None


def test_a_font_file_with_other_contents(tmp_path: Path) -> None:
    font = tmp_path / "used.ttf"
    shutil.copy(FONTS / "DejaVuSansMono.ttf", font)
    with WarmProcess(font) as process:
        first = process.ask(LINE)["fingerprint"]
        assert first is not None
        status = font.stat()
        font.write_bytes((FONTS / "DejaVuSerif.ttf").read_bytes())
        os.utime(font, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert process.ask(LINE)["fingerprint"] is None
    with WarmProcess(font) as process:
        assert process.ask(LINE)["fingerprint"] not in (first, None)


def test_before_a_snapshot_there_is_none(process: WarmProcess) -> None:
    code = "from nbdash.engine.host import fingerprint\nfingerprint._taken.clear()\n"
    assert process.ask(code + LINE)["fingerprint"] is None
