"""Who passed the first time: only what the student himself had to mend counts against his college."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.check import shared
from pipeline.check.check_stage import judge_parts
from pipeline.check.suites import built_in_rules
from pipeline.match.membership import merge_rows, with_scope
from pipeline.normalise.normalise_rows import normalise, normalise_registry
from pipeline.scale.layout import Part
from pipeline.scale.parts import apply_shared_faults
from pipeline.scale.spool import Spool
from pipeline.tables import COLUMNS
from tests import frames
from tests.check.test_shared_faults import findings_of, table_of
from tests.invented.numbers import check_character
from tests.matching import match, registries_of
from tests.spec.judge import LATEST, facts

EARLY, LATE = "2016-10-01 09:00", "2016-10-09 09:00"


def id_of(n: int) -> str:
    body = f"43030219950314{2 * n:03d}"
    return body + check_character(body)


def person(n: int, **changes: str) -> dict[str, str]:
    """Return one of several students, with numbers and contacts of his own."""
    qq = str(975_140_000 + n)
    own = {"id_number": id_of(n), "name": "赵钱孙李周吴郑王"[n % 8] + "文", "student_number": f"13050302{n:02d}"}
    own |= {"exam_number": f"134303000003{n:02d}", "qq": qq, "email": f"{qq}@qq.com", "phone": str(17_300_420_000 + n)}
    return {**own, "home_address": f"雨湖区建设路{n}号1单元", "submitted_at": EARLY, **changes}


def test_what_belongs_to_registry_or_classmate_counts_against_nobody():
    known = facts()
    right, wrong, odd, mended, spoilt, owner = (person(n) for n in range(6))
    held = [right, wrong, {**odd, "ethnicity": "穿青人"}, mended, spoilt, owner]
    given = [
        right,
        {**wrong, "phone": "123"},
        {**odd, "ethnicity": "穿青人"},  # as the registry has it
        {**mended, "phone": "123"},
        {**mended, "submitted_at": LATE},  # the first one counts against the college
        spoilt,
        {**spoilt, "submitted_at": LATE, "postcode": "12"},
        owner,
        person(7, student_number=owner["student_number"]),  # a classmate typed his number
    ]
    registry, _ = merge_rows(with_scope(normalise_registry(frames.registry(*held), known.words)))
    rows, _ = normalise(frames.submissions(*given), known.words)
    rules = [rule for rule in built_in_rules() if rule.needs != "photos"]
    matched = match(rows, registries_of(registry), LATEST)
    checked = judge_parts(matched, rules, known)
    counting = matched.counting.set_index("submission_id")["student_number"]
    failed = {counting[key] for key in checked.first["submission_id"] if counting[key] != owner["student_number"]}
    assert failed == {wrong["student_number"], mended["student_number"]}
    mine = matched.counting[matched.counting["id_number"] == owner["id_number"]]["submission_id"].iloc[0]
    assert mine not in set(checked.first["submission_id"])


def test_what_a_whole_source_breaks_alike_counts_against_nobody(tmp_path: Path):
    table = table_of("ethnicity", ["01"] * 10 + ["02"])
    findings = findings_of(table, "ethnicity.vocabulary", [True] * 11)
    signs = shared.signs_of(findings, table)
    faults = shared.shared_faults_of([shared.count_signs(signs)], [shared.places_of(table)], (), {})
    spool, part = Spool(tmp_path), Part(0, (0,), (0,))
    (tmp_path / "parts").mkdir()
    first = findings[["submission_id", "rule"]]
    certifications = pd.DataFrame(dict.fromkeys(COLUMNS["certifications"], table["submission_id"]), dtype="str")
    laid = {"signs": signs, "first": first, "judged": findings[COLUMNS["findings"]], "certifications": certifications}
    for name, frame in (laid | {"first_signs": signs.iloc[:0]}).items():
        spool.write(part.name(name), frame)
    apply_shared_faults(spool, part, faults)
    assert spool.read(part.name("first"))["submission_id"].tolist() == [table["submission_id"].iloc[-1]]
