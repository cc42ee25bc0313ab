"""``backup`` and ``restore`` from the outside."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import filelock
import pytest

from nbdash.store import open_store
from tests.cli.conftest import Invoke


@pytest.fixture
def archive(own_data: Path, tmp_path: Path, invoke: Invoke) -> Path:
    """A backup of a data directory with one dashboard."""
    with open_store(own_data) as store:
        store.create_dashboard("sales", title="Sales", source_path="/w", listed=True)
    path = tmp_path / "nbdash.tar"
    answer = invoke("backup", path)
    assert (answer.status, answer.out) == (0, f"{path}\n")
    assert answer.err.startswith("Kept the database and 0 files of figures and results (") and "\x1b" not in answer.err
    return path


def test_there_and_back(archive: Path, tmp_path: Path, invoke: Invoke) -> None:
    place = tmp_path / "new" / "place"
    answer = invoke("restore", archive, "--data", place)
    assert (answer.status, answer.out) == (0, f"{place}\n")
    assert f"'nbdash serve --data {place}'" in answer.err
    assert json.loads(invoke("status", "--json", "--data", place).out)["dashboards"] == 1


def test_a_file_that_is_there_is_replaced_with_yes_only(archive: Path, own_data: Path, invoke: Invoke) -> None:
    archive.write_text("yesterday's")
    answer = invoke("backup", archive)
    assert answer.status == 2 and "give --yes" in answer.err
    assert archive.read_text() == "yesterday's"
    assert invoke("backup", archive, "--yes").status == 0
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


@pytest.mark.parametrize(("name", "said"), [("", "is a folder"), ("absent/nbdash.tar", "There is no folder")])
def test_a_place_that_is_none_is_a_sentence(
    name: str, said: str, archive: Path, tmp_path: Path, invoke: Invoke
) -> None:
    answer = invoke("backup", tmp_path / name)
    assert (answer.status, answer.err.count("\n")) == (2, 1) and said in answer.err


def test_a_damaged_blob_is_told_and_the_status_is_1(
    archive: Path, own_data: Path, tmp_path: Path, invoke: Invoke
) -> None:
    with open_store(own_data) as store:
        store.keep_page("page", 1, "0" * 64, "e")
    answer = invoke("backup", archive, "--yes")
    assert (answer.status, answer.out) == (1, f"{archive}\n") and "is missing" in answer.err
    answer = invoke("restore", archive, "--data", tmp_path / "other")
    assert answer.status == 1 and "is missing" in answer.err and answer.out


def test_nothing_is_left_of_a_restore_that_is_refused(archive: Path, tmp_path: Path, invoke: Invoke) -> None:
    for content in (b"no archive", archive.read_bytes()[:20_000]):
        archive.write_bytes(content)
        answer = invoke("restore", archive, "--data", tmp_path / "other")
        assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert not (tmp_path / "other").exists()


def test_nothing_is_restored_where_something_is_or_a_server_starts(
    archive: Path, own_data: Path, tmp_path: Path, invoke: Invoke
) -> None:
    assert "is not empty" in invoke("restore", archive).err
    place = tmp_path / "other"
    place.mkdir()
    with filelock.FileLock(place / "server.lock"):
        answer = invoke("restore", archive, "--data", place)
    assert answer.status == 2 and "is just starting" in answer.err
    assert (place / "server.lock").exists()
