"""`mingce demo`: an invented cohort, run, with the page to open."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.clock import SHANGHAI
from pipeline.errors import PartialError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.demo.generate import Order

_FORMATS = ("xlsx", "csv", "parquet", "ods")
_MOST = {"xlsx": 200_000, "ods": 20_000, "csv": 2_000_000}
_WITH_PHOTOS = 3_000  # past it pictures would be most of the folder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", help="生成一届虚构的毕业生并核对，看看结果是什么样子。")(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="写到哪个文件夹", metavar="[DIR]")] = Path("reports/demo"),
    students: Annotated[int, typer.Option("--students", min=20, help="学生人数")] = 600,
    schools: Annotated[int, typer.Option("--schools", min=1, help="学校数")] = 2,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=0xFFFFFFFF, help="随机种子：相同的种子得到相同的数据")
    ] = 2017,
    form: Annotated[str, typer.Option("--format", help="登记表的格式：xlsx、csv、parquet、ods")] = "xlsx",
    faults: Annotated[
        float | None,
        typer.Option("--faults", min=0, max=0.9, help="有错的登记所占的比例（默认：人少时 0.2，人多时 0.03）"),
    ] = None,
    run: Annotated[bool, typer.Option("--run/--no-run", help="生成之后是否核对")] = True,
    kind: Annotated[str, typer.Option("--kind", help="届别：2017、2026、one-school、postgraduate-2026")] = "2017",
    identity: Annotated[bool, typer.Option("--identity-faults", help="只放身份方面的错误，用来检验匹配")] = False,
) -> None:
    """Write the cohort and, unless told otherwise, run it; the last line printed is the page to open."""
    from pipeline.demo.generate import Order, write_cohort

    _refuse(folder, students, form, kind, schools)
    lively = students <= _WITH_PHOTOS and not identity
    share = faults if faults is not None else (0.2 if lively else 0.03)
    order = Order(students, schools, seed, form, share, kind, identity, photos=lively, decisions=lively)
    write_cohort(folder, order, _teller())
    print(_run(folder, order) if run else folder / "cohort.toml")


def _refuse(folder: Path, students: int, form: str, kind: str, schools: int) -> None:
    from pipeline.demo.kinds import KINDS

    if form not in _FORMATS:
        raise UsageError(f"没有格式 {form}", where="--format", remedy=f"可用：{'、'.join(_FORMATS)}")
    if kind not in KINDS:
        raise UsageError(f"没有届别 {kind}", where="--kind", remedy=f"可用：{'、'.join(KINDS)}")
    if students > _MOST.get(form, students):
        raise UsageError(f"{form} 装不下 {students} 名学生", where="--format", remedy="人数多时请用 --format parquet")
    if students < schools * 20:
        raise UsageError("学生太少", where="--students", remedy="每所学校至少 20 人")
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "truth_missing.csv").is_file()):
        raise UsageError("这里已有别的内容，没有改动", where=str(folder), remedy="请换一个空文件夹")


def _teller() -> Callable[[int, int], None]:
    """Return what tells of progress by tenths."""
    told = 0

    def tell(done: int, of: int) -> None:
        nonlocal told
        if done * 10 // of > told:
            told = done * 10 // of
            print(f"已生成 {done:,} / {of:,} 名虚构的学生", file=sys.stderr)

    return tell


def _run(folder: Path, order: Order) -> Path:
    """Run the cohort as of the day that it was made for; return its first page."""
    from pipeline.cohort import load_cohort
    from pipeline.demo.kinds import KINDS
    from pipeline.run import RunOptions, run_cohort

    options = RunOptions(as_of=KINDS[order.kind].as_of, now=datetime.now(SHANGHAI))
    outcome = run_cohort(load_cohort(folder), options)
    page = outcome.folder / "site" / "index.html"
    if outcome.lacking:
        raise PartialError("有页面没有生成", where=str(outcome.folder), remedy="原因见 summary.json；其余页面可以打开")
    print("完成。请用浏览器打开下面这一页：", file=sys.stderr)
    return page
