"""`mingce doctor`: checks of machine, cohort folder, sources and ledger, with remedies."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from itertools import chain
from pathlib import Path

from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.collect.collected import Reading
from pipeline.errors import ConfigurationError, InputError, MingceError
from pipeline.lock import Work, holder, is_held
from pipeline.normalise.text_repairs import comparable, names_in_cell
from pipeline.operate.schedule import last_done
from pipeline.tables import Frame

MIN_FREE = 2 << 30  # bytes: a run of 8,000 students takes well under 1 GB
MAX_AGE = timedelta(hours=36)  # an older last run means that a nightly run was missed


@dataclass(frozen=True)
class Check:
    """One line: what was checked, whether it is in order (None: information only), and the remedy."""

    what: str
    ok: bool | None
    remedy: str = ""


def examine_cohort(cohort: Cohort, now: datetime) -> Iterator[Check]:
    """Yield all checks, each once."""
    parts = (_placeholders, _folders, _sources, _people, _other_years, _ledger, _mail, _google, _lock)
    known: set[Check] = set()
    for check in chain(machine_checks(), *(_examined(part, cohort) for part in parts), [_last_run(cohort, now)]):
        if check not in known:
            known.add(check)
            yield check


def _examined(examination: Callable[[Cohort], Iterator[Check]], cohort: Cohort) -> Iterator[Check]:
    """Yield the checks of one kind. One that raises becomes a failed line."""
    try:
        yield from examination(cohort)
    except ConfigurationError as error:
        yield Check("；".join(error.mistakes), False)
    except MingceError as error:
        yield Check(f"{error.where}：{error.what}" if error.where else error.what, False, error.remedy)


def machine_checks() -> Iterator[Check]:
    """Yield the checks of this machine: Python, packages, fonts."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check(f"Python {version}", sys.version_info >= (3, 11), "请安装 Python 3.11 或更新的版本")
    missing = _missing_packages()
    text = f"缺少 {'、'.join(missing)}" if missing else "齐全"
    yield Check(f"程序包{text}", not missing, "请在项目文件夹执行 make setup")
    try:
        from pylopdf_fonts_zh_cn import sans_path, serif_path
    except ImportError:
        yield Check("中文字体包没有装好", False, "请在项目文件夹执行 make setup")
    else:
        installed = Path(str(sans_path())).is_file() and Path(str(serif_path())).is_file()
        yield Check("中文字体", installed, "字体文件不见了，请在项目文件夹执行 make setup")


def _missing_packages() -> list[str]:
    from packaging.requirements import Requirement

    mingce = next(iter(metadata.distributions(name="mingce")), None)
    missing = [] if mingce else ["mingce"]
    for requirement in map(Requirement, (mingce.requires if mingce else None) or []):
        needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        versions = [found.version for found in metadata.distributions(name=requirement.name)] if needed else []
        if needed and not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            missing.append(requirement.name)
    return missing


def _placeholders(cohort: Cohort) -> Iterator[Check]:
    from pipeline.cohort_text import EXAMPLE

    for school in cohort.schools:
        values = zip(("代码", "全称"), EXAMPLE, (school.code, school.name), strict=True)
        unchanged = [word for word, example, value in values if value == example]
        if unchanged:
            text = f"学校的{'、'.join(unchanged)}还是示例（{school.code} {school.name}）"
            yield Check(text, False, "请在 cohort.toml 的 [[schools]] 写上真正的学校代码和全称")
    office = cohort.office
    blank = [word for word, value in (("联系人 contact", office.contact), ("电话 phone", office.phone)) if not value]
    text = f"没有写{'、'.join(blank)}" if blank else f"写明了{office.name}的联系人和电话"
    remedy = "请在 cohort.toml 补上：每封邮件、每张纸上都印着，学生和辅导员靠它找人"
    yield Check(f"[office] {text}", None if blank else True, remedy)
    if cohort.mail and cohort.mail.server.endswith(("example.edu.cn", "example.com", "example.org")):
        yield Check(f"邮件服务器还是示例（{cohort.mail.server}）", False, "请在 [mail] 写上学校的邮件服务器")


def _folders(cohort: Cohort) -> Iterator[Check]:
    folder = cohort.reports_folder
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    remedy = "请至少留出 2 GB；旧数据可用 mingce purge 清理"
    yield Check(f"磁盘剩余 {free / (1 << 30):.1f} GB", free >= MIN_FREE, remedy)
    for place, path in (("届别文件夹", cohort.folder), ("结果文件夹", existing)):
        yield Check(f"{place}可写", os.access(path, os.W_OK), f"请给运行账号 {path.name} 的写权限")
    if os.name == "posix" and folder.exists():
        open_bits = folder.stat().st_mode & 0o077
        yield Check("结果文件夹只有本人可读", not open_bits, f"请执行 chmod -R go= {folder}")


def _people(cohort: Cohort) -> Iterator[Check]:
    from pipeline.collect.school_tables import read_people

    colleges, counselors = read_people(cohort)
    remedy = f"请填写 {cohort.people.colleges} 和 {cohort.people.counselors}：每个院系一行，每个班一行"
    filled = bool(len(colleges) and len(counselors))
    yield Check(f"人员表：{len(colleges)} 个院系，{len(counselors)} 行班级", filled, remedy)
    without = sum(not text.strip() for text in counselors["email"])
    yield Check(f"没有邮箱的班级 {without} 个", None if without else True, "这些班的辅导员收不到邮件，请在人员表补上")


def _sources(cohort: Cohort) -> Iterator[Check]:
    from pipeline import fields
    from pipeline.collect.source_columns import number_questions
    from pipeline.operate.column_report import report_columns, source_name

    report = report_columns(cohort)
    for line in (*report.unread, *number_questions(sheet.header for sheet in report.sheets)):  # each says its remedy
        yield Check(line, False)
    for header in (sheet.header for sheet in report.sheets):
        labels = [fields.label(name) for name in fields.names() if name in header.fields]
        what = header.refused or f"读出 {len(labels)} 列（{_first_five(labels)}）"
        yield Check(f"{header.place}：{what}", not header.refused)
    for code, missing in report.missing.items():
        text = f"{source_name(cohort, code)}没有这些列，没有核对：{'、'.join(map(fields.label, missing))}"
        yield Check(text, None, "若其实有，请运行 mingce columns 写明是哪一列")
    for proposal in report.proposals:
        source, label = source_name(cohort, proposal.school), fields.label(proposal.field)
        yield Check(f"{source}的“{proposal.text}”可能是“{label}”，没有采用", False, "请运行 mingce columns 回答")
    yield from _registries(cohort, report.registries)


def _registries(cohort: Cohort, read: Mapping[str, Reading]) -> Iterator[Check]:
    from pipeline.collect.school_tables import read_people, read_registry
    from pipeline.normalise.normalise_rows import vocabulary
    from pipeline.scale.reading import own_rows

    people = read_people(cohort)
    words = vocabulary(cohort, people[0])
    for school in (school for school in cohort.schools if school.code in read):  # the others are told among the columns
        try:
            registry = read_registry(school, cohort, None, read[school.code])
        except InputError as error:
            yield Check(f"{school.name}学籍库：{error.what}", False, error.remedy or "请核对 registry")
            continue
        named = registry.rows.assign(school=words.school(registry.rows["school"]))
        rows, unowned = own_rows(named, school.name, words.names)
        yield Check(f"{school.name}学籍库：{len(rows)} 人", len(rows) > 0, "" if len(rows) else "请核对学校名称一列")
        yield from _settings(cohort, school, rows, [one.written for one in unowned if not one.school and one.written])
        yield from _without_people(school.name, rows, *people)


def _settings(cohort: Cohort, school: School, rows: Frame, others: list[str]) -> Iterator[Check]:
    from pipeline.normalise.dates import month

    if others:
        text = f"{school.name}学籍库里的学校写作 {_first_five(others)}，设置是 {school.code} {school.name}"
        yield Check(text, False, "请核对 registry 是不是这所学校的；只是另一种写法的，请写进这所学校的 aliases")
    months = rows["graduation_month"][rows["education_level"].isin(["本科", "专科"])].map(month)
    months = months[months != ""]
    wanted = cohort.cohort.undergraduate_month
    if len(months) and (months != wanted).mean() > 0.5:
        usual = str(months.mode().iloc[0])
        text = f"{school.name}学籍库里多数本专科生的毕业年月是 {usual}，设置是 {wanted}"
        yield Check(text, False, "请核对 undergraduate_month 和学籍导出的届别")


def _other_years(cohort: Cohort) -> Iterator[Check]:
    from pipeline.review.ledger import entries_of
    from pipeline.review.scope_decisions import YEARS
    from pipeline.run_folder import latest_run
    from pipeline.summary import YEARS_REMEDY, with_answers, year_questions

    if latest := latest_run(cohort.reports_folder):
        for line in year_questions(with_answers(latest[1], entries_of(cohort, YEARS))):
            yield Check(line.removesuffix(YEARS_REMEDY), False, YEARS_REMEDY)


def _without_people(school: str, registry: Frame, colleges: Frame, counselors: Frame) -> Iterator[Check]:
    listed = colleges[colleges["school"] == school]
    known = {comparable(name) for cell in (*listed["college"], *listed["aliases"]) for name in names_in_cell(cell)}
    unknown = [name for name in sorted(registry["college"].unique()) if name and comparable(name) not in known]
    if unknown:
        text = f"{school}：学籍库中有 {len(unknown)} 个院系不在院系表中：{_first_five(unknown)}"
        yield Check(text, False, "请在院系表补上；改过名的，把旧名写在“别名”一列")
    named = (counselors["school"] == school) & ((counselors["name"] != "") | (counselors["email"] != ""))
    led = {comparable(name) for name in counselors["class_name"][named]}
    without = [name for name in sorted(registry["class_name"].unique()) if name and comparable(name) not in led]
    if without and led:
        text = f"{school}：{len(without)} 个班还没有辅导员：{_first_five(without)}"
        yield Check(text, None, "请在辅导员表补上，否则没有人收到看板")


def _first_five(names: list[str]) -> str:
    return "、".join(names[:5]) + (" 等" if len(names) > 5 else "")


def _ledger(cohort: Cohort) -> Iterator[Check]:
    from pipeline.review.ledger import RESTORE, missing_history, open_ledger
    from pipeline.review.ledger_database import network_share

    if share := network_share(cohort.ledger.url, cohort.folder):
        remedy = "几台电脑同时打开会损坏账本：请把届别文件夹放到本机磁盘，或在 [ledger] url 写本机的路径或 PostgreSQL"
        yield Check(f"账本在网络共享上（{share}）", False, remedy)
    with open_ledger(cohort) as ledger:
        found, last = ledger.verify() + missing_history(cohort, ledger), ledger.head()[0]
    text = f"账本 {last} 条" + (f"：{found[0]}" if found else "，核对无误")
    yield Check(text, not found, f"账本可能被改动过：{RESTORE}")


def _mail(cohort: Cohort) -> Iterator[Check]:
    if not cohort.mail:
        yield Check("没有设置 [mail]，mingce send 会写成 .eml 文件", None)
        return
    import smtplib

    from pipeline.deliver.smtp import connect_smtp, password_of

    name = f"邮件服务器 {cohort.mail.server}:{cohort.mail.port}"
    try:
        connect_smtp(cohort.mail, password_of(cohort.mail), timeout=10).quit()
    except (OSError, smtplib.SMTPException) as error:
        yield Check(f"{name}（{type(error).__name__}）", False, "连不上：请核对 server、port 和防火墙")
    else:
        yield Check(f"{name}，{'已登录' if cohort.mail.user else '可用'}", True)


def _google(cohort: Cohort) -> Iterator[Check]:
    from pipeline.collect.google.access import check_google

    yield from (Check(*check) for check in check_google(cohort))


def _lock(cohort: Cohort) -> Iterator[Check]:
    works: dict[Work, str] = {"run": "运行", "send": "寄送"}
    for work, name in works.items():
        held = is_held(cohort, work)
        since = holder(cohort, work).get("since", "")
        yield Check(f"{name}：{f'正在进行（始于 {since}）' if held else '没有在进行'}", None if held else True)


def _last_run(cohort: Cohort, now: datetime) -> Check:
    started = last_done(cohort, "run")
    if started is None:
        return Check("还没有完整的运行", None, "请执行 mingce run")
    stale = now - started > MAX_AGE and cohort.window.opens <= now.date() <= cohort.window.college_due
    remedy = "已超过一天半：请查看定时任务（mingce schedule）和 log 文件夹"
    return Check(f"最近一次完整运行：{started:%Y-%m-%d %H:%M}", not stale, remedy)
