"""What is known about the functions and methods that notebooks call: the tables behind the selection.

A call that is in no table is *unknown*, and a cell with an unknown call runs.  A :class:`Behaviour`
therefore promises, for every object that is sensibly passed: no effect beyond what its fields say.
Methods are known by name alone; a name that the notebook itself defines as a method is struck off.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from random import Random

from nbdash.notebook.analysis.facts import CUSTOM, ITERATOR, NUMPY_STREAM, OPAQUE, PYTHON_STREAM, STREAMS


class Result(Enum):
    """What a call's result shares with its receiver and arguments."""

    NOTHING = auto()
    PARTS = auto()  #: a new object with the same things inside, as ``list(x)``
    ITSELF = auto()  #: perhaps the object itself, a view or an element of it, as ``df.head()``


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a known call does; the default is a pure function with a result of its own."""

    result: Result = Result.NOTHING
    mutates: bool = False  #: changes its receiver; a function, its first argument
    is_deep: bool = False  #: and what is inside, as an iterator moves those that it goes through
    uses_up: bool = False  #: and of what is inside, the iterators, files and generators
    is_common: bool = False  #: its name is so common that an unknown receiver may do something else
    looks: bool = False  #: neither goes through nor calls what it is given
    iterates: bool = False  #: surely goes through its arguments, and so through what may be an iterator
    calls_back: bool = False  #: calls what it is given
    draws: bool = False  #: draws on its receiver, if that is a figure, and on ``ax=``
    draws_on_first: bool = False  #: makes its first argument the current figure
    shows: bool = False  #: a figure that it is given is drawn
    manages: bool = False  #: a context manager that undoes what it does
    reads_texts: bool = False  #: looks up the names in the texts that it is given
    lazy: bool = False  #: does its work later, when its result is gone through
    gives: frozenset[str] = frozenset()  #: marks of its result
    stream: str = ""  #: moves on this stream of random numbers
    seeds: str = ""  #: sets this stream

    @property
    def is_pure(self) -> bool:
        """Whether it does nothing but give a result."""
        return not (self.mutates or self.calls_back or self.draws or self.shows or self.stream or self.seeds)


_PURE = Behaviour()
_LOOK = Behaviour(looks=True)
_LOOK_AT_PART = Behaviour(looks=True, result=Result.ITSELF)
_COPY = Behaviour(result=Result.PARTS)
_VIEW = Behaviour(result=Result.ITSELF)
_GO_THROUGH = Behaviour(iterates=True)
_COLLECT = Behaviour(result=Result.PARTS, iterates=True)
_LAZY = Behaviour(result=Result.PARTS, iterates=True, lazy=True, gives=STREAMS | {ITERATOR})
_LAZY_CALL = replace(_LAZY, calls_back=True, gives=_LAZY.gives | {OPAQUE})
_GENERATOR = Behaviour(result=Result.PARTS, gives=frozenset({ITERATOR}))
_ACTIVE = Behaviour(result=Result.PARTS, iterates=True, gives=frozenset({CUSTOM}))
_PICK = Behaviour(result=Result.ITSELF, iterates=True)
_CALL_BACK = Behaviour(result=Result.ITSELF, iterates=True, calls_back=True)
_DRAW = Behaviour(result=Result.PARTS, draws=True)
_DRAW_ON = Behaviour(result=Result.PARTS, draws=True, draws_on_first=True)
_DRAW_RANDOMLY = Behaviour(result=Result.PARTS, draws=True, stream=NUMPY_STREAM)
_SHOW = Behaviour(shows=True, looks=True)
_STEP = Behaviour(result=Result.ITSELF, mutates=True, is_deep=True)
_CHANGE = Behaviour(result=Result.ITSELF, mutates=True, is_common=True, iterates=True)
_USE_UP = Behaviour(mutates=True, uses_up=True)
_MANAGE = Behaviour(manages=True)
_NUMPY_DRAW = Behaviour(stream=NUMPY_STREAM)
_PYTHON_DRAW = Behaviour(stream=PYTHON_STREAM, result=Result.ITSELF, iterates=True)


def _table(behaviour: Behaviour, prefix: str, names: str) -> dict[str, Behaviour]:
    return {prefix + name: behaviour for name in names.split()}


#: Methods of an Axes or a Figure that draw; some are also those of a DataFrame or its ``plot``.
_DRAWING = """
    plot hist boxplot bar barh pie scatter hexbin area kde line box density
    hist2d violinplot stem step stairs stackplot eventplot errorbar fill_between fill_betweenx axhline axvline
    axhspan axvspan axline hlines vlines loglog semilogx semilogy imshow matshow pcolor pcolormesh contour contourf
    quiver streamplot specgram psd spy tricontour tricontourf tripcolor triplot bar_label clabel text annotate table
    legend colorbar grid minorticks_on minorticks_off tick_params ticklabel_format margins autoscale suptitle
    supxlabel supylabel tight_layout subplots_adjust set_title set_xlabel set_ylabel set_zlabel set_xlim set_ylim
    set_zlim set_xticks set_yticks set_xticklabels set_yticklabels set_xscale set_yscale set_aspect set_axis_off
    set_axis_on set_facecolor set_figheight set_figwidth set_size_inches set_visible set_color set_linewidth set_alpha
    set_rotation set_fontsize set_position set_axisbelow set_label set_text set_major_locator set_major_formatter
    set_minor_locator invert_xaxis invert_yaxis label_outer autofmt_xdate add_subplot add_axes add_gridspec subplots
    twinx twiny inset_axes plot_surface plot_wireframe scatter3D plot3D view_init
"""
_PYPLOT = """
    subplot subplot2grid subplot_mosaic gca gcf title xlabel ylabel xlim ylim xticks yticks xscale yscale clim cla
    clf axis show close figtext figlegend get_fignums draw sci gci
"""
_SEABORN = """
    pairplot histplot kdeplot ecdfplot rugplot displot scatterplot relplot heatmap boxplot boxenplot violinplot
    countplot jointplot lmplot regplot residplot swarmplot barplot pointplot lineplot clustermap despine
"""

#: Functions by dotted name, as imports resolve it.
FUNCTIONS: dict[str, Behaviour] = {
    **_table(
        _LOOK,
        "builtins.",
        """abs bin bool bytes callable chr complex dir divmod float format hasattr hash help hex id int isinstance
        issubclass len oct ord pow range repr round str object ascii print""",
    ),
    **_table(_COPY, "builtins.", "slice Exception ValueError TypeError KeyError IndexError RuntimeError"),
    **_table(_GO_THROUGH, "builtins.", "all any bytearray"),
    **_table(_COLLECT, "builtins.", "list tuple set frozenset dict sum"),
    **_table(_LAZY, "builtins.", "enumerate reversed zip iter"),
    **_table(_LAZY_CALL, "builtins.", "map filter"),
    **_table(_PICK, "builtins.", "max min sorted"),
    **_table(_STEP, "builtins.", "next"),
    **_table(_LOOK_AT_PART, "builtins.", "getattr type super vars"),
    **_table(_SHOW, "builtins.", "display"),
    **_table(_SHOW, "IPython.display.", "display"),
    **_table(_PURE, "IPython.display.", "HTML Markdown Latex Math Image SVG JSON Code Pretty clear_output"),
    **_table(
        _PURE,
        "numpy.",
        """zeros ones full empty arange linspace logspace geomspace eye identity tri zeros_like ones_like
        full_like empty_like mean median std var sum prod min max amin amax ptp percentile quantile
        nanmean nanmedian nanstd nanvar nansum nanmin nanmax nanpercentile nanquantile average cumsum cumprod diff
        gradient abs absolute fabs sqrt cbrt square exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos
        arctan arctan2 sinh cosh tanh hypot degrees radians deg2rad rad2deg sign floor ceil trunc rint round around
        clip power mod remainder add subtract multiply divide maximum minimum dot matmul outer inner cross kron
        where argmax argmin argsort argwhere nonzero flatnonzero count_nonzero sort unique histogram histogram2d
        histogram_bin_edges bincount digitize interp polyfit polyval corrcoef cov correlate convolve isnan isinf
        isfinite isclose allclose array_equal all any logical_and logical_or logical_not trapezoid searchsorted in1d
        isin intersect1d union1d setdiff1d roll pad float32 float64 int32 int64 bool_
        datetime64 timedelta64 linalg.norm linalg.inv linalg.det linalg.eig linalg.eigh linalg.svd linalg.solve
        linalg.lstsq linalg.matrix_rank fft.fft fft.ifft fft.rfft fft.irfft fft.fftfreq fft.rfftfreq fft.fftshift
        shape ndim size""",
    ),
    **_table(_COPY, "numpy.", "array copy concatenate stack vstack hstack column_stack dstack tile repeat meshgrid"),
    **_table(
        _VIEW,
        "numpy.",
        """diag flip fliplr flipud rot90 split array_split real imag diagonal
        asarray asanyarray ascontiguousarray atleast_1d atleast_2d ravel reshape squeeze expand_dims transpose
        broadcast_to swapaxes moveaxis""",
    ),
    **_table(
        _NUMPY_DRAW,
        "numpy.random.",
        """rand randn randint random random_sample ranf sample choice normal uniform standard_normal poisson
        binomial exponential beta gamma lognormal permutation multivariate_normal geometric laplace logistic pareto
        chisquare triangular weibull standard_t""",
    ),
    **_table(Behaviour(seeds=NUMPY_STREAM), "numpy.random.", "seed"),
    **_table(
        _PYTHON_DRAW,
        "random.",
        """random randint randrange uniform gauss choice choices sample triangular betavariate expovariate
        gammavariate normalvariate lognormvariate getrandbits""",
    ),
    **_table(Behaviour(stream=PYTHON_STREAM, mutates=True), "random.", "shuffle"),
    **_table(Behaviour(seeds=PYTHON_STREAM), "random.", "seed"),
    **_table(_GENERATOR, "random.", "Random"),
    **_table(_GENERATOR, "numpy.random.", "default_rng RandomState"),
    **_table(_MANAGE, "numpy.", "errstate printoptions"),
    **_table(
        _COLLECT,
        "pandas.",
        """Index MultiIndex.from_product MultiIndex.from_tuples MultiIndex.from_arrays Categorical
        DataFrame.from_dict DataFrame.from_records concat""",
    ),
    **_table(Behaviour(result=Result.ITSELF, iterates=True), "pandas.", "DataFrame Series"),
    **_table(
        _COPY,
        "pandas.",
        """merge merge_asof melt pivot pivot_table crosstab get_dummies cut qcut to_datetime to_numeric to_timedelta
        json_normalize isna isnull notna notnull unique""",
    ),
    **_table(
        _PURE,
        "pandas.",
        "date_range timedelta_range period_range Timestamp Timedelta Period DateOffset Grouper",
    ),
    **_table(
        _USE_UP,
        "pandas.",
        """read_csv read_table read_excel read_json read_parquet read_feather read_html read_fwf read_stata
        read_spss read_sas read_orc read_xml""",
    ),
    **_table(_USE_UP, "numpy.", "genfromtxt loadtxt"),
    **_table(_USE_UP, "matplotlib.pyplot.", "imread"),
    **_table(_MANAGE, "pandas.", "option_context"),
    **_table(
        _DRAW,
        "pandas.plotting.",
        "scatter_matrix andrews_curves parallel_coordinates lag_plot autocorrelation_plot",
    ),
    **_table(_DRAW, "matplotlib.pyplot.", _DRAWING + _PYPLOT + " fill"),
    **_table(_DRAW_ON, "matplotlib.pyplot.", "figure axes colorbar clabel bar_label"),
    **_table(_MANAGE, "matplotlib.pyplot.", "rc_context style.context xkcd"),
    **_table(_MANAGE, "matplotlib.", "rc_context style.context"),
    **_table(_DRAW, "seaborn.", _SEABORN),
    **_table(_DRAW_RANDOMLY, "seaborn.", "stripplot catplot"),
    **_table(
        _PURE,
        "math.",
        """ceil floor trunc sqrt exp log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh hypot
        degrees radians factorial comb perm gcd pow fabs isnan isinf isfinite isclose copysign""",
    ),
    **_table(_GO_THROUGH, "math.", "fsum prod"),
    **_table(_GO_THROUGH, "statistics.", "mean median mode stdev variance pstdev pvariance fmean quantiles"),
    **_table(_COLLECT, "collections.", "Counter OrderedDict deque"),
    **_table(_ACTIVE, "collections.", "defaultdict"),
    **_table(_ACTIVE, "builtins.", "property"),
    **_table(_ACTIVE, "functools.", "cached_property"),
    **_table(_PURE, "operator.", "itemgetter attrgetter"),
    **_table(_COPY, "copy.", "copy deepcopy"),
    **_table(_LAZY, "itertools.", "product combinations permutations count islice zip_longest pairwise"),
    **_table(_LAZY, "itertools.", "chain chain.from_iterable cycle repeat accumulate"),
    **_table(_PURE, "json.", "dumps loads"),
    **_table(_USE_UP, "json.", "load"),
    **_table(_LAZY, "csv.", "reader DictReader"),
    **_table(_PURE, "datetime.", "datetime date time timedelta datetime.now date.today datetime.strptime"),
    **_table(_PURE, "time.", "time perf_counter monotonic process_time strftime"),
    **_table(_PURE, "pathlib.", "Path PurePath"),
    **_table(
        _PURE,
        "os.",
        "getcwd listdir path.join path.exists path.basename path.dirname path.abspath path.splitext path.isfile "
        "path.isdir path.getsize environ.get getenv",
    ),
    **_table(_PURE, "re.", "compile match search findall split fullmatch escape"),
    **_table(_CALL_BACK, "re.", "sub"),
    **_table(_COPY, "pprint.", "pprint pformat"),
    **_table(_PURE, "sys.", "getsizeof stdout.write stdout.flush"),
    **_table(_MANAGE, "contextlib.", "suppress"),
    **_table(replace(_VIEW, manages=True), "contextlib.", "nullcontext"),
    **_table(_MANAGE, "warnings.", "catch_warnings"),
    **_table(
        _PURE,
        "sklearn.datasets.",
        "load_iris load_wine load_digits load_diabetes load_breast_cancer",
    ),
}

#: Methods by name, for receivers that are not modules.
METHODS: dict[str, Behaviour] = {
    **_table(
        _PURE,
        "",
        """mean median std var sem skew kurt kurtosis count nunique corr cov corrwith describe info memory_usage
        idxmax idxmin argmax argmin argsort isna isnull notna notnull gt ge lt le eq ne between duplicated
        any all sum prod cumsum cumprod cummax cummin diff pct_change rank quantile autocorr round clip abs equals
        to_string to_markdown to_html to_latex nonzero ptp trace dot
        lower upper title capitalize strip lstrip rstrip startswith endswith find rfind index zfill
        center ljust rjust encode decode isdigit isalpha isalnum isnumeric splitlines casefold swapcase
        strftime isoformat timestamp total_seconds date time weekday month_name day_name
        exists is_file is_dir read_text read_bytes resolve absolute with_suffix with_name relative_to
        bit_length as_integer_ratio get_title get_xlabel get_ylabel""",
    ),
    **_table(_GO_THROUGH, "", "isin split rsplit format issubset issuperset isdisjoint"),
    **_table(_COLLECT, "", "replace join union intersection difference"),
    **_table(
        _COPY,
        "",
        """copy keys values value_counts sort_values sort_index reset_index set_index drop drop_duplicates
        dropna fillna ffill bfill interpolate astype rename rename_axis melt pivot pivot_table stack unstack explode
        nlargest nsmallest merge add_prefix add_suffix to_dict to_records to_list tolist most_common select_dtypes shift
        rolling expanding ewm resample asfreq tz_localize tz_convert unique mode sub mul div truediv min max size
        first last nth ngroup cumcount flatten contains extract""",
    ),
    **_table(_GENERATOR, "", "iterrows itertuples glob items elements"),
    **_table(
        _VIEW,
        "",
        "to_frame head tail transpose to_numpy reshape ravel squeeze view swapaxes get xs get_group take get_figure",
    ),
    **_table(
        _CALL_BACK, "", "groupby agg aggregate apply map applymap transform pipe filter assign where mask combine_first"
    ),
    **_table(
        _STEP, "", "background_gradient highlight_max highlight_min set_caption set_properties set_precision hide"
    ),
    **_table(Behaviour(result=Result.PARTS, stream=NUMPY_STREAM), "", "sample"),
    **_table(Behaviour(result=Result.ITSELF, is_common=True, reads_texts=True), "", "query eval"),
    **_table(_DRAW, "", _DRAWING),
    **_table(
        _CHANGE,
        "",
        """append extend insert remove pop popitem clear sort reverse update setdefault add discard
        appendleft popleft rotate partition fill""",
    ),
    **_table(
        _USE_UP,
        "",
        """normal standard_normal uniform integers random choice permutation permuted poisson binomial exponential
        gamma beta lognormal multivariate_normal rand randn randint read readline readlines seek""",
    ),
}

#: Methods of Python's own containers, the few harmless ones of which are in ``METHODS``.
CONTAINER_METHODS = frozenset(
    name for kind in (list, dict, set, bytearray, deque, OrderedDict, Counter, Path, Random) for name in dir(kind)
)

#: NumPy functions by the number of arguments after which the array for the result may follow.
_OUT_FUNCTIONS = {
    1: """abs absolute fabs sqrt cbrt square exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh
    cosh tanh degrees radians deg2rad rad2deg sign floor ceil trunc rint isnan isinf isfinite logical_not""",
    2: """arctan2 hypot power mod remainder add subtract multiply divide maximum minimum dot matmul logical_and
    logical_or outer round around max min amax amin ptp argmax argmin any all median nanmax nanmin nanmedian
    concatenate stack""",
    3: "clip sum prod mean std var nansum nanmean nanstd nanvar cumsum cumprod percentile quantile nanpercentile "
    "nanquantile",
}
#: How many arguments a function or method may have before one that is written to.
PLAIN_ARGUMENTS = {f"numpy.{name}": count for count, names in _OUT_FUNCTIONS.items() for name in names.split()}
PLAIN_ARGUMENTS |= {name.removeprefix("numpy."): count - 1 for name, count in PLAIN_ARGUMENTS.items()}
PLAIN_ARGUMENTS |= {"info": 1, "to_string": 0, "to_markdown": 0, "to_html": 0, "to_latex": 0}

#: Stores through these reach the receiver itself: ``df.loc[0] = 1``.
INDEXERS = frozenset({"loc", "iloc", "at", "iat", "flat"})
#: Attributes whose object is not used up, ``for name in df.columns``, but has a name: ``df.columns.name = "region"``.
LABELS = frozenset({"columns", "index"})
#: Attributes whose object is made anew, cannot be changed, and is not used up.
SOLID_ATTRIBUTES = frozenset("shape dtypes dtype size ndim name names str dt cat style".split())
#: Things in modules that cannot be changed, nor give parts of themselves.
CONSTANTS = frozenset("pi e inf nan tau newaxis c_ r_ s_ mgrid ogrid".split())

#: Modules that may be imported without any effect that another cell could see.  (Importing seaborn registers colour
#: maps; a module outside these lists may do anything.)
HARMLESS_MODULES = (
    frozenset(sys.stdlib_module_names) - {"__main__", "antigravity", "faulthandler", "readline", "tracemalloc"}
) | frozenset(
    """numpy pandas matplotlib scipy sklearn statsmodels PIL IPython requests xarray networkx polars pyarrow sympy
    tqdm bs4 lxml yaml dateutil pytz tabulate psutil numba joblib shapely pyproj""".split()
)

#: Decorators without a registry.
DECORATORS = frozenset(
    """staticmethod classmethod property dataclass dataclasses.dataclass functools.wraps functools.cache
    functools.lru_cache functools.cached_property functools.total_ordering contextlib.contextmanager
    abc.abstractmethod typing.overload typing.no_type_check""".split()
)
#: Base classes that keep no list of their children.
BASES = frozenset(
    """builtins.object builtins.Exception builtins.ValueError builtins.RuntimeError builtins.KeyError builtins.dict
    builtins.list builtins.str builtins.int builtins.float typing.NamedTuple typing.Protocol typing.TypedDict
    typing.Generic enum.Enum enum.IntEnum enum.StrEnum abc.ABC""".split()
)

#: Functions that look names up in the caller's variables, by the text they are given.
FRAME_READERS = frozenset("query eval sql sqldf ols glm logit poisson dmatrix dmatrices from_formula".split())
#: Functions that can see or set any variable.
NAMESPACE_READERS = frozenset("globals locals vars dir exec eval get_ipython testmod".split())
#: Attributes that are the variables of a notebook or a function.
NAMESPACE_ATTRIBUTES = frozenset("f_globals f_locals __globals__ user_ns user_global_ns".split())
#: Line magics that only show something.
SHOWING_MAGICS = frozenset(
    """who whos who_ls pwd lsmagic magic quickref pinfo pinfo2 pdoc pdef psource pfile psearch history hist timeit
    time prun capture page""".split()
)
#: Those of them that run Python, or write to a file, if there is text after them.
ACTING_MAGICS = frozenset("timeit time prun capture history hist".split())
#: Line magics that read the whole namespace or the session's history.
SURVEYING_MAGICS = frozenset("who whos who_ls history hist store save notebook macro rerun recall edit".split())
#: Cell magics that only show something.
SHOWING_CELL_MAGICS = frozenset("html HTML markdown latex svg SVG".split())

#: Parts of names that say what an unknown call probably does, for the words of the plan.
WRITERS = ("to_", "save", "write", "dump", "mkdir", "unlink", "remove", "rename", "open")
SETTERS = (
    "set",
    "rc",
    "use",
    "option",
    "seed",
    "style",
    "config",
    "filterwarnings",
    "simplefilter",
    "register",
)
