"""Pictures of figures that may be used again: bounded, one dashboard's its own, and no loss if lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbdash.store.pictures import MOST_PICTURES, PictureFolder


@pytest.fixture
def pictures(tmp_path: Path) -> PictureFolder:
    return PictureFolder(tmp_path / "pictures")


def test_kept_and_found(pictures: PictureFolder) -> None:
    pictures.keep("1", "aa", b"one")
    pictures.keep("1", "aa", b"two")
    assert (pictures.find("1", "aa"), pictures.find("2", "aa"), pictures.find("1", "bb")) == (b"two", None, None)


def test_the_least_recently_used_make_room(pictures: PictureFolder) -> None:
    for number in range(MOST_PICTURES):
        pictures.keep("1", f"{number:04}", b"x")
        os.utime(pictures.folder / "1" / f"{number:04}", (number, number))
    pictures.find("1", "0000")
    pictures.keep("1", "new", b"x")
    assert pictures.find("1", "0000") == b"x"
    assert pictures.find("1", "0001") is None
    assert len(list((pictures.folder / "1").iterdir())) == MOST_PICTURES


def test_distrusted_are_forgotten_for_good(pictures: PictureFolder) -> None:
    pictures.keep("1", "aa", b"x")
    pictures.distrust("1")
    pictures.keep("1", "bb", b"x")
    assert (pictures.find("1", "aa"), pictures.find("1", "bb")) == (None, None)


def test_collected_with_their_dashboard_and_when_unused(pictures: PictureFolder) -> None:
    for dashboard in ("1", "2"):
        for name in ("aa", "bb"):
            pictures.keep(dashboard, name, b"x")
    os.utime(pictures.folder / "1" / "aa", (0, 0))
    pictures.collect({"1"})
    left = [path.relative_to(pictures.folder).as_posix() for path in pictures.folder.rglob("*") if path.is_file()]
    assert left == ["1/bb"]


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pictures = PictureFolder(tmp_path / "file")
    pictures.keep("1", "aa", b"x")
    assert pictures.find("1", "aa") is None
    pictures.collect({"1"})
