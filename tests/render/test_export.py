"""Files appear whole or not at all, and private."""

from pathlib import Path

import pytest

from pipeline.render.export import write_whole


def test_a_file_is_private_and_whole(tmp_path: Path):
    path = tmp_path / "site" / "页.html"
    write_whole(path, "第一\n")
    write_whole(path, "第二\n")
    assert path.read_bytes() == "第二\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["页.html"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path):
    path = tmp_path / "a.html"
    write_whole(path, "旧")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "旧"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]
