"""What drawing reads beside the figure and the code: settings, registries, fonts, zone, locale, versions."""

from __future__ import annotations

import contextlib
import decimal
import locale
import logging
import os
import platform
import sys
import time
import warnings
from importlib import import_module
from typing import Any

from .fonts import Fonts, stats_of
from .packages import CORE
from .values import refuse

#: What a draw or a copy would import first, and what notebooks import on their way to it.
_LAZY = {
    "matplotlib": (
        "matplotlib.pyplot matplotlib.patheffects matplotlib.hatch matplotlib.backends.backend_agg "
        "matplotlib.animation matplotlib.sankey matplotlib._tri contourpy mpl_toolkits.mplot3d mpl_toolkits.axes_grid1 "
        "mpl_toolkits.axes_grid1.anchored_artists mpl_toolkits.axes_grid1.inset_locator "
        "mpl_toolkits.axisartist PIL.PngImagePlugin numpy.linalg"
    ),
    "pandas": "pandas.plotting._matplotlib",
}
#: Settings about windows and files, not pictures.
_UNDRAWN = ("backend", "backend_fallback", "figure.max_open_warning", "savefig.directory", "toolbar")
_ENVIRONMENT = ("TZ", "LANG", "LANGUAGE", "SOURCE_DATE_EPOCH", "PYTHONMALLOC", "PYTHONTZPATH")
_ENVIRONMENT_PREFIXES = ("LC_", "MPL", "OPENBLAS_", "MKL_", "OMP_", "NPY_", "BLIS_", "GOTO_")
#: Packages whose modules a draw's warning may be put down to.
_SPEAKERS = frozenset({*CORE, "__main__", "IPython", "matplotlib_inline", "_nbdash_host", "asyncio", "traitlets"})
_MONTH = 2_629_746


def import_lazy_modules() -> None:
    """Import what a first draw would, so that it is among the code that is known."""
    for package, names in _LAZY.items():
        if package in sys.modules:
            for name in names.split():
                with contextlib.suppress(ImportError):
                    import_module(name)
    if "PIL.Image" in sys.modules:
        sys.modules["PIL.Image"].preinit()
    if "matplotlib.pyplot" in sys.modules:
        _fill_caches()


def _fill_caches() -> None:
    """Have made what classes and modules keep once it has been asked for."""
    dates: Any = sys.modules["matplotlib.dates"]
    path, numpy = sys.modules["matplotlib.path"].Path, sys.modules["numpy"]
    for make in (path.unit_rectangle, path.unit_circle, path.unit_circle_righthalf):
        make()
    sys.modules["matplotlib.mathtext"].MathTextParser("path").parse("$x$")
    epoch = dates._epoch
    dates.num2date([1.0])
    dates.num2timedelta([1.0])
    dates.datestr2num(["2000-01-01"])
    dates._epoch = epoch  # it can be set until it is used
    for domain in numpy.ma.core.ufunc_domain.values():
        if hasattr(domain, "tolerance"):
            domain(1.0, 1.0)


class Surroundings:
    """Taken in the zygote; what it says later is part of each fingerprint."""

    def __init__(self) -> None:
        matplotlib = sys.modules["matplotlib"]
        self.fonts = Fonts()
        settings = dict.items(matplotlib.rcParams)
        self._mathtext = {
            name: value for name, value in settings if name.startswith("mathtext.") and name != "mathtext.fontset"
        }
        self._parser = _parser_state()
        self._colormaps = dict(matplotlib.colormaps._cmaps)
        self.constant = (_versions(), _modules(), _machine(), self.fonts.constant)

    def state(self) -> tuple[Any, ...]:
        """Everything that a draw reads now; refused if something would watch it."""
        if sys.gettrace() is not None or sys.getprofile() is not None:
            refuse(sys, "is traced")
        self.fonts.verify_all()
        return (
            self._settings(),
            self._registries(),
            _zone(),
            _numbers(),
            _messages(),
            _environment(),
            sys.getrecursionlimit(),
        )

    def _settings(self) -> Any:
        settings = sys.modules["matplotlib"].rcParams
        if settings["text.usetex"]:
            refuse(settings, "has other programs set the text")
        if any(settings[name] != value for name, value in self._mathtext.items()):
            refuse(settings, "has formulas set in another way, and those set before may be remembered")
        for family in settings["font.family"]:
            self.fonts.verify_family(str(family).lower())
        zone = sys.modules["matplotlib.dates"]._get_tzinfo()  # its file is read when it is first used
        return zone, {name: value for name, value in dict.items(settings) if name not in _UNDRAWN}

    def _registries(self) -> Any:
        matplotlib = sys.modules["matplotlib"]
        known = self._colormaps
        changed = {name: each for name, each in matplotlib.colormaps._cmaps.items() if known.get(name) is not each}
        if _parser_state() != self._parser:
            refuse(matplotlib, "has another parser of formulas")
        epoch = sys.modules["matplotlib.dates"]._epoch or matplotlib.rcParams["date.epoch"]
        _verify_colour_cache()
        polygons = sys.modules["matplotlib.path"].Path._unit_regular_polygons
        bent = [(count, path) for count, path in sorted(polygons.items()) if path._interpolation_steps != 1]
        return (
            changed,
            len(matplotlib.colormaps._cmaps),
            dict.copy(sys.modules["matplotlib.units"].registry),
            epoch,
            bent,
        )


def _parser_state() -> Any:
    """The parser of formulas, but for what it keeps while it is at work."""
    parser = sys.modules["matplotlib.mathtext"].MathTextParser._parser
    own = ("_em_width_cache", "_in_subscript_or_superscript", "_state_stack")
    return id(parser), {name: id(value) for name, value in vars(parser).items() if name not in own}


def _verify_colour_cache() -> None:
    """Colours that were looked up before are as they would be now."""
    colors = sys.modules["matplotlib.colors"]
    for (colour, alpha), found in colors._colors_full_map.cache.items():
        if colors._to_rgba_no_colorcycle(colour, alpha) != found:
            refuse(colors._colors_full_map, "remembers another colour")


def _versions() -> Any:
    freetype = sys.modules["matplotlib.ft2font"]
    names = ("matplotlib", "numpy", "PIL", "dateutil", "cycler", "contourpy", "kiwisolver", "pyparsing", "pandas")
    versions = {name: str(getattr(sys.modules.get(name), "__version__", "")) for name in names}
    return versions, sys.version, freetype.__freetype_version__, freetype.__freetype_build_type__


def _modules() -> list[Any]:
    """Each loaded module that is not Python's own, with its file as it is: it may have changed others when imported."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] not in sys.stdlib_module_names and file:
            found.append((name, file))
    stats = dict(stats_of(frozenset(file for _, file in found)))
    return sorted((name, file, stats[file][:2] if stats[file] else None) for name, file in found)


def _machine() -> Any:
    """The processor decides which of NumPy's loops are used, and with that the last bit of a number."""
    core = sys.modules.get("numpy._core._multiarray_umath") or sys.modules["numpy.core._multiarray_umath"]
    features = sorted(name for name, there in core.__cpu_features__.items() if there)
    return platform.machine(), sys.byteorder, platform.libc_ver(), features, os.cpu_count()


def _zone() -> Any:
    """The local zone by what it says of each month from 1970 to 2038, and its file."""
    offsets = [(local.tm_gmtoff, local.tm_zone) for local in map(time.localtime, range(0, 2**31, _MONTH))]
    changes = [(place, each) for place, each in enumerate(offsets) if not place or offsets[place - 1] != each]
    clock = "/etc/localtime"
    return (
        changes,
        time.tzname,
        time.timezone,
        time.altzone,
        os.path.realpath(clock),
        list(stats_of(frozenset({clock}))),
    )


def _numbers() -> Any:
    numpy = sys.modules["numpy"]
    if numpy.geterrcall() is not None:
        refuse(numpy, "calls something on an error")
    context = decimal.getcontext()
    return (
        repr(sorted(numpy.get_printoptions().items(), key=lambda item: item[0])),
        numpy.geterr(),
        repr(context),
        locale.setlocale(locale.LC_ALL),
        repr(locale.localeconv()),
    )


def _messages() -> Any:
    """What is said of a draw and what is not: filters, what was said once, levels."""
    filters = [tuple(map(_told, each)) for each in warnings.filters]
    said = []
    for name in [name for name in sys.modules if name.partition(".")[0] in _SPEAKERS]:
        registry = getattr(sys.modules[name], "__warningregistry__", None)
        if registry:
            said.append((name, sorted(repr(key) for key in registry if key != "version")))
    loggers = logging.root.manager.loggerDict
    names = sorted(name for name in loggers if name.partition(".")[0] in ("matplotlib", "PIL"))
    found = [logging.root, *(each for name in names if isinstance(each := loggers[name], logging.Logger))]
    return filters, said, list(filter(None, map(_logger_state, found))), logging.root.manager.disable


def _told(part: Any) -> Any:
    if part is None or isinstance(part, (str, int)):
        return part
    return getattr(part, "pattern", None) or f"{part.__module__}.{part.__qualname__}"


def _logger_state(logger: logging.Logger) -> Any:
    """Handlers that write to a stream are heard; others might write anywhere."""
    if logger.filters or any(
        type(each) not in (logging.StreamHandler, logging.NullHandler) for each in logger.handlers
    ):
        refuse(logger, "passes messages on")
    handlers = [(type(each).__name__, each.level) for each in logger.handlers]
    if not (logger.level or logger.disabled or handlers) and logger.propagate:
        return None  # as if it were not there
    return logger.name, logger.level, logger.disabled, logger.propagate, handlers


def _environment() -> Any:
    return sorted(
        (name, value)
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or (name.startswith(_ENVIRONMENT_PREFIXES) and name != "MPLBACKEND")
    )
