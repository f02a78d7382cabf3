"""Resolving a shared fault: its values become aliases of the office, or it goes back to the students."""

from __future__ import annotations

import csv
import io

from pipeline import fields
from pipeline.check.shared import cause_of, judged_field
from pipeline.cohort import Cohort
from pipeline.errors import RefusedError, UsageError
from pipeline.knowledge.codes import ALIAS_COLUMNS, ALIASES, read_aliases
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from pipeline.run_folder import latest_run, write_atomically
from pipeline.tables import Frame, read_table

HOW = ("alias", "students")


def settle_fault(cohort: Cohort, number: str, how: str, by: str, why: str) -> str:
    """Resolve one shared fault of the latest run; return a Chinese line.

    Raises:
        UsageError: the fault or the way is unknown, or no name was given.
        RefusedError: the values differ from person to person or have several meanings, so no alias is possible.
    """
    if how not in HOW:
        raise UsageError(f"没有了结方式 {how}", where="--as", remedy=f"请写 {'、'.join(HOW)} 之一")
    if not by.strip():
        raise UsageError("没有写经办人", where="--by", remedy="请写明姓名")
    latest = latest_run(cohort.reports_folder)
    faults = latest[1].get("shared_faults", []) if latest else []
    fault = next((one for one in faults if one["number"] == number), None)
    if latest is None or fault is None:
        listed = "、".join(str(one["number"]) for one in faults if not one["settled"]) or "没有"
        raise UsageError(f"没有编号为 {number} 的整体问题", where="--settle", remedy=f"最近一次运行中的编号：{listed}")
    same = [one for one in faults if cause_of(one) == cause_of(fault)]
    told = "已交回学生更正" if how == "students" else _add_aliases(cohort, read_table(latest[0], "findings"), same)
    numbers = {one["number"]: str(one["rule"]) for one in same}
    with open_ledger(cohort) as ledger:
        ledger.append_all(
            [Entry("shared_fault", how, by, why, rule=rule, data={"number": one}) for one, rule in numbers.items()]
        )
    return f"{told}；下一次 mingce run 起生效"


def _add_aliases(cohort: Cohort, findings: Frame, faults: list[dict[str, str]]) -> str:
    name = judged_field(faults[0]["rule"])
    field = fields.fields()[name]
    if cohort.rules.folder is None:
        raise RefusedError("没有设置自己的规则文件夹", where="cohort.toml", remedy='请加上 [rules] folder = "rules"')
    if field.sensitive != "no" or field.type not in ("code", "text", "region"):
        raise RefusedError(f"{field.label}各人不同，不能作别名", remedy="请重新导出，或用 --as students 交回学生")
    mine = findings["shared_fault"].isin([fault["number"] for fault in faults]) & (findings["field"] == name)
    pairs = findings.loc[mine, ["given", "expected"]].drop_duplicates()
    pairs = pairs[(pairs["given"] != "") & (pairs["expected"] != "")]
    if pairs.empty or pairs["given"].duplicated().any():
        raise RefusedError("同一写法对应学籍中的几个值，不能作别名", remedy="请核对来源，或用 --as students 交回学生")
    path = cohort.path(cohort.rules.folder) / ALIASES
    known = read_aliases(path.parent)
    known |= {(name, given): meant for given, meant in pairs.itertuples(index=False, name=None)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([ALIAS_COLUMNS, *((of, word, meant) for (of, word), meant in sorted(known.items()))])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.getvalue())
    return f"已把 {len(pairs)} 个写法作为别名写入 {cohort.rules.folder}/{ALIASES}"
