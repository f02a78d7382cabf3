"""Writes `docs/rules.md`, the guide that an office reads, from the suites and the spec tables.

`python -m tests.spec.guide > docs/rules.md` (or `make docs`); a test holds that it is current.
"""

import sys
from itertools import groupby

from pipeline import fields
from pipeline.check.suites import built_in_rules
from pipeline.states import ACTORS
from pipeline.tables import SEVERITIES
from tests.spec.cases import read_all

_TITLES = {
    "entry": "登记",
    "identity": "身份信息",
    "record": "学籍信息",
    "contact": "联系方式",
    "registry": "与学籍比对",
    "match": "身份认证",
    "cohort": "全届",
    "registry_rows": "学籍库自身",
}
_HEAD = """# 规则

名册按下面的规则核对每一行。每条规则都列出它发现的每一行，一条也不省略；没法判断的规则写在运行结果的“未核验”里，绝不当作通过。

- **严重程度**：“必须更正”的问题解决之前，学生不能审核通过；“请核对”和“提示”不拦人。
- **由谁处理**：问题只请一方处理。学生看到的提示里从不出现学籍的内容。
- 例子都以一名信息完整、与学籍相符的学生为准，只写改动的那几项；
  “学籍的……”是他学籍那一行的改动，“另一人的……”是另一名学生的提交。
- 学校可以加自己的规则，也可以暂停一条规则，见 [学校自己的规则](office-rules.md)；
  选项怎么改，见 [代码表](code-tables.md)。

本页由 `expectations/*.yml` 和 `tests/spec/*.txt` 生成，例子都经过自动检验，请不要手改。
"""
_PREFIXES = {"": "", "other.": "另一人的", "registry.": "学籍的", "registry2.": "学籍另一行的", "photo.": "照片"}
_PHOTO = {
    "found": "找到",
    "readable": "能打开",
    "bytes": "字节数",
    "width": "宽",
    "height": "高",
    "shared": "与他人相同",
}
_WORDS = {
    ("registry", "unread"): "学籍没读出来",
    ("submission", "none"): "没有提交",
    ("submission", "one"): "提交了一次",
}


def write_guide():
    """Return the text of `docs/rules.md`."""
    examples = {rule: list(cases) for rule, cases in groupby(read_all(), key=lambda case: case.rule)}
    parts = [_HEAD]
    rules = built_in_rules()
    for page, title in _TITLES.items():
        mine = [rule for rule in rules if rule.page == page]
        parts.append(f"\n## {title}\n\n共 {len(mine)} 条（`expectations/{page}.yml`）。\n")
        parts += [_rule(rule, examples.get(rule.name, [])) for rule in mine]
    return "".join(parts)


def _rule(rule, cases):
    lines = [
        f"\n### `{rule.name}` {fields.label(rule.field) if rule.field else ''}".rstrip(),
        "",
        f"- {SEVERITIES[rule.severity]} · {ACTORS[rule.actor]}处理 · {rule.since} 版起{_changed(rule)}",
        *([f"- 说明：{rule.about}"] if rule.about else []),
        f"- 提示：{rule.message.replace('{undergraduate_month}', '2017-06')}",
        *[_example(case) for case in cases],
    ]
    return "\n".join(lines) + "\n"


def _changed(rule):
    changed = f"，{rule.changed} 版改过" if rule.changed else ""
    return changed + (f" · 已知问题，暂不计：{rule.known_issue}" if rule.known_issue else "")


def _example(case):
    told = "，".join(_change(name, value) for name, value in case.changes.items())
    return f"  - {'✗ 不符' if case.breaks else '✓ 符合'}：{told}{f'（{case.why}）' if case.why else ''}"


def _change(name, value):
    if (name, value) in _WORDS:
        return _WORDS[name, value]
    prefix, _, field = name.rpartition(".")
    label = _PHOTO[field] if prefix == "photo" else fields.label(field)
    shown = {"yes": "是", "no": "否"}.get(value, value) if prefix == "photo" else value
    return (
        f"{_PREFIXES[prefix + '.' if prefix else '']}{label} `{shown}`"
        if shown.strip()
        else f"{_PREFIXES[prefix + '.' if prefix else '']}{label} 空白"
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(write_guide().encode())
