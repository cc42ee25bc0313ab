"""Which installed packages draw, and which of their modules."""

from __future__ import annotations

import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

#: Packages that each drawing may use.
CORE = ("matplotlib", "mpl_toolkits", "numpy", "PIL", "dateutil", "cycler", "contourpy", "kiwisolver", "pyparsing")
#: Packages that take part if the figure names them.
EXTRA = ("pandas", "seaborn", "scipy", "pytz", "statsmodels", "sklearn", "mplfinance", "adjustText", "squarify")
STANDARD = "stdlib"

#: Parts of the packages that drawing does not use; their classes and functions are not known.
OUTSIDE = (
    "matplotlib.testing matplotlib.tests matplotlib.sphinxext matplotlib.rcsetup matplotlib.backends.qt_compat "
    "matplotlib.style matplotlib._docstring matplotlib._afm matplotlib.backends.registry matplotlib.widgets "
    "matplotlib._cm matplotlib._cm_listed matplotlib._cm_bivar matplotlib._cm_multivar matplotlib.animation "
    "matplotlib.backend_tools matplotlib.backend_managers matplotlib.dviread matplotlib.texmanager matplotlib.mlab "
    "matplotlib.sankey matplotlib._type1font matplotlib.backends.backend_pdf matplotlib.backends.backend_ps "
    "matplotlib.backends.backend_svg matplotlib.backends._backend_pdf_ps "
    "numpy.testing numpy.f2py numpy.random numpy.polynomial numpy.fft numpy.ctypeslib numpy.typing numpy._typing "
    "numpy.lib._datasource numpy.lib._npyio_impl numpy.lib.format numpy.lib._format_impl numpy.lib._iotools "
    "numpy.matrixlib numpy.lib._polynomial_impl numpy.rec numpy._core.records numpy.char numpy._core.defchararray "
    "numpy.strings numpy._core.strings numpy.lib.scimath numpy.lib._scimath_impl numpy.lib._arrayterator_impl "
    "numpy._core.memmap numpy._array_api_info numpy.lib.mixins numpy.lib.introspect numpy._pytesttester "
    "PIL.ExifTags PIL.TiffTags PIL.TiffImagePlugin PIL.GifImagePlugin PIL.JpegImagePlugin PIL.PpmImagePlugin "
    "PIL.BmpImagePlugin PIL.ImageChops PIL.features PIL.GimpGradientFile PIL.GimpPaletteFile PIL.PaletteFile "
    "PIL.ImageSequence PIL.MpoImagePlugin PIL.JpegPresets pyparsing.testing pyparsing.common pyparsing.unicode "
    "pandas.io pandas.tests pandas._testing pandas.testing"
).split()
#: Modules of which drawing uses a few names.
NARROW = {"matplotlib.pyplot": ("_auto_draw_if_interactive", "matplotlib", "rcParams")}
#: Modules of the standard library that are used in drawing.
_STANDARD_MODULES = (
    "builtins abc bisect calendar codecs collections contextlib copy copyreg datetime decimal enum functools heapq io "
    "inspect itertools locale logging math numbers operator os pathlib posixpath re string struct textwrap time types "
    "unicodedata warnings weakref zlib"
).split()


def root_of(module_name: str) -> str:
    """The package that a module counts with."""
    root = module_name.partition(".")[0]
    return root if root in CORE or root in EXTRA else STANDARD


def drawing_modules() -> Iterator[tuple[str, Any]]:
    """The loaded modules of the drawing packages, and of the standard library those that they use."""
    folders = tuple({sysconfig.get_path(each) for each in ("purelib", "platlib", "stdlib", "platstdlib")})
    for name, module in list(sys.modules.items()):
        root = name.partition(".")[0]
        if (root not in CORE and root not in EXTRA) or not isinstance(module, types.ModuleType):
            continue
        if name in OUTSIDE or name.startswith(tuple(f"{each}." for each in OUTSIDE)):
            continue
        if (getattr(module, "__file__", None) or folders[0]).startswith(folders):
            yield name, module
    for name in _STANDARD_MODULES:
        if isinstance(sys.modules.get(name), types.ModuleType):
            yield name, sys.modules[name]
