"""`mingce init`: a new cohort folder, ready to be filled in."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.clock import SHANGHAI
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.cohort import Cohort


_WORKBOOK = "登记表.xlsx"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init", help="新建一届的文件夹：设置文件、登记表和人员表。")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="新建的文件夹", metavar="DIR")],
    like: Annotated[
        Path | None, typer.Option("--like", help="照着哪一届：沿用它的学校和院系，年份加一", metavar="COHORT")
    ] = None,
) -> None:
    """Write `cohort.toml` with comments, the collection workbook, the tables of people; never over another cohort."""
    from pipeline import starter
    from pipeline.collect.template import write_template

    if folder.is_file():
        raise UsageError("这是一个文件", where=str(folder), remedy="请换一个文件夹名")
    if like is None:
        beginnings, colleges = starter.fresh(datetime.now(SHANGHAI).date()), starter.COLLEGES
    else:
        older = _load(like)
        beginnings = starter.following(older, Path(os.path.relpath(older.folder, folder.resolve())).as_posix())
        colleges = _colleges(older)
    texts = {"cohort.toml": starter.cohort_text(beginnings), "colleges.csv": colleges}
    texts["counselors.csv"] = starter.COUNSELORS
    contents = {name: _bytes(name, text) for name, text in texts.items()}
    _refuse(folder, contents)
    _write(folder, contents)
    write_template(folder / _WORKBOOK, _load(folder) if like else None)
    print(f"已新建 {folder}。请依次：改好 cohort.toml，填写两张人员表，把学籍导出放进 registry，再运行 mingce doctor")
    print(folder / "cohort.toml")


def _colleges(cohort: Cohort) -> str:
    """Return the table of colleges as it stands; as a csv of ours where it is a workbook or of another encoding."""
    from pipeline.collect.people import COLLEGES, read_people

    try:
        return cohort.path(cohort.people.colleges).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return read_people(cohort)[0].rename(columns=COLLEGES).to_csv(index=False, lineterminator="\n")


def _load(path: Path) -> Cohort:
    from pipeline.cohort import load_cohort

    return load_cohort(path)


def _bytes(name: str, text: str) -> bytes:
    return text.encode("utf-8-sig" if name.endswith(".csv") else "utf-8")


def _refuse(folder: Path, contents: dict[str, bytes]) -> None:
    """Refuse a folder in use. One without the workbook, its files as we write them, was left by a kill: go on."""
    there = [name for name in (*contents, _WORKBOOK) if (folder / name).exists()]
    whole = _WORKBOOK in there
    taken = there if whole else [name for name in there if (folder / name).read_bytes() != contents[name]]
    if taken:
        raise UsageError(f"已有 {'、'.join(taken)}，没有改动", where=str(folder), remedy="请换一个文件夹名")


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    from pipeline.whole import appearing

    for name in ("registry", "submissions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with appearing(folder / name) as draft:
            draft.write_bytes(content)
