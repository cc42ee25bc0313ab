"""nbdash from inside Jupyter: the exporter that nbconvert finds by name, and the magic."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.display import Markdown
from nbconvert.exporters import get_exporter
from nbformat.v4 import new_output

from nbdash.config import Settings
from nbdash.errors import NotebookError, OptionError
from nbdash.jupyter import magics
from nbdash.jupyter.magics import notebook_path, run_magic
from nbdash.model import RunState
from nbdash.publisher.publication import Publisher
from nbdash.store import Store
from tests.conftest import MakeNotebook
from tests.publisher.test_publication import png


def shell(**names: str) -> SimpleNamespace:
    return SimpleNamespace(user_ns=names)


def test_nbconvert_writes_the_page_of_the_outputs_there_are(make_notebook: MakeNotebook) -> None:
    path = make_notebook("md:# Sales", ("plot()", ["dash"]), ("<b>", ["dash-skip"]))
    document = nbformat.read(path, as_version=4)
    document.cells[1].outputs = [new_output("display_data", {"image/png": png(10)})]
    nbformat.write(document, path)
    html, resources = get_exporter("nbdash")().from_filename(str(path))
    assert resources["output_extension"] == ".html"
    assert f"data:image/png;base64,{png(10)}" in html
    assert "<title>Sales" in html and "<script" not in html


def test_the_magic_checks_a_path(make_notebook: MakeNotebook) -> None:
    shown = run_magic(f"check {make_notebook('a = 1', ('print(a)', ['dash']))}", shell())
    assert isinstance(shown, Markdown)
    assert "tagged dash" in shown.data and "which cell 2 reads" in shown.data


def test_the_magic_knows_its_notebook_where_the_front_end_tells(
    make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    path = make_notebook("a = 1")
    assert notebook_path(shell(__vsc_ipynb_file__=str(path))) == path.resolve()
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/sales.ipynb")
    monkeypatch.chdir(Path(path).parent)
    assert notebook_path(shell()) == path.resolve()
    monkeypatch.delenv("JPY_SESSION_NAME")
    with pytest.raises(NotebookError, match="does not tell which notebook"):
        notebook_path(shell())


def test_a_wrong_line_is_answered_with_the_right_one() -> None:
    with pytest.raises(OptionError, match="Write %nbdash publish"):
        run_magic("pubish", shell())


def test_interrupting_the_kernel_cancels_the_run(
    store: Store, settings: Settings, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    publisher = Publisher(store, settings)
    publication = publisher.publish(make_notebook(("print(1)", ["dash"])))
    assert publication.run is not None
    monkeypatch.setattr(magics, "follow_served", interrupt)
    with pytest.raises(KeyboardInterrupt):
        magics._follow(publisher, publication.run, "sales")
    assert store.run(publication.run.id).state is RunState.CANCELLED
