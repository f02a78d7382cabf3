"""Canaries: what identifies a person or opens a door is found nowhere but where the contract lets it stand."""

from __future__ import annotations

import csv
import email
import email.policy
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.security.conftest import KEY, SECRETS, Season, mode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def people(season: Season) -> list[dict[str, str]]:
    """Everybody of the registry and of the submissions."""
    csv.field_size_limit(10_000_000)
    rows: list[dict[str, str]] = []
    for path in [*season.cohort.glob("registry/*.csv"), *season.cohort.glob("submissions/*.csv")]:
        with path.open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    assert len(rows) > 100
    return rows


@pytest.fixture(scope="module")
def identities(people: list[dict[str, str]]) -> set[str]:
    """ID numbers, and whole phone numbers."""
    found = {row[name] for row in people for name in ("身份证号码", "个人联系电话", "家庭联系电话") if name in row}
    canaries = {text for text in found if re.fullmatch(r"[0-9]{11}|[0-9]{17}[0-9X]", text)}
    assert len(canaries) > 100
    return canaries


@pytest.fixture(scope="module")
def names(people: list[dict[str, str]]) -> set[str]:
    """Names of three characters and more: shorter ones are words of their own."""
    found = {row["姓名"] for row in people if re.fullmatch(r"[\u4e00-\u9fff]{3,4}", row["姓名"])}
    assert len(found) > 10
    return found


def _secrets() -> set[str]:
    return {*SECRETS.values(), json.loads(KEY)["private_key"]}


def _found(canaries: set[str], text: str) -> set[str]:
    """Return the canaries that stand in `text`; numbers only where no other digit touches them."""
    numbers = {one for one in canaries if one[0].isdigit()}
    words = set(re.findall(r"(?<![0-9A-Za-z])(?:[0-9]{17}[0-9Xx]|[0-9]{11})(?![0-9A-Za-z])", text))
    return (numbers & words) | {one for one in canaries - numbers if one in text}


def _texts(root: Path, *patterns: str) -> list[tuple[Path, str]]:
    files = [path for pattern in patterns for path in root.rglob(pattern) if path.is_file()]
    return [(path, path.read_text(encoding="utf-8", errors="replace")) for path in files]


def test_secrets_stand_nowhere(season: Season):
    secrets = _secrets()
    for path in [
        *season.cohort.rglob("*"),
        *(season.sandbox / "tmp").rglob("*"),
        *(season.sandbox / "broken").rglob("*"),
    ]:
        if path.is_file():
            data = path.read_bytes()
            assert not [one for one in secrets if one.encode() in data], path
    for name, (_, out, err) in season.said.items():
        assert not _found(secrets, out + err), name
    assert not _found(secrets, "\n".join(season.lines))
    assert season.environments or not season.lines
    assert not _found(secrets, "\n".join(season.environments))


def test_pages_mask_numbers(season: Season, identities: set[str]):
    pages = _texts(season.run / "site", "*.html")
    assert len(pages) > 10
    for path, text in pages:
        assert not _found(identities, text), path.name


def test_mail_masks_numbers(season: Season, identities: set[str]):
    for path in (season.reports / "outbox").rglob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for part in mail.walk():
            if part.get_content_maintype() == "text":
                assert not _found(identities, part.get_content()), path.name
        assert not _found(identities, str(mail["Subject"]))


def test_notebooks_carry_no_person_in_parameters_or_metadata(season: Season, identities: set[str], names: set[str]):
    books = sorted((season.run / "notebooks").glob("*.ipynb"))
    assert books
    for path in books:
        book = json.loads(path.read_text(encoding="utf-8"))
        parameters = [
            cell["source"] for cell in book["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])
        ]
        said = json.dumps(
            [book["metadata"], [cell["metadata"] for cell in book["cells"]], parameters], ensure_ascii=False
        )
        assert not _found(identities | names, said), path.name
        assert not _found(identities, json.dumps(book, ensure_ascii=False)), path.name


def test_logs_and_summary_name_nobody(season: Season, identities: set[str], names: set[str]):
    texts = _texts(season.reports, "*.jsonl", "*.log", "summary.json")
    assert len(texts) >= 2
    for path, text in texts:
        assert not _found(identities | names, text), path.name


def test_nothing_printed_names_a_person(season: Season, identities: set[str], names: set[str]):
    """Lists and explanations name the student whom they are about: that is what they are for. Numbers never."""
    for name, (_, out, err) in season.said.items():
        assert not _found(identities, out + err), name
        if name not in ("list-json", "explain", "explain-json"):
            assert not _found(names, out + err), name


def test_a_failure_under_debug_says_where_and_not_who(season: Season, identities: set[str], names: set[str]):
    code, out, err = season.said["debug"]
    assert code in (3, 4), err
    assert not _found(identities | names, out + err)


def test_process_lists_name_nobody(season: Season, identities: set[str], names: set[str]):
    if not season.lines:
        pytest.skip("no /proc here")
    assert any("pipeline" in line for line in season.lines)
    # the season's own commands name what a person typed after --student: student numbers, which are allowed
    assert not _found({one for one in identities if len(one) == 18} | names, "\n".join(season.lines))


def test_the_ledger_holds_numbers_of_students_and_no_more(season: Season, identities: set[str], names: set[str]):
    with sqlite3.connect(season.cohort / "ledger.sqlite") as connection:
        entries = connection.execute("SELECT * FROM entries").fetchall()
        personal = connection.execute('SELECT why, "values" FROM personal').fetchall()
    assert entries
    assert not _found(identities | names, json.dumps(entries, ensure_ascii=False, default=str))
    assert not _found({one for one in identities if len(one) == 18}, json.dumps(personal, ensure_ascii=False))


def test_nothing_is_left_in_temporary_folders_or_beside(season: Season):
    assert list((season.sandbox / "tmp").rglob("*")) == []
    left = [path.name for root in (season.cohort, season.sandbox / "others") for path in root.rglob(".*")]
    assert set(left) <= {".mingce"}
    assert not (season.reports / "outbox" / ".pages").exists()


def test_only_the_owner_reads_whatever_the_umask(season: Season):
    """The season ran under umask 000."""
    made = [season.reports, *season.reports.rglob("*"), season.cohort / ".mingce", season.cohort / "reports"]
    for folder in (season.sandbox / "copies", season.sandbox / "others"):
        made += [folder, *folder.rglob("*")]
    for path in made:
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert mode(season.cohort / "ledger.sqlite") == 0o600


def test_data_docs_name_nobody(season: Season, identities: set[str], names: set[str]):
    assert season.said["docs"][0] == 0, season.said["docs"]
    texts = _texts(season.reports / "docs", "*.html", "*.json")
    assert texts
    for path, text in texts:
        assert not _found(identities | names, text), path.name


def test_an_anonymised_cohort_has_other_people(season: Season, identities: set[str]):
    code, _, err = season.said["anonymise"]
    assert code == 0, err
    texts = _texts(season.sandbox / "others", "*.csv", "*.toml")
    assert len(texts) > 4
    for path, text in texts:
        assert not _found(identities, text), path.name


def test_home_holds_no_person(season: Season, identities: set[str], names: set[str]):
    """Caches of libraries (fonts, settings) hold nobody."""
    for path in (season.sandbox / "home").rglob("*"):
        if path.is_file() and path.stat().st_size < 5_000_000:
            assert not _found(identities | names, path.read_text(encoding="utf-8", errors="replace")), path


def test_masks_of_logs():
    from pipeline.logs import mask

    given = "430624199403189270 43062419940318927X 430624940318927 13100627457 a.b@example.edu.cn 1305030101"
    masked = mask(given)
    for one in given.split()[:5]:
        assert one not in masked
    assert "1305030101" in masked


def test_rows_wait_in_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A killed run cannot tidy up: what it wrote of rows must lie in its own folder from the first byte on."""
    import pandas as pd

    from pipeline.render import tables_xlsx

    outside = tmp_path / "tmp"
    outside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(outside))
    seen: list[list[Path]] = []
    fill = tables_xlsx._write_part

    def watched(*given: Any) -> None:
        fill(*given)
        seen.append(list(outside.iterdir()))

    monkeypatch.setattr(tables_xlsx, "_write_part", watched)
    (tmp_path / "run").mkdir()
    from pipeline.tables import write_table
    from pipeline.view.run_tables import Run

    (tmp_path / "made" / "tables").mkdir(parents=True)
    write_table(tmp_path / "made" / "tables", "roster", pd.DataFrame({"name": ["张三"] * 9}))
    tables_xlsx.write_tables_xlsx(tmp_path / "run" / "tables.xlsx", Run(tmp_path / "made", {}))
    assert seen == [[], []]  # the table, and the sheet of names
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["tables.xlsx"]


def test_cold_kernels_are_given_no_secret():
    printed = _python(
        "import os\nfrom multiprocessing import Pipe\nfrom contextlib import nullcontext, suppress\n"
        "from pipeline.render.notebooks import serve_notebooks\nours, theirs = Pipe()\nours.close()\n"
        "with suppress(EOFError):\n    serve_notebooks(theirs, nullcontext())\nprint(dict(os.environ))"
    )
    assert "PATH" in printed
    assert not _found(set(SECRETS.values()), printed)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no core files")
def test_a_crash_leaves_no_core_file():
    """All that was read would stand in it."""
    printed = _python(
        "import resource\nfrom pipeline.cli import main\n"
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]\nresource.setrlimit(resource.RLIMIT_CORE, (hard, hard))\n"
        "try:\n    main(['--help'])\nfinally:\n    print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    assert printed.splitlines()[-1] == "0"


def test_libraries_say_nothing_on_standard_error():
    """They may repeat a cell, as openpyxl's warnings and Great Expectations' log do."""
    printed = _python(
        "import contextlib, logging, warnings\nfrom pipeline.cli import main\n"
        "with contextlib.suppress(SystemExit):\n    main(['--help'])\n"
        "logging.getLogger('great_expectations').error('canary'); warnings.warn('canary')"
    )
    assert "canary" not in printed


def _python(code: str) -> str:
    """Return what a process prints, on standard error too, that was given the secrets."""
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | SECRETS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=True, cwd=ROOT,
    ).stdout  # fmt: skip


def test_a_timer_s_journal_tells_no_address_and_no_student(capsys: pytest.CaptureFixture[str]):
    from pipeline.cli.deliver_commands import _print_result
    from pipeline.deliver.post import Result
    from pipeline.deliver.recipients import Recipient

    for kind, scope in (("student", ("甲大学", "1305030101")), ("counselor", ("甲大学", "土木学院", "一班"))):
        who = Recipient(kind, "canary7q@qq.com", ("金丝雀",), frozenset({scope}))
        _print_result(Result(who, "refused", "收件地址被拒收（550）"))
    student, counselor = capsys.readouterr().err.splitlines()
    assert "canary7q" not in student + counselor
    assert "金丝雀" not in student
    assert "甲大学/1305030101" in student
    assert "辅导员 金丝雀" in counselor
