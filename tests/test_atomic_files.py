"""Files and folders that appear whole or not at all."""

import errno
from pathlib import Path

import pytest

from pipeline.atomic_files import atomic_folder, atomic_path, place_named
from pipeline.cli.terminal import system_failure


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_who_write_one_file_at_once_do_not_meet(tmp_path: Path):
    """The second would remove the first one's draft, and the first would put the second's half in place."""
    place = tmp_path / "a.txt"
    with atomic_path(place) as first:
        first.write_text("first", encoding="utf-8")
        with atomic_path(place) as second:
            second.write_text("half of", encoding="utf-8")
            assert names(tmp_path) == sorted([first.name, second.name])
        assert first.read_text(encoding="utf-8") == "first"
    assert place.read_text(encoding="utf-8") == "first"
    assert names(tmp_path) == ["a.txt"]


def test_two_who_write_one_folder_at_once_do_not_meet(tmp_path: Path):
    with atomic_folder(tmp_path / "a") as first, atomic_folder(tmp_path / "b") as second:
        assert first.is_dir()
        assert second.is_dir()
    assert names(tmp_path) == ["a", "b"]


def test_a_full_disk_names_the_file_or_the_folder(tmp_path: Path):
    """The system names none where the disk fills while a file is written."""
    for place, path in ((atomic_path, tmp_path / "a.csv"), (atomic_folder, tmp_path / "b"), (place_named, tmp_path)):
        with pytest.raises(OSError, match="full") as told, place(path):
            raise OSError(errno.ENOSPC, "full")
        assert told.value.filename == str(path)
        assert str(path) in str(system_failure(told.value))
    with pytest.raises(OSError, match="late") as told, place_named(tmp_path):
        raise OSError(errno.ETIMEDOUT, "late")  # of a server
    assert told.value.filename is None


def test_what_a_kill_left_is_replaced_and_what_fails_leaves_nothing(tmp_path: Path):
    (tmp_path / ".part-a.txt").write_text("of the dead", encoding="utf-8")
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a.txt") as draft:
        assert not draft.exists()
        raise ZeroDivisionError
    assert names(tmp_path) == []
