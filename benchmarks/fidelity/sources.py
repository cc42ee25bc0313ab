"""Where the notebooks come from: the ``.ipynb`` files of source distributions, and their galleries' scripts."""

from __future__ import annotations

import ast
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from packaging.version import Version

#: How many notebooks of each package; more of those whose notebooks draw.
PACKAGES: Mapping[str, int] = {
    "matplotlib": 20,
    "scikit-learn": 8,
    "seaborn": 10,
    "lmfit": 8,
    "nbclient": 3,
    "nbconvert": 5,
    "papermill": 3,
}
#: Scripts that need the network, a person, other processes or time.
UNFIT = re.compile(
    r"fetch_\w+\(|load_dataset\(|urlopen|urlretrieve|https?://\S+\.(csv|zip|npz)|\bpooch\b|"  # the network
    r"matplotlib\.use\(|\bgi\.|PyQt|tkinter|wx\.|input\(|"  # a window, a person
    r"os\.kill|signal|n_jobs|joblib|Parallel|watch_dir|glob_pattern|time\.sleep\((?!0)"  # other processes, waiting
)
_DRAWS = re.compile(r"\bplt\.|matplotlib|seaborn|\.plot\(")
_BLOCK = re.compile(r"^(#{20,}|# ?%%.*)$")


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A notebook of somebody else's, unpacked with the files beside it."""

    package: str
    name: str  #: its path in the source distribution, without the suffix
    path: Path
    document: dict[str, Any]
    text: str  #: of the file
    is_script: bool

    @property
    def draws(self) -> bool:
        """Whether its code looks as if it makes figures."""
        return any(_DRAWS.search(cell["source"]) for cell in self.document["cells"] if cell["cell_type"] == "code")


def download(packages: Mapping[str, int], folder: Path) -> None:
    """Get the latest source distributions of those of which ``folder`` has none yet."""
    from pypi_simple import PyPISimple  # of the extra "conformance"

    folder.mkdir(parents=True, exist_ok=True)
    with PyPISimple() as index:
        for package in packages:
            if not archives_of(folder, package):
                latest = _latest_source(index.get_project_page(package).packages)
                index.download_package(latest, folder / latest.filename)


def foreign_notebooks(folder: Path, scratch: Path, packages: Mapping[str, int]) -> Iterator[Foreign]:
    """Of each package as many as wanted, evenly spaced: those that draw, and others where they do not suffice."""
    for package, wanted in packages.items():
        for archive in archives_of(folder, package):
            found = [each for each in unpacked_notebooks(archive, scratch) if _is_fit(each)]
            for path in {path for each in found for path in each.path.parent.iterdir() if is_shadow(path.name)}:
                path.unlink()
            drawing = spaced([each for each in found if each.draws], wanted)
            others = spaced([each for each in found if not each.draws], wanted - len(drawing))
            for foreign in (*drawing, *others):
                if not foreign.path.exists():
                    nbformat.write(nbformat.from_dict(foreign.document), foreign.path)
                yield foreign


def unpacked_notebooks(archive: Path, scratch: Path) -> Iterator[Foreign]:
    """Every Python notebook of a source distribution, and every script of its galleries; unpacked into ``scratch``."""
    folder = scratch / archive.stem
    if not folder.exists():
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    return _notebooks_below(folder / archive.name.removesuffix(".tar.gz"))


def notebook_from_gallery(source: str) -> dict[str, Any]:
    """A sphinx-gallery script as a notebook: its docstring and comment blocks are Markdown."""
    cells = []
    introduction, source = _split_docstring(source)
    if introduction:
        cells.append(nbformat.v4.new_markdown_cell(introduction))
    for block in _blocks(source):
        prose = block[: _prose_length(block)] if _BLOCK.match(block[0]) else []
        code = "\n".join(block[len(prose) :]).strip()
        if prose[1:]:
            cells.append(nbformat.v4.new_markdown_cell("\n".join(line[1:].strip() for line in prose[1:])))
        if code:
            cells.append(nbformat.v4.new_code_cell(code))
    return dict(nbformat.v4.new_notebook(cells=cells))


def is_shadow(name: str) -> bool:
    """Whether a Python that starts beside this file would import it instead of its own module."""
    return name.endswith(".py") and name.removesuffix(".py") in sys.stdlib_module_names


def archives_of(folder: Path, package: str) -> list[Path]:
    """Its source distributions in ``folder``."""
    return sorted(folder.glob(f"{package.replace('-', '?')}-*.tar.gz"))


def spaced(found: list[Foreign], wanted: int) -> list[Foreign]:
    """As many as wanted, if there are, from all over the list."""
    count = min(max(wanted, 0), len(found))
    return [found[index * len(found) // count] for index in range(count)]


def _latest_source(files: Iterable[Any]) -> Any:
    """That of the newest release, of all the files of a project."""
    sources = [file for file in files if file.package_type == "sdist" and not file.is_yanked]
    return max(
        (source for source in sources if not Version(source.version).is_prerelease),
        key=lambda source: Version(source.version),
    )


def _notebooks_below(folder: Path) -> Iterator[Foreign]:
    notebooks = [path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    scripts = [path for path in folder.rglob("*.py") if {"galleries", "examples"} & set(path.parts[-4:-1])]
    for path in (*sorted(notebooks), *sorted(scripts)):
        text = path.read_text(encoding="utf-8", errors="replace")
        document = _document_of(path, text)
        if document is not None:
            name = path.relative_to(folder).with_suffix("").as_posix()
            yield Foreign(
                package=folder.name,
                name=name,
                path=path.with_suffix(".ipynb"),
                document=document,
                text=text,
                is_script=path.suffix == ".py",
            )


def _is_fit(foreign: Foreign) -> bool:
    """Whether it can be published here: it draws (or is a notebook), and needs nothing from outside."""
    return not UNFIT.search(foreign.text) and not (foreign.is_script and "plt." not in foreign.text)


def _document_of(path: Path, text: str) -> dict[str, Any] | None:
    """The notebook, if it can be read and has Python code."""
    try:
        document = notebook_from_gallery(text) if path.suffix == ".py" else dict(nbformat.read(path, as_version=4))
        language = document["metadata"].get("kernelspec", {}).get("language", "python")
    except Exception:  # some are broken on purpose
        return None
    for cell in document["cells"]:
        cell.setdefault("id", nbformat.v4.new_code_cell().id)
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    has_code = any(cell["cell_type"] == "code" and cell["source"].strip() for cell in document["cells"])
    return document if has_code and language == "python" else None


def _split_docstring(source: str) -> tuple[str, str]:
    """The module's docstring as Markdown (without the line above its title), and the code after it."""
    first = next(iter(ast.parse(source).body), None)
    docstring = ast.get_docstring(ast.parse(source))
    if first is None or docstring is None:
        return "", source
    lines = docstring.splitlines()
    return "\n".join(lines[1:] if set(lines[0]) == {"="} else lines), "\n".join(source.splitlines()[first.end_lineno :])


def _blocks(source: str) -> Iterator[list[str]]:
    """The lines between the gallery's separators, each block with its own."""
    block: list[str] = []
    for line in source.splitlines():
        if _BLOCK.match(line) and block:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _prose_length(block: list[str]) -> int:
    """The lines of comment that a block begins with."""
    return next((i for i, line in enumerate(block) if not line.startswith("#")), len(block))
