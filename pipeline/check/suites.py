"""The rules as YAML suites: the built-in ones in `expectations/` and an office's own."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml

from pipeline import fields, resources
from pipeline.check.rule import SUBJECTS, Rule
from pipeline.errors import ConfigurationError
from pipeline.knowledge.codes import CodeTable, load_codes
from pipeline.states import ACTORS
from pipeline.tables import SEVERITIES

BUILT_IN = ("entry", "identity", "record", "contact", "registry", "match", "cohort", "registry_rows")
NEEDS = ("", "photos", "registry")
_FAST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader reads our own suites ten times faster. Deep nesting in an office's suite could crash it."""


def built_in_rules() -> list[Rule]:
    """Return the rules of `expectations/`, in the order of the pages."""
    return [rule for page in BUILT_IN for rule in read_suite(resources.expectations() / f"{page}.yml")]


def office_rules(folder: Path) -> list[Rule]:
    """Return the built-in rules in an office's wording (`messages:` in its files), and its own rules.

    Raises ConfigurationError with every mistake of every file, by file and line.
    """
    suites: list[_Suite] = []
    mistakes: list[str] = []
    for path in sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]):
        try:
            suites.append(_open_suite(path, mistakes))
        except ConfigurationError as error:
            mistakes += error.mistakes
    rules = [rule for suite in suites for rule in _rules_of(suite)]
    known = built_in_rules()
    names = [rule.name for rule in known + rules]
    mistakes += [f"{rule.place}：规则名 {rule.name} 重复，请换一个名字" for rule in rules if names.count(rule.name) > 1]
    codes = load_codes(folder) if rules else {}
    mistakes += _rule_mistakes([rule for rule in rules if not rule.stock], codes)
    if any(rule.stock for rule in rules):
        from pipeline.check.stock import read_stock  # imports Great Expectations

        read = [read_stock(rule, codes) if rule.stock else (rule, []) for rule in rules]
        rules = [rule for rule, _ in read]
        mistakes += [mistake for _, found in read for mistake in found]
    wording: dict[str, str] = {}
    for suite in suites if not mistakes else []:
        wording |= _messages_of(suite, names)
    if mistakes:
        raise ConfigurationError(mistakes, where=str(folder))
    return [replace(rule, message=wording.get(rule.name, rule.message)) for rule in known + rules]


def _rule_mistakes(rules: list[Rule], codes: dict[str, CodeTable]) -> list[str]:
    from pipeline.check.logic import LOGIC

    mistakes = [
        f"{rule.place}：没有 expect: {rule.expectation.removeprefix('expect_')}，请核对拼写，"
        "或改写 expectation: 一个 Great Expectations 期望的名字"
        for rule in rules
        if rule.expectation not in LOGIC
    ]
    mistakes += [
        f"{rule.place}：字段 {rule.field} 没有代码表，请在 codes 文件夹放 {rule.field}.csv"
        for rule in rules
        if rule.expectation == "expect_field_in_codes" and rule.field not in codes
    ]
    return mistakes + [
        f"{rule.place}：kwargs 只能写 mostly（0 到 1 之间的数），其余请用 expectation: 一类的规则"
        for rule in rules
        if rule.kwargs.keys() - {"mostly"}
        or type(share := rule.kwargs.get("mostly", 1)) not in (int, float)
        or not 0 < share <= 1
    ]


def cohort_rules(folder: Path | None, known_issues: dict[str, str], month: str) -> list[Rule]:
    """Return every rule of a cohort, with known issues and the undergraduates' `month` filled in.

    Raises ConfigurationError for mistakes in the office's own files, or a silenced rule that does not exist.
    """
    rules = office_rules(folder) if folder else built_in_rules()
    unknown = sorted(set(known_issues) - {rule.name for rule in rules})
    if unknown:
        raise ConfigurationError([f"[rules.known_issues] 没有规则 {name}，请核对规则名" for name in unknown])
    return [
        replace(
            rule,
            known_issue=known_issues.get(rule.name, rule.known_issue),
            message=rule.message.replace("{undergraduate_month}", month),
        )
        for rule in rules
    ]


def _messages_of(suite: _Suite, names: Collection[str]) -> dict[str, str]:
    node = suite.nodes.get("messages")
    if node is not None and not isinstance(node, yaml.MappingNode):
        suite.report(node, "messages 下面应逐行写 规则名: 提示文字")
        return {}
    wording: dict[str, str] = {}
    for key, value in node.value if node is not None else []:
        if str(key.value) not in names:
            suite.report(key, f"没有规则 {key.value}，请核对规则名")
        elif not isinstance(value, yaml.ScalarNode) or not str(value.value).strip():
            suite.report(key, f"{key.value} 的提示文字不能为空")
        else:
            wording[str(key.value)] = str(value.value).strip()
    return wording


def read_suite(path: Path) -> list[Rule]:
    """Return a YAML file's rules. Raises ConfigurationError with the mistakes and their lines."""
    mistakes: list[str] = []
    rules = _rules_of(_open_suite(path, mistakes))
    if mistakes:
        raise ConfigurationError(mistakes, where=str(path))
    return rules


def _open_suite(path: Path, mistakes: list[str]) -> _Suite:
    try:
        loader = _FAST_LOADER if path.parent == resources.expectations() else yaml.SafeLoader
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=loader)
        small = root is None or _size(root) <= _MAX_NODES
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" 第 {mark.line + 1} 行" if mark else ""
        raise ConfigurationError(
            [f"{path.name}{line}：不是正确的 YAML，请核对缩进、冒号和引号"], where=str(path)
        ) from None
    if not small:
        raise ConfigurationError([f"{path.name}：内容太多，或引用（* 和 &）互相套用，请分成几个文件"], where=str(path))
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError([f"{path.name}：应以 page: 和 rules: 开头"], where=str(path))
    return _Suite(path, root, mistakes)


def _size(node: yaml.Node, known: dict[int, float] | None = None) -> float:
    """Return the number of nodes with every alias expanded (billions, in a hostile file; infinite in a circle)."""
    known = {} if known is None else known
    if id(node) not in known:
        known[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = cast("list[yaml.Node | tuple[yaml.Node, yaml.Node]]", inner)
        children = [child for part in parts for child in (part if isinstance(part, tuple) else (part,))]
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]


class _Suite:
    def __init__(self, path: Path, root: yaml.MappingNode, mistakes: list[str]) -> None:
        self.file = path.name
        self.mistakes = mistakes
        self.nodes = {str(key.value): value for key, value in root.value}
        self.head = {key: self.plain(self.nodes[key]) for key in ("page", "since", "needs") if key in self.nodes}
        self.head = {"page": ""} | {key: str(value or "") for key, value in self.head.items()}
        for key, node in self.nodes.items():
            if key not in ("page", "title", "since", "needs", "rules", "messages", "each_required", "each_compared"):
                self.report(node, f"没有设置项 {key}，请核对拼写")

    def report(self, node: yaml.Node, message: str) -> None:
        """Record one mistake with its line."""
        self.mistakes.append(f"{self.file} 第 {node.start_mark.line + 1} 行：{message}")

    def plain(self, node: yaml.Node) -> Any:  # noqa: ANN401 - YAML holds anything
        """Return a node's value as Python data, or None after recording a mistake."""
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(node)
        except (yaml.YAMLError, ValueError, TypeError):
            self.report(node, "这里有写错的日期、数字或不认识的标签（!），请改正；文字请加引号")
            return None
        finally:
            loader.dispose()


def _rules_of(suite: _Suite) -> list[Rule]:
    page = suite.head["page"]
    generated = {
        "each_required": [f for f in fields.fields().values() if f.page == page and f.required == "yes"],
        "each_compared": [f for f in fields.fields().values() if f.registry_check == "exact"],
    }
    read = [
        _rule(suite, suite.nodes[key], {"field": field.name, "label": field.label})
        for key, chosen in generated.items()
        for field in chosen
        if key in suite.nodes
    ]
    entries = suite.nodes.get("rules")
    nodes = cast("list[yaml.Node]", entries.value) if isinstance(entries, yaml.SequenceNode) else []
    return [rule for rule in [*read, *(_rule(suite, node, {}) for node in nodes)] if rule]


_MAX_NODES = 20_000  # nodes of one file
_KEYS = {
    "rule", "expect", "expectation", "field", "severity", "actor", "message", "about", "table", "needs", "reads",
    "together", "since", "changed", "known_issue", "kwargs",
}  # fmt: skip
_ABOUT = resources.report_table("words")["plain_rules"]
_REQUIRED = {"rule": "规则名", "severity": "严重程度", "actor": "由谁处理", "message": "提示文字"}
_CHOICES = {"severity": tuple(SEVERITIES), "actor": tuple(ACTORS), "table": SUBJECTS, "needs": NEEDS}


def _entry(suite: _Suite, node: yaml.Node) -> dict[str, Any] | None:
    count = len(suite.mistakes)
    entry = suite.plain(node)
    if len(suite.mistakes) > count:
        return None
    if not isinstance(entry, dict):
        suite.report(node, "每条规则应写成 - rule: 名字，下面逐行写 键: 值")
        return None
    data = {str(key): value for key, value in cast("dict[Any, Any]", entry).items()}
    _check_entry(suite, node, data)
    return data if len(suite.mistakes) == count else None


def _rule(suite: _Suite, node: yaml.Node, names: dict[str, str]) -> Rule | None:
    data = _entry(suite, node)
    if data is None:
        return None
    kwargs: dict[str, Any] = dict(data.pop("kwargs", None) or {})
    texts = {key: _filled_in(value, names) for key, value in data.items() if value not in (None, "")}
    settings: dict[str, Any] = suite.head | texts
    expect, name, column = settings.pop("expect", ""), settings.pop("rule"), settings.pop("field", "")
    if not expect:
        kwargs = _stock_kwargs(kwargs, column)
    return Rule(
        name=name,
        expectation=f"expect_{expect}" if expect else settings.pop("expectation"),
        field=names.get("field") or column or str(kwargs.get("column", "")),
        about=settings.pop("about", "") or _ABOUT.get(expect, ""),
        reads=tuple(settings.pop("reads", "").split()),
        together=settings.pop("together", "") == "True",
        stock=not expect,
        kwargs=kwargs,
        written=_TextLoader("").construct_document(node).get("kwargs") or {} if not expect else {},
        place=f"{suite.file} 第 {node.start_mark.line + 1} 行",
        **settings,
    )


def _filled_in(value: object, names: dict[str, str]) -> str:
    text = str(value)
    for name, word in names.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def _stock_kwargs(kwargs: dict[str, Any], field_name: str) -> dict[str, Any]:
    if field_name and not any(str(key).startswith("column") for key in kwargs):
        kwargs["column"] = field_name
    if "row_condition" in kwargs:
        kwargs.setdefault("condition_parser", "pandas")
    return kwargs


class _TextLoader(yaml.BaseLoader):
    """Reads every scalar as text (0411, 2016-09-20), and null as None."""


def _null(loader: yaml.BaseLoader, node: yaml.Node) -> None:
    return None


_TextLoader.add_constructor("tag:yaml.org,2002:null", _null)


def _check_entry(suite: _Suite, node: yaml.Node, data: dict[str, Any]) -> None:
    for key in sorted(data.keys() - _KEYS):
        suite.report(node, f"没有设置项 {key}，可用的有 {'、'.join(sorted(_KEYS))}")
    for key, label in _REQUIRED.items():
        if not data.get(key):
            suite.report(node, f"缺少 {key}（{label}）")
    for key, allowed in _CHOICES.items():
        if key in data and data[key] not in allowed:
            suite.report(node, f"{key} 只能是 {'、'.join(filter(None, allowed))}")
    if ("expect" in data) == ("expectation" in data):
        suite.report(
            node, "请写 expectation: 一个 Great Expectations 期望的名字，例如 expect_column_values_to_match_regex"
        )
    if "kwargs" in data and not isinstance(data["kwargs"], dict):
        suite.report(node, "kwargs 应为逐行的 键: 值")
    field = data.get("field")
    if field and "{" not in str(field) and str(field) not in (fields.fields() | fields.registry_fields()):
        suite.report(node, f"没有字段 {field}，字段名见 fields.csv")
