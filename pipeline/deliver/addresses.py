"""Students' addresses: the submitted one where a confirmation code proves it, else the registry's or last year's."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd

from pipeline.cohort import Cohort, load_cohort
from pipeline.cohort_sections import School
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import files_of, is_database, read_content
from pipeline.collect.rows import rows_of_grid
from pipeline.deliver.confirmation_codes import LABELS, code_for, code_key, is_code
from pipeline.deliver.recipients import clean_address
from pipeline.deliver.source import MailSource, run_to_send
from pipeline.errors import InputError, RefusedError
from pipeline.tables import read_table

COLUMNS = ["school", "student_number", "submitted", "proved", "known"]


def student_addresses(cohort: Cohort, source: MailSource) -> pd.DataFrame:
    """Return one row per roster student: `school`, `student_number`, and three addresses, each "" where there is none.

    `submitted` stands in the submission that counts, `proved` is the same where its code was typed into the sheet,
    `known` comes from the office's own registry file, or from the submissions of last year's cohort.
    """
    roster = source.roster[["school", "student_number", "submission_id"]]
    given = source.submissions.drop_duplicates("submission_id").set_index("submission_id")
    emails = given["email"].to_dict()
    codes = _typed_codes(source)
    submitted = [clean_address(str(emails.get(each, ""))) for each in roster["submission_id"]]
    typed = [codes.get(str(each), "") for each in roster["submission_id"]]
    key = code_key(cohort)
    proved = [
        address if address and code and is_code(code, _code(cohort, key, school, number, address)) else ""
        for address, code, school, number in zip(
            submitted, typed, roster["school"], roster["student_number"], strict=True
        )
    ]
    known = _known(cohort, source)
    keys = zip(roster["school"].astype(str), roster["student_number"].astype(str), strict=True)
    return pd.DataFrame(
        {
            "school": roster["school"].to_numpy(),
            "student_number": roster["student_number"].to_numpy(),
            "submitted": submitted,
            "proved": proved,
            "known": [known.get(each, "") for each in keys],
        }
    ).astype("str")


def _code(cohort: Cohort, key: bytes, school: str, number: str, address: str) -> str:
    return code_for(key, cohort.name, cohort.code_of(school), number, address)


def _typed_codes(source: MailSource) -> dict[str, str]:
    """Return the codes typed into the sheet, by submission: they are columns that the form does not know."""
    try:
        extras = read_table(source.run, "extras")
    except InputError:
        return {}
    extras = extras[extras["column"].str.strip().isin(LABELS)]
    place = ["file", "sheet", "row"]
    joined = source.submissions.merge(extras.astype({"row": source.submissions["row"].dtype}), on=place)
    return dict(zip(joined["submission_id"].astype(str), joined["value"].astype(str), strict=True))


def _known(cohort: Cohort, source: MailSource) -> dict[tuple[str, str], str]:
    """Return addresses that the office has, by (school, student number); the registry's own come first."""
    return _last_year(cohort, source) | _registry(cohort)


def _registry(cohort: Cohort) -> dict[tuple[str, str], str]:
    """Return the addresses of registry files that carry a column of them."""
    found: dict[tuple[str, str], str] = {}
    for school in cohort.schools:
        if is_database(school.registry):
            continue  # a database gives the compared fields alone
        with suppress(InputError):  # one that cannot be read was told by the run
            found |= _addresses(school, cohort)
    return found


def _addresses(school: School, cohort: Cohort) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for path in files_of(school.registry, cohort.folder)[0]:
        for grid in read_table_file(read_content(path, cohort.folder)).grids:
            part = rows_of_grid(grid, ["student_number", "email"], school.columns, (("student_number",),))
            if part.columns and "email" in part.columns.fields and len(part.rows):
                pairs = zip(part.rows["student_number"], part.rows["email"].map(clean_address), strict=True)
                found |= {(school.name, str(number).strip()): address for number, address in pairs if address}
    return found


def _last_year(cohort: Cohort, source: MailSource) -> dict[tuple[str, str], str]:
    """Return last year's submitted addresses of the same people (ID number and name), where there was a cohort."""
    if not cohort.cohort.previous:
        return {}
    person = ["id_number", "name"]
    try:
        before = read_table(run_to_send(load_cohort(cohort.path(cohort.cohort.previous))), "submissions")
        registry = read_table(source.run, "registry", [*person, "school", "student_number"])
    except (RefusedError, InputError):
        return {}
    before = before[before["superseded_by"].eq("")].drop_duplicates(person)[[*person, "email"]]
    same = registry[registry["id_number"].ne("")].merge(before, on=person)
    rows = zip(same["school"], same["student_number"], same["email"].map(clean_address), strict=True)
    return {(str(school), str(number)): address for school, number, address in rows if address}
