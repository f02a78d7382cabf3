"""`mingce demo`, `init`, `template`, `anonymise`: cohorts to try, to begin, to fill in and to show to others."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from typer import Argument, Option

from pipeline.cli import common
from pipeline.clock import SHANGHAI
from pipeline.errors import PartialError, UsageError
from pipeline.imports import lazily

with lazily():
    from pipeline import atomic_files, cohort_text, practice, run, run_folder, tables
    from pipeline import cohort as cohorts
    from pipeline.anonymise import anonymise_cohort
    from pipeline.collect import school_tables, template
    from pipeline.collect.google import google_template
    from pipeline.normalise import dates


@common.app.command("demo")
def demo(
    folder: Annotated[Path, Argument(help="写到哪个文件夹", metavar="[DIR]")] = Path("reports/demo"),
    judged: Annotated[bool, Option("--run/--no-run", help="写出之后是否核对")] = True,
) -> None:
    """写出一届虚构的毕业生并核对，看看结果是什么样子，也可以拿来练习。"""
    now = datetime.now(SHANGHAI)
    if practice.is_practice(folder):
        common.print_status(f"{folder} 里已有练习用的届别，接着用；要从头练习，请先删除这个文件夹")
    elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError("这里已有别的内容，没有改动", where=str(folder), remedy="请换一个空文件夹")
    else:
        with common.output(folder), atomic_files.atomic_folder(folder) as draft:
            practice.copy_practice(draft, now.date())
    if not judged:
        print(folder / "cohort.toml")
        return
    outcome = run.run_cohort(cohorts.load_cohort(folder), run_folder.RunOptions(as_of=now.date(), now=now))
    if outcome.incomplete:
        raise PartialError("有页面没有生成", where=str(outcome.folder), remedy="原因见 summary.json；其余页面可以打开")
    common.print_status("完成。请用浏览器打开下面这一页：")
    print(outcome.folder / "site" / "index.html")


_WORKBOOK = "登记表.xlsx"
_NEXT = "请依次：改好 cohort.toml，填写两张人员表，把学籍导出放进 registry，再运行 mingce doctor"
_NEXT_WITH = "请依次：核对 cohort.toml，在两张人员表里补上副书记、辅导员的姓名和邮箱，再运行 mingce doctor"


@common.app.command("init")
def init(
    folder: Annotated[Path, Argument(help="新建的文件夹", metavar="DIR")],
    like: Annotated[
        Path | None, Option("--like", help="照着哪一届：沿用它的学校和院系，年份加一", metavar="COHORT")
    ] = None,
    registry: Annotated[
        Path | None, Option("--registry", help="学籍库导出的文件：学校、毕业年月、院系和班级照它填写", metavar="FILE")
    ] = None,
) -> None:
    """新建一届的文件夹：设置文件、登记表和人员表。"""
    if folder.is_file():
        raise UsageError("这是一个文件", where=str(folder), remedy="请换一个文件夹名")
    if like is None:
        values, colleges = cohort_text.new_cohort(datetime.now(SHANGHAI).date()), cohort_text.COLLEGES
    else:
        previous = cohorts.load_cohort(like)
        values = cohort_text.next_cohort(previous, Path(os.path.relpath(previous.folder, folder.resolve())).as_posix())
        colleges = _colleges(previous)
    texts = {"colleges.csv": colleges, "counselors.csv": cohort_text.COUNSELORS}
    binary: dict[str, bytes] = {}
    if registry:
        values, proposed = _filled_from(values, registry)
        texts |= proposed if like is None else {"counselors.csv": proposed["counselors.csv"]}
        binary[values.schools[0].registry] = registry.read_bytes()
    texts = {"cohort.toml": cohort_text.cohort_text(values), **texts}
    contents = {name: text.encode("utf-8-sig" if name.endswith(".csv") else "utf-8") for name, text in texts.items()}
    contents |= binary
    existing = [name for name in (*contents, _WORKBOOK) if (folder / name).exists()]
    # a kill leaves a folder without the workbook and with our own files: that one is completed
    killed = _WORKBOOK not in existing
    foreign = [name for name in existing if not killed or (folder / name).read_bytes() != contents[name]]
    if foreign:
        raise UsageError(f"已有 {'、'.join(foreign)}，没有改动", where=str(folder), remedy="请换一个文件夹名")
    _write_files(folder, contents)
    template.write_template(folder / _WORKBOOK, cohorts.load_cohort(folder) if like or registry else None)
    print(f"已新建 {folder}。{_NEXT_WITH if registry else _NEXT}")
    print(folder / "cohort.toml")


def _filled_from(values: cohort_text.NewCohort, file: Path) -> tuple[cohort_text.NewCohort, dict[str, str]]:
    """Complete `beginnings` from a registry, and return tables of people with its colleges and classes."""
    old, *others = values.schools
    if others:
        raise UsageError("那一届有几所学校", where="--registry", remedy="请把各校的学籍导出放进新文件夹的 registry")
    if not file.is_file():
        raise UsageError("没有这个文件", where=str(file), remedy="请核对学籍导出的位置")
    school = old.model_copy(update={"registry": f"registry/{old.code}{file.suffix.lower()}"})
    values = replace(values, schools=(school,))
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_files(folder, {
            "cohort.toml": cohort_text.cohort_text(replace(values, previous="", carried="")).encode(),
            "colleges.csv": cohort_text.COLLEGES.encode(), "counselors.csv": cohort_text.COUNSELORS.encode(),
            school.registry: file.read_bytes(),
        })  # fmt: skip
        rows = school_tables.read_registry(school, cohorts.load_cohort(folder), None).rows
    if school.name == cohort_text.EXAMPLE[1]:
        school = school.model_copy(update={"name": str(rows["school"].replace("", school.name).mode().iloc[0])})
    months = rows["graduation_month"][rows["education_level"].isin(["本科", "专科"])].map(dates.month)
    months = months[months.str.fullmatch("[0-9]{4}-[0-9]{2}")]
    if not months.empty:
        values = values.graduating(str(months.mode().iloc[0]))
    return replace(values, schools=(school,)), _people(school.name, rows)


def _people(school: str, rows: tables.Frame) -> dict[str, str]:
    places = rows[["college", "class_name"]].map(str.strip)
    colleges = school_tables.COLLEGES, ["college"]
    counselors = school_tables.COUNSELORS, ["college", "class_name"]
    return {
        name: places[(places[columns] != "").all(axis=1)][columns]
        .drop_duplicates()
        .sort_values(columns)
        .assign(school=school)
        .reindex(columns=list(labels), fill_value="")
        .rename(columns=labels)
        .to_csv(index=False, lineterminator="\n")
        for name, (labels, columns) in {"colleges.csv": colleges, "counselors.csv": counselors}.items()
    }


def _colleges(cohort: cohorts.Cohort) -> str:
    """Return the cohort's table of colleges, as CSV if it is a workbook or has another encoding."""
    try:
        return cohort.path(cohort.people.colleges).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        colleges = school_tables.read_people(cohort)[0].rename(columns=school_tables.COLLEGES)
        return colleges.to_csv(index=False, lineterminator="\n")


def _write_files(folder: Path, contents: dict[str, bytes]) -> None:
    for name in ("registry", "submissions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        atomic_files.write_atomically(folder / name, content)


@common.app.command("template")
def make_template(
    out: Annotated[Path, Argument(help="写到哪个文件", metavar="[OUT.xlsx]")] = Path("登记表.xlsx"),
    cohort: Annotated[Path | None, Option("--cohort", help="届别文件夹：下拉框带上本届的学校、院系、班级")] = None,
    google: Annotated[str | None, Option("--google", help="Google 表格的编号（KEY）")] = None,
    force: Annotated[bool, Option("--force", help="文件已存在时覆盖")] = False,
) -> None:
    """生成收集用的登记表（xlsx），或用 --google 建在共享表格里。"""
    path = cohort or (Path() if Path(cohorts.FILE_NAME).is_file() else None)
    settings = cohorts.load_cohort(path) if path else None
    if google:
        common.print_status(google_template.complete_template(google, settings))
        print(google)
        return
    with common.output(out, ".xlsx"):
        if out.exists() and not force:
            raise UsageError("文件已存在，没有覆盖", where=str(out), remedy="请换个文件名，或加 --force")
        template.write_template(out, settings)
    print(out)


@common.app.command("anonymise")
def anonymise(
    cohort: common.CohortPath,
    out: Annotated[Path, Argument(help="写到哪个新文件夹", metavar="OUT")],
) -> None:
    """生成一份换了人的届别：问题一样，人都是虚构的，可以附在问题报告里。"""
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise UsageError("不是空文件夹，没有改动", where=str(out), remedy="请换一个新文件夹")
    settings = cohorts.load_cohort(cohort)
    with common.output(out), atomic_files.atomic_folder(out) as folder:
        anonymise_cohort.anonymise_cohort(settings, folder)
    print("姓名、号码、电话、邮箱、地址和照片都换成了虚构的；学校、院系、班级、籍贯地区和日期没有换。寄出前请再看一遍")
    print(out / "cohort.toml")
