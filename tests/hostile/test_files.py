"""Table d1: notebook files. What cannot be read is refused in one sentence, what can be is shown, odd or not."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nbdash.cli import main
from nbdash.model import RunState
from tests.hostile.scene import PRIVATE, Scene
from tests.ports import own_port
from tests.served import Served


def cell(source: Any = "print('kept')", **entries: Any) -> dict[str, Any]:
    """A card."""
    card = {"cell_type": "code", "metadata": {"tags": ["dash"]}, "source": source}
    return {**card, "outputs": [], "execution_count": None, **entries}


def book(*cells: Any, **entries: Any) -> str:
    """A notebook's text; keywords replace its top-level entries."""
    return json.dumps({"cells": list(cells or [cell()]), "metadata": {}, "nbformat": 4, "nbformat_minor": 4, **entries})


def without(name: str) -> str:
    """A notebook without one of its entries."""
    return json.dumps({key: value for key, value in json.loads(book()).items() if key != name})


CONFLICT = '{\n<<<<<<< HEAD\n "cells": [],\n=======\n "cells": [1],\n>>>>>>> other\n "nbformat": 4}'
MANY = b'{"nbformat": 4, "metadata": {}, "cells": [' + b'{"cell_type": "raw"},' * 99_999 + b'{"cell_type": "raw"}]}'

#: A file's content, and what is said of it.
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "row-01-empty": ("", "is empty"),
    "row-01-white-space": (" \n\t", "is empty"),
    "row-02-null": ("null", "is not a notebook (its top level is null)"),
    "row-02-list": ("[]", "is not a notebook (its top level is a list)"),
    "row-02-number": ("42", "is not a notebook"),
    "row-02-text": ('"x"', "is not a notebook"),
    "row-03-login-page": ("<!DOCTYPE html><html>Sign in</html>", "is HTML, probably a login page"),
    "row-04-truncated": (book()[:-30], "line 1, column"),
    "row-06-utf-16": (book().encode("utf-16"), "is UTF-16, not UTF-8"),
    "row-06-latin-1": (b'{"a": "\xe9"}', "is not UTF-8 (byte 8)"),
    "row-07-objects-in-objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
    "row-07-lists-in-lists": (f'{{"metadata": {"[" * 900}{"]" * 900}}}', "nested too deeply"),
    "row-08-long-number": (f'{{"a": {"9" * 5000}}}', "more than 4300 digits"),
    "row-10-duplicate-keys": ('{"nbformat": 3, "nbformat": 4}', "duplicate key 'nbformat'"),
    "row-12-nbformat-5": (book(nbformat=5), "made by a newer Jupyter (nbformat 5)"),
    "row-12-nbformat-99": (book(nbformat=99), "made by a newer Jupyter (nbformat 99)"),
    "row-12-nbformat-negative": (book(nbformat=-1), "has nbformat -1"),
    "row-12-nbformat-text": (book(nbformat="4"), "has nbformat '4'"),
    "row-12-nbformat-null": (book(nbformat=None), "has nbformat None"),
    "row-12-nbformat-infinite": ('{"nbformat": 1e400, "cells": [], "metadata": {}}', "has nbformat None"),
    "row-13-nbformat-missing": (without("nbformat"), "has no 'nbformat' entry"),
    "row-17-cells-missing": (without("cells"), "has no list of cells"),
    "row-17-cells-null": (book(cells=None), "has no list of cells"),
    "row-17-cells-object": (book(cells={}), "has no list of cells"),
    "row-17-cell-null": (book(cell(), None), "has a cell 2 that is no JSON object"),
    "row-17-cell-text": (book("x"), "has a cell 1 that is no JSON object"),
    "row-18-tagged-unknown-type": (book(cell(cell_type="sql")), "tagged cell 1 of the unknown type 'sql'"),
    "row-19-source-number": (book(cell(5)), "cell 1 whose source is not text"),
    "row-19-source-null": (book(cell(None)), "cell 1 whose source is not text"),
    "row-19-source-numbers": (book(cell([1, 2])), "cell 1 whose source is not text"),
    "row-19-long-line": (book(cell("x" * 10_000_000)), "cell 1 of more than 4 MiB"),
    "row-29-zip": (b"PK\x03\x04" + b"\0" * 40, "is a compressed archive"),
    "row-29-gzip": (gzip.compress(book().encode()), "is a compressed archive"),
    "row-29-zlib": (zlib.compress(book().encode()), "is not UTF-8"),
    "row-30-many-cells": (MANY, "has 100000 cells, more than 2000"),
    "row-30-large-cell": (book(cell("#" * 10_000_000)), "cell 1 of more than 4 MiB"),
    "row-31-conflict": (CONFLICT, "git conflict marker in line 2"),
}


@dataclass(frozen=True)
class Odd:
    """A file that is read nevertheless, and a part of what is told of it."""

    content: str | bytes
    notice: str = ""
    shows: str = "kept"


def worksheets(version: int) -> str:
    """A notebook as Jupyter's predecessors wrote it."""
    old = {"cell_type": "code", "language": "python", "input": "print('kept')", "outputs": [], "prompt_number": 1}
    sheets = [{"cells": [old]}, {"cells": [{"cell_type": "markdown", "source": "# Second sheet"}]}]
    return json.dumps({"nbformat": version, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets})


def own(**metadata: Any) -> str:
    """A notebook with this ``metadata.nbdash``."""
    return book(metadata={"nbdash": metadata})


ACCEPTED: dict[str, Odd] = {
    "row-05-byte-order-mark": Odd(b"\xef\xbb\xbf" + book().encode()),
    "row-09-no-number": Odd(book(metadata={"a": float("nan"), "b": float("inf")}), "NaN or infinite numbers"),
    "row-11-nbformat-1": Odd(
        json.dumps({"nbformat": 1, "cells": [{"cell_type": "code", "code": "print('kept')"}]}),
        "nbformat 1, was upgraded",
    ),
    "row-11-nbformat-2": Odd(worksheets(2), "nbformat 2, was upgraded"),
    "row-11-nbformat-3": Odd(worksheets(3), "worksheets were joined"),
    "row-14-minor-99": Odd(book(nbformat_minor=99), "is newer"),
    "row-14-minor-missing": Odd(without("nbformat_minor")),
    "row-16-metadata-missing": Odd(without("metadata"), "metadata was missing"),
    "row-16-metadata-list": Odd(book(metadata=[]), "metadata was missing or malformed"),
    "row-16-metadata-null": Odd(book(metadata=None), "metadata was missing or malformed"),
    "row-18-no-type": Odd(book(cell(), {"source": "x"}), "Cell 2 has the unknown type"),
    "row-18-heading": Odd(book(cell(), {"cell_type": "heading", "source": "H", "level": 2})),
    "row-20-outputs-null": Odd(book(cell(outputs=None)), "malformed stored outputs"),
    "row-20-outputs-unknown": Odd(book(cell(outputs=[{"output_type": "x"}])), "malformed metadata or outputs"),
    "row-20-large-outputs": Odd(book(cell(outputs=[{"output_type": "stream", "name": "stdout", "text": "x" * 10**7}]))),
    "row-21-ids-equal": Odd(book(cell(id="a"), cell(id="a"), nbformat_minor=5)),
    "row-21-id-markup": Odd(book(cell(id="../../x<script>"), nbformat_minor=5)),
    "row-21-id-long": Odd(book(cell(id="a" * 1000), nbformat_minor=5)),
    "row-21-id-early": Odd(book(cell(id="a"))),
    "row-22-tags-text": Odd(book(cell(metadata={"tags": "dash"})), "read as: 'dash'"),
    "row-22-tags-nested": Odd(book(cell(metadata={"tags": [["x"], "dash"]})), "read as: 'dash'"),
    "row-22-tags-with-commas": Odd(book(cell(metadata={"tags": ["dash,b"]})), "read as: 'dash', 'b'"),
    "row-22-many-tags": Odd(
        book(cell(metadata={"tags": ["dash", *(f"t{n}" for n in range(10_000))]})), "malformed tags"
    ),
    "row-22-tags-in-conflict": Odd(book(cell(), cell("1/0", metadata={"tags": ["dash", "dash-skip"]})), "tagged both"),
    "row-23-no-tag": Odd(book(cell(metadata={}))),
    "row-24-no-kernelspec": Odd(book()),
    "row-24-kernelspec-text": Odd(book(metadata={"kernelspec": "python3"}), "kernelspec has no usable name"),
    "row-24-kernelspec-path": Odd(
        book(metadata={"kernelspec": {"name": "../../bin/sh", "argv": ["/bin/sh"]}}), "kernelspec has no usable name"
    ),
    "row-24-kernelspec-argv": Odd(
        book(metadata={"kernelspec": {"name": "python3", "argv": ["/bin/false"], "display_name": "P"}})
    ),
    "row-25-surrogate": Odd(book(cell("print('kept')  # \ud800"), metadata={"title": "a\ud800b"}), "U+FFFD"),
    "row-25-nul": Odd(book(cell("print('kept')  # \0"), metadata={"title": "a\0b"}), "U+FFFD"),
    "row-33-timeout": Odd(own(timeout=1e9), "asks for 'nbdash.timeout' 1e+09; the server allows 60"),
    "row-33-secret-key": Odd(own(secret_key="x", command=["sh"]), "'nbdash.secret_key' is no setting"),
    "row-33-data": Odd(own(data="/", host="0.0.0.0"), "'nbdash.host' is no setting"),
}


def say(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """A command's exit status, and all it says."""
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out + said.err


def check_refusal(status: int, said: str, expected: str) -> None:
    """One sentence, for bad input."""
    assert status == 2
    assert said.startswith("nbdash: ") and said.count("\n") == 1 and said.endswith(".\n"), said
    assert expected in said and len(said) < 600


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    monkeypatch.setenv("NBDASH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_by_every_command(
    name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, expected = REFUSED[name]
    path = tmp_path / f"{name}.ipynb"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    for command in ("publish", "check", "run", "init"):
        check_refusal(*say(capsys, command, path), expected)
    assert not data.exists(), "nothing was started, nothing is kept"


PLACES = {
    "row-27-folder": (lambda path: path.mkdir(), "is a folder"),
    "row-27-pipe": (lambda path: os.mkfifo(path), "is a device or pipe"),
    "row-27-device": (lambda path: path.symlink_to("/dev/zero"), "is a device or pipe"),
    "row-27-link-to-nowhere": (lambda path: path.symlink_to("/nowhere/at/all"), "There is no notebook"),
    "row-27-link-to-a-secret": (lambda path: path.symlink_to("/etc/passwd"), "is not valid JSON"),
    "row-27-loop-of-links": (lambda path: path.symlink_to(path), "cannot be read"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_refused_without_waiting(
    name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, expected = PLACES[name]
    make(tmp_path / "a.ipynb")
    status, said = say(capsys, "publish", tmp_path / "a.ipynb")
    check_refusal(status, said, expected)
    assert "root:" not in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["a.py"], "is a Python script", id="row-32-script"),
        pytest.param(["a.Rmd"], "is a R Markdown file", id="row-32-r-markdown"),
        pytest.param(["a.ipynb.txt"], "does not end in '.ipynb'", id="row-32-two-suffixes"),
        pytest.param(["-"], "does not end in '.ipynb'", id="row-32-standard-input"),
        pytest.param(["*.ipynb"], "There is no notebook", id="row-32-pattern-of-none"),
        pytest.param(["a.ipynb", "b.ipynb", "--slug", "x"], "publish the notebooks one by one", id="row-32-two-files"),
    ],
)
def test_other_arguments_are_refused(
    arguments: list[str], expected: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(*say(capsys, "publish", *arguments), expected)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("files"), "")
    yield made
    made.close()


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_file_becomes_a_dashboard_and_its_oddity_is_told(scene: Scene, name: str) -> None:
    odd = ACCEPTED[name]
    path = scene.folder / f"{name}.ipynb"
    path.write_bytes(odd.content.encode() if isinstance(odd.content, str) else odd.content)
    publication = scene.publisher.publish(path)
    assert publication.run is not None
    notices = publication.plan.notebook.notices
    assert odd.notice in " ".join(notices) and bool(odd.notice) == bool(notices), notices
    assert publication.plan.notebook.limits == {}
    scene.perform()
    run = scene.store.run(publication.run.id)
    assert run.state is RunState.SUCCEEDED, run.error
    page = scene.page(name)
    assert odd.shows in page and "<script>" not in page
    assert not [word for word in PRIVATE if word in page]
    json.loads(scene.get(f"/api/v1/dashboards/{name}"), parse_constant=refuse_constant)


def test_row_15_every_format_is_the_same_dashboard(scene: Scene) -> None:
    path = scene.folder / "row-15.ipynb"
    for minor in range(6):
        path.write_text(book(cell(id="a") if minor == 5 else cell(), nbformat_minor=minor))
        publication = scene.publisher.publish(path)
        scene.perform()
        assert publication.version.number == 1 and (publication.run is None) == (minor > 0)


def test_row_28_what_was_read_is_what_runs(scene: Scene) -> None:
    path = scene.folder / "row-28.ipynb"
    path.write_text(book(cell("print('as it was')")))
    scene.publisher.publish(path)
    path.write_text(book(cell("print('changed')")))
    scene.perform()
    assert "as it was" in scene.page("row-28") and "changed" not in scene.page("row-28")


def test_a_served_folder_of_bad_files_shows_the_good_one_and_tells_of_the_others(tmp_path: Path) -> None:
    """The server reads what the command line has not checked: each gets a line in its log, no traceback."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, (content, _) in REFUSED.items():
        (folder / f"{name}.ipynb").write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "zz-good.ipynb").write_text(book())
    server = Served(folder, tmp_path / "data", port=own_port(8830))
    try:
        assert "kept" in wait_for_page(server, "zz-good")
        index = read(server.url)
        assert "row-03-login-page" in index and "is HTML" in index
    finally:
        server.stop()
    log = server.log.read_text()
    assert "Traceback" not in log
    assert all(expected in log for _, expected in REFUSED.values())


def read(url: str) -> str:
    import urllib.request

    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def wait_for_page(server: Served, slug: str) -> str:
    """The dashboard's page, once it has a result."""
    import time
    import urllib.error

    for _ in range(1200):
        try:
            if 'data-state="fresh"' in (page := read(f"{server.url}d/{slug}")):
                return page
        except urllib.error.HTTPError as error:
            assert error.code == 404
        time.sleep(0.05)
    raise AssertionError(server.log.read_text())
