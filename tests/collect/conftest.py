"""Helpers that make small cohorts and workbooks for the readers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cohort import Cohort, load_cohort
from pipeline.collect.collected import Reading
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import read_content
from pipeline.collect.rows import Collected, rows_of_grid
from pipeline.fields import names
from tests.cohorts import settings


@pytest.fixture
def make_cohort(tmp_path: Path) -> Callable[..., Cohort]:
    """A cohort folder whose submissions and registry a test fills in."""

    def make(registry: str = "registry.csv", more: str = "") -> Cohort:
        (tmp_path / "submissions").mkdir(exist_ok=True)
        (tmp_path / "colleges.csv").write_text(
            "学校名称,院系,副书记,邮箱\n湖南科技大学,土木工程学院,李书记,a@b.cn\n", "utf-8"
        )
        (tmp_path / "counselors.csv").write_text("学校名称,院系,班级,姓名,邮箱\n", "utf-8")
        text = settings(registry)
        (tmp_path / "cohort.toml").write_text(text + more, "utf-8")
        return load_cohort(tmp_path)

    return make


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Path], Reading]:
    return lambda path: read_table_file(read_content(path, path.parent))


@pytest.fixture
def rows_of(read: Callable[[Path], Reading]) -> Callable[[Path], Collected]:
    """The rows of a file's first worksheet."""
    return lambda path: rows_of_grid(read(path).grids[0], names())
