"""The corpus: notebooks from the source distributions of other projects, and the rule by which some are left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from benchmarks.fidelity.sources import Foreign, archives_of, download, spaced, unpacked_notebooks
from tests.conformance.execution import Case

#: How many notebooks of each package are taken at most, from all over its gallery.
PACKAGES: Mapping[str, int] = {
    "nbclient": 100,
    "nbconvert": 100,
    "nbformat": 100,
    "papermill": 100,
    "seaborn": 100,
    "matplotlib": 330,
    "scikit-learn": 66,
}
#: What leaves a notebook out: it needs what a test machine, or a kernel without a screen, does not have.
RULES: Mapping[str, re.Pattern[str]] = {
    "network": re.compile(
        r"\bfetch_(?!.*= *None)\w+\(|load_dataset\(|urlopen|urlretrieve|requests\.(get|post)\(|\bpooch\b|"
        r"read_\w+\(\s*[\"']https?://"
    ),
    "window toolkit": re.compile(
        r"matplotlib\.use\([\"'](gtk|qt|tk|wx|macosx)|\bimport (gi|wx|tkinter)\b|from (gi|wx|tkinter)\b|PyQt|PySide|"
        r"%matplotlib +(qt|tk|gtk|wx|osx|notebook|widget)|%gui +\w",
        re.IGNORECASE,
    ),
}

#: Notebooks that are known to differ, by package and name, each with the reason.
KNOWN: Mapping[str, str] = {
    "matplotlib/galleries/users_explain/axes/arranging_axes": (
        "the solver of its constrained layout computes in an order that follows from the addresses of objects in "
        "memory, and 91 of 657,721 pixels, beside edges, come out otherwise; so they do between two kernels if pandas "
        "has been imported before"
    ),
    "matplotlib/galleries/users_explain/axes/axes_units": (
        "it lists the converters of units in the order in which Matplotlib's modules were imported, "
        "and beforehand they are imported in another"
    ),
    "matplotlib/galleries/examples/showcase/xkcd": (
        "its fonts are missing, and where libraries are imported and a figure is drawn before the run, the log says so "
        "in 44 lines more (200, and 156 in a kernel and in a run without that); its pictures are the same"
    ),
    "nbformat/tests/test2": "it calls `%connect_info`, and nobody could connect to a run",
    "scikit_learn/examples/gaussian_process/plot_compare_gpr_krr": (
        "it prints how many milliseconds a fit of 40 points took: 1 in a kernel, and 6 in a run"
    ),
    "scikit_learn/examples/release_highlights/plot_release_highlights_1_9_0": (
        "its progress bar, a widget, says for how many seconds it went on: mostly 1 in a kernel, and 0 or 1 in a run"
    ),
}
#: Those of them that differ only now and then.
SOMETIMES = frozenset(
    {
        "matplotlib/galleries/users_explain/axes/arranging_axes",
        "scikit_learn/examples/gaussian_process/plot_compare_gpr_krr",
        "scikit_learn/examples/release_highlights/plot_release_highlights_1_9_0",
    }
)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of a source distribution's notebooks."""

    package: str
    found: int
    taken: int
    left_out: dict[str, int]  #: by rule; the rest of those not taken were beyond the number wanted


def cache_folder() -> Path:
    """``NBDASH_CONFORMANCE_CACHE``, else in the user's cache: source distributions and runs of kernels."""
    named = os.environ.get("NBDASH_CONFORMANCE_CACHE")
    return Path(named) if named else user_cache_path("nbdash") / "conformance"


class Corpus:
    """The notebooks, unpacked into the cache folder."""

    def __init__(self, folder: Path) -> None:
        self._archives = folder / "sdists"
        self._unpacked = folder / "unpacked"
        download(PACKAGES, self._archives)
        self.counts: list[Counts] = []
        self.cases = [case for package, wanted in PACKAGES.items() for case in self._cases_of(package, wanted)]

    def _cases_of(self, package: str, wanted: int) -> Iterator[Case]:
        for archive in archives_of(self._archives, package):
            found = list(unpacked_notebooks(archive, self._unpacked))
            fit = [foreign for foreign in found if why_left_out(foreign.text) is None]
            taken = spaced(fit, wanted)
            left_out = Counter(rule for foreign in found if (rule := why_left_out(foreign.text)))
            self.counts.append(
                Counts(package=_name_of(archive), found=len(found), taken=len(taken), left_out=dict(left_out))
            )
            yield from map(_case_from, taken)


def known_difference(package: str, name: str) -> str:
    """Why a notebook is known to differ; the package is told with its version."""
    return KNOWN.get(_key_of(package, name), "")


def differs_always(package: str, name: str) -> bool:
    """Whether one that is known to differ does so each time."""
    return _key_of(package, name) not in SOMETIMES


def _key_of(package: str, name: str) -> str:
    return f"{package.rpartition('-')[0]}/{name}"


def why_left_out(text: str) -> str | None:
    """The first rule that leaves out a notebook with this text."""
    return next((rule for rule, pattern in RULES.items() if pattern.search(text)), None)


def _case_from(foreign: Foreign) -> Case:
    return Case(package=foreign.package, name=foreign.name, document=foreign.document, folder=foreign.path.parent)


def _name_of(archive: Path) -> str:
    return archive.name.removesuffix(".tar.gz")
