"""Judges the cases of the spec tables on production's own path: normalise, match, check table, rule function.

Great Expectations is left out (a test of its own holds that it says the same); cases that share a registry share a
table, so that the whole takes seconds.
"""

from collections import defaultdict
from datetime import datetime

import pandas as pd

from pipeline.check.check_stage import subject_tables, submissions_table
from pipeline.check.logic import LOGIC
from pipeline.check.rule import Facts
from pipeline.check.suites import built_in_rules
from pipeline.knowledge.codes import load_codes
from pipeline.match.match_stage import match_resolved, roster_submissions
from pipeline.match.membership import apply_scope, merge_rows, scope_by_registry, status_meanings, with_scope
from pipeline.match.persons import FLAGS, submission_times
from pipeline.normalise.normalise_rows import Vocabulary, normalise, normalise_registry
from pipeline.normalise.text_repairs import comparable
from tests import frames
from tests.matching import match, registries_of

HERE, AWAY = "湖南科技大学", "湖南科技大学潇湘学院"
MATE = {
    "id_number": "430302199610011023",
    "student_number": "1305030102",
    "exam_number": "13430300000053",
    "name": "王琳",
}
STRANGER = {
    "school": AWAY,
    "id_number": "430304199511020023",
    "student_number": "1305030101",
    "exam_number": "13430400000099",
    "name": "李芳",
    "college": "潇湘学院",
    "class_name": "13英语1班",
    "major": "英语",
}
COLLEGES = {HERE: {"商学院": ["管理学院"], "外国语学院": []}, AWAY: {"潇湘学院": []}}
PHOTO = {"found": True, "readable": True, "bytes": 60_000, "width": 295, "height": 413, "shared": False}
LATEST = datetime(2016, 11, 2)


def facts():
    """Return the facts of the cohort that the tables are about."""
    from datetime import date

    schools = {comparable(word): name for name, code in ((HERE, "10534"), (AWAY, "12649")) for word in (name, code)}
    colleges = {
        (school, comparable(word)): name
        for school, named in COLLEGES.items()
        for name, former in named.items()
        for word in (name, *former)
    }
    words = Vocabulary(load_codes(), schools, colleges)
    window = {"opens": date(2016, 9, 20), "closes": date(2016, 10, 31)}
    return Facts(2017, "2017-06", "[0-9A-Za-z]{4,15}", schools=frozenset(COLLEGES), words=words, **window)


def judge(cases, known):
    """Return for each case whether its rule is broken."""
    rules = {rule.name: rule for rule in built_in_rules()}
    groups = defaultdict(list)
    for at, case in enumerate(cases):
        alone = case.page in ("cohort", "registry_rows") or case.of("other")
        key = at if alone else (str(case.of("registry")), str(case.of("registry2")), case.changes.get("registry"))
        groups[key].append(at)
    answers = {}
    for places in groups.values():
        group = [cases[at] for at in places]
        tables = (
            _alone(group[0], known)
            if group[0].of("other") or group[0].page in ("cohort", "registry_rows")
            else (_together(group, known))
        )
        for n, at in enumerate(places):
            rule = rules[cases[at].rule]
            table = tables[rule.table]
            broken = LOGIC[rule.expectation](table, known, rule.field).rows
            answers[at] = bool(broken.iloc[n]) if len(places) > 1 else bool(broken.any())
    return [answers[at] for at in range(len(cases))]


def _registry(case, known):
    rows = [case.of("registry")]
    if case.of("registry2"):
        rows.append(case.of("registry2"))
    if case.page == "registry_rows":
        rows = [case.of(""), *([{**case.of(""), **case.of("other")}] if case.of("other") else [])]
    elif case.page != "cohort":
        rows += [MATE, STRANGER]
    registry = _laid(rows, known)
    decided = case.changes.get("decision", "")  # out or in: what the office has decided of the student
    registry = apply_scope(registry, _decisions(registry.iloc[:1], decided))
    unread = {HERE: "读不出"} if case.changes.get("registry") == "unread" else {}
    return registry[~registry["school"].isin(list(unread))].reset_index(drop=True), unread


_LAID = {}


def _laid(rows, known):
    """Return the registry of these rows; most cases have one of a few."""
    key = repr(rows)
    if key not in _LAID:
        registry = normalise_registry(frames.registry(*rows), known.words)
        _LAID[key] = merge_rows(scope_by_registry(with_scope(registry), status_meanings(), known.year))[0]
    return _LAID[key]


def _decisions(row, decided):
    """Return the office's decision on one student: out, in or none."""
    made = row[["school_code", "student_number"]].assign(
        inside=decided == "in", reason="休学", row_digest="", by="王老师", at="2016-10-01"
    )
    return made if decided else made.iloc[:0]


def _submissions(cases, known):
    rows = [case.of("") for case in cases if case.changes.get("submission") != "none"]
    rows += [{**case.of(""), **case.of("other")} for case in cases if case.of("other")]
    given = frames.submissions(*rows)
    return normalise(given, known.words)[0]


def _alone(case, known):
    """Return the subjects of one case, matched as a run matches."""
    if case.page == "registry_rows":
        return {"registry": _registry(case, known)[0]}
    registry, unread = _registry(case, known)
    matched = match(_submissions([case], known), registries_of(registry, unread), LATEST)
    return subject_tables(matched, roster_submissions(matched.order_time, matched.evidence))


def apart(rows, **flags):
    """Return rows as match takes them where none is another's twin: with `flags` of `FLAGS`, the others false."""
    told = dict.fromkeys(FLAGS, False) | flags
    return pd.concat([rows.assign(superseded_by="", **told), submission_times(rows, LATEST)], axis=1)


def _together(cases, known):
    """Return the check table of cases that share a registry: one row each, none the other's twin."""
    registry, unread = _registry(cases[0], known)
    rows = _submissions(cases, known)
    rows = pd.concat([apart(rows).drop(columns="photo_shared"), _photos(cases, rows).add_prefix("photo_")], axis=1)
    matched = match_resolved(rows, registries_of(registry, unread))
    photos = matched.photos
    return {"submissions": submissions_table(matched, matched.counting, matched.evidence, matched.marks, photos)}


def _photos(cases, rows):
    looked_at = []
    for case, photo in zip(cases, rows["photo"], strict=True):
        told = {**PHOTO, "found": photo != "", "readable": photo != ""}
        for name, value in case.of("photo").items():
            told[name] = value == "yes" if isinstance(told[name], bool) else int(value)
        looked_at.append(told)
    return pd.DataFrame(looked_at, index=rows.index)
