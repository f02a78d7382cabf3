"""`mingce sign`, `accept`, `handin`: a college's signature, the office's acceptance, the file for the upper system."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from pipeline.cli import common
from pipeline.clock import SHANGHAI
from pipeline.errors import RefusedError, UsageError
from pipeline.imports import lazily
from pipeline.review.chain import TYPED

with lazily():
    from pipeline import cohort as cohorts
    from pipeline import colleges, run_folder, tables
    from pipeline.collect import inputs, school_tables
    from pipeline.deliver import handin, handin_mapping
    from pipeline.match import membership
    from pipeline.render import headcount_files
    from pipeline.review import actions, review_snapshot, signatures, signing
    from pipeline.review import ledger as ledgers
    from pipeline.tabulate import tabulate_stage


Words = Annotated[list[str], Argument(help="院系 [届别]；verify 文件 [届别]；revoke 院系 [届别]", metavar="COLLEGE")]
Code = Annotated[str | None, Option("--code", help="与 verify 同用：人数表页脚的校验码", metavar="CODE")]
Scan = Annotated[Path | None, Option("--scan", help="签字盖章后的扫描件，归档留存", metavar="FILE")]


@common.app.command("sign")
def sign(words: Words, by: common.By = "", why: common.Why = "", code: Code = None, scan: Scan = None) -> None:
    """副书记签字：mingce sign 院系 --by 姓名。

    mingce sign verify 文件：是不是签字时保存的那份文件，数据是否已有改动。
    mingce sign verify --code 校验码：谁在什么时候签了什么。
    mingce sign revoke 院系 --by 姓名 --why 原因：撤销签字。
    """
    if words[0] == "verify":
        _verify(words[1:], code)
    elif words[0] == "revoke":
        college, cohort = _college_of(words[1:])
        with common.open_to_decide(cohort) as ledger:
            signing.revoke(ledger, college, actions.Actor(by, why))
        print(f"{college} 的签字已撤销")
    else:
        _sign_college(words, by, why, scan)


def _sign_college(words: list[str], by: str, why: str, scan: Path | None) -> None:
    college, cohort = _college_of(words)
    folder, final_headcount = headcount_files.SignedFolder(cohort), headcount_files.final_headcount
    scanned = inputs.read_content(scan, cohort.folder) if scan else None
    with ledgers.open_intact(cohort) as ledger:
        if scanned and signatures.standing_signature(ledger.entries("signature"), college.code, college.name):
            inputs.store_copy(scanned, cohort.reports_folder / "inputs")
            new = signing.file_scan(ledger, college, actions.Actor(by, why), scanned.sha256)
            print(f"{college} 的签字扫描件已归档" if new else f"{college} 的这份扫描件已归档过")
            return
        snapshot, today = common.open_newest(cohort)
        people, moment = school_tables.read_people(cohort)[0], datetime.now(SHANGHAI)
        terms = signing.Terms(people, cohort.window.college_due, moment.date())
        actor = actions.Actor(by, why, today)
        signed = signing.sign(
            snapshot, ledger, college, terms, actor,
            lambda desk, whose, _, known: folder.store(final_headcount(desk, whose, cohort, today), known),
        )  # fmt: skip
        signature = signed.signature
        ledgers.write_witness(folder.path / signature.code, signature.seq, signature.hash, signature.signed_at)
        if scanned:
            inputs.store_copy(scanned, cohort.reports_folder / "inputs")
            signing.file_scan(ledger, college, actor, scanned.sha256)
    what = f"{college} 已签字" if signed.new else f"{college} 已签过这份数据，未重复记入"
    print(f"{what}，校验码 {signature.code}")
    print(f"人数表：{folder.path / signature.code}")
    _print_typed(cohort)
    outside = tables.read_table(cohort.reports_folder / "runs" / snapshot.run_id, "outside")
    for reason, names in membership.names_by_reason(college.rows_of(outside)):
        print(f"不在本届 {reason} {len(names)} 人：{'、'.join(names)}")


@common.app.command("accept")
def accept(words: Words, by: common.By = "", why: common.Why = "") -> None:
    """就业办接收：学院签字后，确认数据未变并接收；名次的得分从此不变。"""
    college, cohort = _college_of(words)
    snapshot, today = common.open_newest(cohort)
    colleges = tables.read_table(cohort.reports_folder / "runs" / snapshot.run_id, "colleges")
    standing = tabulate_stage.standing_of(colleges, college)
    with ledgers.open_intact(cohort) as ledger:
        accepted = signing.accept(snapshot, ledger, college, actions.Actor(by, why, today), standing)
    print(f"{college} 已接收" if accepted.new else f"{college} 此前已接收，未重复记入")
    _print_typed(cohort)


def _print_typed(cohort: cohorts.Cohort) -> None:
    if not cohort.review.reviewers:
        print(f"经办人{TYPED}（[review] reviewers 没有设置）")


def _verify(words: list[str], code: str | None) -> None:
    if code is None:
        file, cohort = _subject(words, "文件", "verify headcount.pdf")
        verify = partial(signatures.verify_file, signatures.file_sha256(Path(file)))
    elif len(words) > 1:
        raise UsageError(f"多了 {words[1]}", remedy="--code 之外只写届别文件夹")
    else:
        file, cohort, verify = "", cohorts.load_cohort(Path(*words)), partial(signatures.verify_code, code)
    tables, today = common.open_newest(cohort)
    entries = ledgers.entries_of(cohort)
    verdict = verify(review_snapshot.build_snapshot(tables, entries, today), entries)
    if verdict.equal:
        print(verdict.line)
    for line in verdict.details:
        print(line)
    if not verdict.equal:
        raise RefusedError(verdict.line, where=Path(file).name)


def _college_of(words: list[str]) -> tuple[colleges.College, cohorts.Cohort]:
    name, cohort = _subject(words, "院系", "土木工程学院")
    return common.college_named(name, cohort), cohort


def _subject(words: list[str], what: str, example: str) -> tuple[str, cohorts.Cohort]:
    """Return the first word, and the cohort of the second one (default: the current folder)."""
    if not words:
        raise UsageError(f"没有写{what}", remedy=f"例如：mingce sign {example}")
    if len(words) > 2:
        raise UsageError(f"多了 {words[2]}", remedy=f"只写{what}和届别文件夹")
    return words[0], cohorts.load_cohort(Path(*words[1:]))


_FORMATS = ("xlsx", "csv", "dbf")


@common.app.command("handin")
def hand_over(
    cohort: common.CohortPath = Path(),
    college: common.Colleges = None,
    mapping: Annotated[
        str | None, Option("--mapping", help="上报格式：national、office 或一个 .toml 文件", metavar="NAME")
    ] = None,
    form: Annotated[str | None, Option("--format", help="文件种类：xlsx、csv、dbf")] = None,
    template: Annotated[
        Path | None, Option("--template", help="上级下发的 xlsx 模板，样式保留", metavar="FILE")
    ] = None,
    draft: Annotated[bool, Option("--draft", help="还没有签字，只看格式：文件里每行注明草稿")] = False,
    out: Annotated[Path | None, Option("--out", help="文件写到哪个文件夹", metavar="DIR")] = None,
) -> None:
    """给上级系统的文件：签过字的院系里审核通过的学生。"""
    loaded = cohorts.load_cohort(cohort)
    layout = handin_mapping.load_mapping(mapping or loaded.handin.mapping, Path.cwd() if mapping else loaded.folder)
    template_of_cohort = loaded.path(loaded.handin.template) if loaded.handin.template else None
    if form is not None and form not in _FORMATS:
        raise UsageError(f"没有文件种类 {form}", where="--format", remedy=f"可用：{'、'.join(_FORMATS)}")
    chosen = form or ("xlsx" if template or template_of_cohort else None)
    if template and chosen != "xlsx":
        raise UsageError("模板只能用于 xlsx", where="--template", remedy="请改为 --format xlsx 或去掉 --template")
    if out and out.suffix[1:].lower() in _FORMATS:
        raise UsageError(f"{out.name} 是文件名", where="--out", remedy="请写文件夹；种类用 --format")
    tables, today = common.open_newest(loaded)
    colleges = _colleges(loaded, tables, college)
    folder = out or loaded.reports_folder / "handin"
    model = (template or template_of_cohort) if chosen == "xlsx" else None
    request = handin.HandinRequest(layout, colleges, chosen, model, draft, folder)
    with ledgers.open_intact(loaded) as ledger:
        entries = ledger.entries(*review_snapshot.KINDS)
    with common.output(folder):
        done = handin.hand_in(loaded, tables, entries, request, today)
    for note in done.notes:
        common.print_status(note)
    common.print_status(f"已写出 {done.students} 人{'（草稿，不能上报）' if draft else ''}，读回核对一致")
    print(done.path)


def _colleges(cohort: cohorts.Cohort, run: review_snapshot.RunTables, names: list[str] | None) -> list[tuple[str, str]]:
    if names:
        chosen = [common.college_named(text, cohort) for text in names]
        for college in chosen:
            run.refuse_unread(college)
            review_snapshot.college_students(run.people, college)  # raises for a college without students
        return [(college.code, college.name) for college in chosen]
    known = sorted(run.people[["school_code", "college"]].drop_duplicates().itertuples(index=False, name=None))
    unread = {key: run_folder.unread_of(run.summary, *key) for key in known}
    for (code, name), why in unread.items():
        if why:
            common.print_status(f"没有上报 {code}/{name}：最近一次运行{why}")
    return [key for key in known if not unread[key]]
