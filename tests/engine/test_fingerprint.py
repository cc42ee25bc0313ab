"""Equal figures have equal fingerprints in every process; whatever can be seen makes them differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.engine.fingerprints import WarmProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

LINE = """
data = np.array([1.0, 2.0, 4.0])
fig, ax = plt.subplots()
line, = ax.plot(data, label="line")
ax.set_title("title")
ax.legend()
"""

FIGURES = {
    "line": LINE,
    "mathtext": LINE + r"ax.set_xlabel(r'$\int_0^\infty \frac{x}{2}$')",
    "log": LINE + "ax.set_yscale('log')",
    "symlog": LINE + "ax.set_xscale('symlog', linthresh=0.1)",
    "grid": LINE + "ax.grid(True, which='both')",
    "bars": "fig, ax = plt.subplots(); bars = ax.bar(['a', 'b'], [1, 2], hatch='/'); ax.bar_label(bars)",
    "error bars": "fig, ax = plt.subplots(); ax.errorbar([1, 2], [3, 4], yerr=0.5, capsize=3)",
    "histogram": "fig, ax = plt.subplots(); ax.hist(np.arange(50) % 7, bins=5)",
    "box plot": "fig, ax = plt.subplots(); ax.boxplot([np.arange(9), np.arange(5) ** 2])",
    "violins": "fig, ax = plt.subplots(); ax.violinplot([np.arange(9.0), np.arange(5.0) ** 2])",
    "pie": "fig, ax = plt.subplots(); ax.pie([1, 2, 3], labels=list('abc'), autopct='%d')",
    "stacked": "fig, ax = plt.subplots(); ax.stackplot([1, 2, 3], [1, 2, 3], [2, 2, 2])",
    "scatter": (
        "fig, ax = plt.subplots(); ax.scatter([1, 2], [3, 4], c=[1, 2], s=[10, 90]); fig.colorbar(ax.collections[0])"
    ),
    "image": "fig, ax = plt.subplots(); fig.colorbar(ax.imshow(np.arange(12.0).reshape(3, 4)))",
    "mesh": "fig, ax = plt.subplots(); ax.pcolormesh(np.arange(12.0).reshape(3, 4), norm='log')",
    "contours": "fig, ax = plt.subplots(); ax.clabel(ax.contour(np.add.outer(np.arange(9.0), np.arange(9.0))))",
    "filled contours": "fig, ax = plt.subplots(); ax.contourf(np.add.outer(np.arange(9.0), np.arange(9.0)))",
    "arrows": (
        "fig, ax = plt.subplots(); ax.quiver([1, 2], [1, 2], [1, 0], [0, 1]); ax.annotate('a', (1, 1), "
        "(2, 2), arrowprops={})"
    ),
    "stream": "fig, ax = plt.subplots(); y, x = np.mgrid[0:3:9j, 0:3:9j]; ax.streamplot(x, y, x, -y)",
    "triangles": (
        "fig, ax = plt.subplots(); ax.tripcolor([0, 1, 0, 1], [0, 0, 1, 1.5], [1, 2, 3, 4]); "
        "ax.triplot([0, 1, 0], [0, 0, 1])"
    ),
    "polar": "fig, ax = plt.subplots(subplot_kw={'projection': 'polar'}); ax.plot([0, 1, 2], [1, 2, 3])",
    "3-D": (
        "fig, ax = plt.subplots(subplot_kw={'projection': '3d'}); ax.plot_surface(*np.mgrid[0:3, 0:3], "
        "np.eye(3), cmap='jet')"
    ),
    "3-D bars": (
        "fig, ax = plt.subplots(subplot_kw={'projection': '3d'}); ax.bar3d([0], [0], [0], 1, 1, 1); "
        "ax.scatter([1], [2], [3])"
    ),
    "table": "fig, ax = plt.subplots(); ax.table([['1', '2']], loc='top')",
    "twins": LINE + "other = ax.twinx(); other.plot([3, 1]); ax.twiny()",
    "inset": LINE + "inset = ax.inset_axes([0.5, 0.5, 0.4, 0.4]); inset.plot(data); ax.indicate_inset_zoom(inset)",
    "subfigures": "fig = plt.figure(); [each.subplots().plot([1, 2]) for each in fig.subfigures(1, 2)]",
    "shared": "fig, axs = plt.subplots(2, 2, sharex=True, sharey='row'); axs[0, 0].plot([1, 5]); fig.align_labels()",
    "mosaic": "fig, axs = plt.subplot_mosaic('AB;CC'); axs['A'].plot([1, 2])",
    "tight": "fig, axs = plt.subplots(2, 2, layout='tight'); axs[0, 0].set_ylabel('y')",
    "secondary": LINE + "ax.secondary_xaxis('top')",
    "dates": "fig, ax = plt.subplots(); ax.plot(np.arange('2020-01', '2020-09', dtype='M8[M]'), range(8))",
    "python dates": (
        "import datetime as d; fig, ax = plt.subplots(); ax.plot([d.date(2020, 1, 1), "
        "d.date(2021, 1, 1)], [1, 2]); fig.autofmt_xdate()"
    ),
    "zoned dates": (
        "import dateutil.tz; fig, ax = plt.subplots(); "
        "ax.plot(np.arange('2020-01', '2020-09', dtype='M8[M]'), range(8)); "
        "ax.xaxis_date(dateutil.tz.gettz('Europe/Vienna'))"
    ),
    "masked": "fig, ax = plt.subplots(); ax.plot(np.ma.masked_greater(np.arange(9), 6)); ax.plot([1, np.nan, 3])",
    "objects": (
        "fig, ax = plt.subplots(); ax.plot(np.array([1, 2, 4], dtype=object)); "
        "ax.imshow(np.ma.masked_equal(np.eye(3), 0), alpha=0.5)"
    ),
    "path effects": LINE
    + "import matplotlib.patheffects as pe; line.set_path_effects([pe.SimpleLineShadow(), pe.Normal()])",
    "sketch": "with plt.rc_context({'path.sketch': (1, 100, 2), 'font.family': 'DejaVu Sans'}):\n"
    + "".join(f"    {each}\n" for each in LINE.splitlines()),
    "style": "with plt.style.context('ggplot'):\n" + "".join(f"    {each}\n" for each in LINE.splitlines()),
    "formatters": (
        f"{LINE}import matplotlib.ticker as t; ax.xaxis.set_major_formatter('{{x:.2f}}'); "
        "ax.yaxis.set_major_formatter(t.EngFormatter(unit='V')); ax.yaxis.set_minor_locator(t.AutoMinorLocator())"
    ),
    "boundaries": (
        "import matplotlib.colors as c; fig, ax = plt.subplots(); fig.colorbar(ax.imshow(np.eye(3), "
        "norm=c.BoundaryNorm([0, 0.5, 1], 2), cmap=c.ListedColormap(['r', 'g'])))"
    ),
    "centred": (
        "import matplotlib.colors as c; fig, ax = plt.subplots(); fig.colorbar(ax.pcolormesh(np.eye(3), "
        "norm=c.TwoSlopeNorm(0.2)), extend='both')"
    ),
    "regular shapes": "fig, ax = plt.subplots(); ax.plot([1, 2], 'p'); ax.plot([2, 1], '*'); ax.plot([3, 1], 'h')",
    "anchored": (
        "from mpl_toolkits.axes_grid1 import make_axes_locatable; fig, ax = plt.subplots(); "
        "fig.colorbar(ax.imshow(np.eye(3)), cax=make_axes_locatable(ax).append_axes('right', size='5%'))"
    ),
    "pillow": (
        "import PIL.Image; fig, ax = plt.subplots(); ax.imshow(PIL.Image.fromarray(np.eye(4, dtype='uint8') * 255))"
    ),
    "hexagons": "fig, ax = plt.subplots(); ax.hexbin(np.arange(50) % 7, np.arange(50) % 5, gridsize=5)",
    "series": "ax = pd.Series([1, 3, 2]).plot(); fig = ax.figure",
    "time series": "ax = pd.Series([1.0, 3, 2], index=pd.date_range('2020', periods=3)).plot(); fig = ax.figure",
    "periods": (
        "ax = pd.Series([1.0, 3, 2], index=pd.period_range('2020-01', periods=3, freq='M')).plot(); fig = ax.figure"
    ),
    "frame": "ax = pd.DataFrame({'a': [1, 2], 'b': [3, 1]}).plot.bar(secondary_y='b'); fig = ax.figure",
    "frame histograms": "fig = pd.DataFrame({'a': [1, 2], 'b': [3, 1]}).hist()[0, 0].figure",
}


@pytest.fixture(scope="module")
def processes() -> Iterator[tuple[WarmProcess, WarmProcess]]:
    """Two with different hashes of text."""
    with WarmProcess(hash_seed=1) as first, WarmProcess(hash_seed=2) as second:
        yield first, second


@pytest.mark.parametrize("name", FIGURES)
def test_equal_code_makes_equal_fingerprints_and_pictures(
    name: str, processes: tuple[WarmProcess, WarmProcess]
) -> None:
    first, second = (each.ask(FIGURES[name], draws=True) for each in processes)
    assert first["why"] is None
    assert first == second


def test_figures_that_differ_have_different_fingerprints(processes: tuple[WarmProcess, WarmProcess]) -> None:
    fingerprints = [processes[0].ask(code)["fingerprint"] for code in FIGURES.values()]
    assert len(set(fingerprints)) == len(FIGURES)


@pytest.mark.parametrize(
    "before",
    [
        "plt.plot([1]); plt.close()",
        "plt.figure(7); plt.plot([1]); plt.savefig('/dev/null', format='png'); plt.close()",
        "plt.figure(); plt.plot([1]); plt.savefig('/dev/null', format='svg'); plt.close()",
        "plt.imshow([[1]]); plt.colorbar(); plt.gcf().canvas.draw(); plt.close()",
        "plt.subplot(projection='polar'); plt.gcf().canvas.draw(); plt.close()",
        "import copy, pickle; plt.plot([1]); pickle.dumps(plt.gcf()); copy.copy(plt.cm.viridis); plt.close()",
        "import csv, sqlite3, matplotlib.testing.decorators",
        "import gc; plt.plot([1]); plt.close(); gc.collect()",
        "np.random.rand(); rows = [object() for _ in range(10_000)]",
        (
            "matplotlib.colormaps.register(matplotlib.colors.ListedColormap(['r']), name='mine'); "
            "matplotlib.colormaps.unregister('mine')"
        ),
        "try:\n    import seaborn\nexcept ImportError:\n    pass",
    ],
)
def test_what_leaves_no_trace_changes_nothing(before: str, processes: tuple[WarmProcess, WarmProcess]) -> None:
    answer = processes[0].ask(f"{before}\n{LINE}")
    assert (answer["fingerprint"], answer["why"]) == (processes[1].ask(LINE)["fingerprint"], None)


CHANGES = {
    "one unit in the last place": "line.set_ydata(np.nextafter(data, 9))",
    "sign of zero": "line.set_ydata(data * 0); line.set_ydata(-np.zeros(3))",
    "array in place": "line.get_ydata(orig=True)[1] = 3",
    "line width": "line.set_linewidth(1.6)",
    "colour": "line.set_color('#1f77b5')",
    "text": "ax.set_title('Title')",
    "type of numbers": "line.set_ydata(data.astype('f4'))",
    "not a number": "line.set_ydata([1, np.nan, 4])",
    "mask": "line.set_ydata(np.ma.array(data, mask=[0, 1, 0]))",
    "order": "ax.plot([4, 2, 1], zorder=1)",
    "visibility": "ax.legend().set_visible(False)",
    "attribute": "line.something = 1",
    "settings afterwards": "plt.rcParams['axes.unicode_minus'] = False",
    "style afterwards": "plt.style.use('dark_background')",
    "resolution": "fig.set_dpi(71)",
    "size": "fig.set_size_inches(5, 4)",
    "colour map": "ax.imshow(np.eye(3), cmap=plt.cm.viridis.with_extremes(bad='r'))",
    "unit converter": "matplotlib.units.registry[complex] = matplotlib.category.StrCategoryConverter()",
    "no unit converter": "del matplotlib.units.registry[np.datetime64]",
    "first day": "matplotlib.dates.set_epoch('2000-01-01')",
    "time zone": "import time; os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    "rules of a time zone": (
        "import time; os.environ['TZ'] = 'UTC0'; time.tzset(); "
        "os.environ['TZ'] = 'UTC0XXX,M3.2.0,M11.1.0'; time.tzset()"
    ),
    "locale": "import locale; locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
    "zone in the settings": "plt.rcParams['timezone'] = 'Europe/Vienna'",
    "printed numbers": "np.set_printoptions(precision=3)",
    "errors of numbers": "np.seterr(all='raise')",
    "decimal numbers": "import decimal; decimal.getcontext().prec = 5",
    "filter of warnings": "import warnings; warnings.simplefilter('error')",
    "warning given": "matplotlib.text.__warningregistry__ = {('text', UserWarning, 1): True}",
    "level of messages": "import logging; logging.getLogger('matplotlib').setLevel('ERROR')",
    "recursion": "sys.setrecursionlimit(900)",
    "clipping": "line.set_clip_on(False)",
    "sharing": "ax.sharex(fig.add_axes([0.1, 0.1, 0.1, 0.1]))",
    "shared path": "ax.patch.get_path()._interpolation_steps = 50",
    "limits": "ax.set_xlim(0, 3)",
    "label": "line.set_label('other')",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_changes_the_fingerprint(name: str, processes: tuple[WarmProcess, WarmProcess]) -> None:
    plain, changed = processes[0].ask(LINE), processes[0].ask(f"{LINE}\n{CHANGES[name]}")
    assert changed["why"] is None
    assert plain["fingerprint"] != changed["fingerprint"]


def test_a_colour_map_of_the_same_name_is_another(processes: tuple[WarmProcess, WarmProcess]) -> None:
    code = (
        "matplotlib.colormaps.register(matplotlib.colors.ListedColormap([{!r}, 'k']), name='mine'); "
        "plt.imshow(np.eye(3), cmap='mine')"
    )
    red, green = (processes[0].ask(code.format(colour)) for colour in "rg")
    assert red["fingerprint"] and green["fingerprint"]
    assert red["fingerprint"] != green["fingerprint"]


def test_one_number_of_a_large_array_counts(processes: tuple[WarmProcess, WarmProcess]) -> None:
    code = "data = np.zeros((300, 300)); data[299, 299] = {}; plt.imshow(data, vmin=0, vmax=1)"
    first, second = (processes[0].ask(code.format(value)) for value in (0.5, 0.6))
    assert first["fingerprint"] and second["fingerprint"]
    assert first["fingerprint"] != second["fingerprint"]


def test_options_are_part_of_it(processes: tuple[WarmProcess, WarmProcess]) -> None:
    plain = processes[0].ask(LINE)["fingerprint"]
    assert processes[0].ask(LINE, options={"format": "png", "bbox_inches": None})["fingerprint"] not in (None, plain)
    assert processes[0].ask(LINE, options={"format": "retina", "bbox_inches": "tight"})["fingerprint"] not in (
        None,
        plain,
    )
    assert processes[0].ask(LINE, options={"format": "svg"})["fingerprint"] is None
