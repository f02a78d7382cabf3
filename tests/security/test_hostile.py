"""Nobody's words are run: pages, workbooks, PDF, mail, terminal and file names after a season of hostile input."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from pipeline.cohort import safe_name
from tests.security.conftest import Season
from tests.security.hostile import BEACON, COLLEGES, EVIL_ADDRESS, FLAG, PAYLOADS

pytestmark = pytest.mark.slow
SCHOOLS = ("湖南科技大学", "湖南科技大学潇湘学院")
POLICY = re.compile(r'<meta (?=[^>]*http-equiv="Content-Security-Policy")[^>]*content="([^"]*)"', re.IGNORECASE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = os.environ.get("MINGCE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=path, args=flags)
        yield opened
        opened.close()


def _mails(season: Season) -> list[Any]:
    files = sorted((season.reports / "outbox" / season.run.name).glob("*.eml"))
    assert files
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


def _html(season: Season, folder: Path) -> list[Path]:
    """Every page of the site, and every HTML that a mail carries, as files that a browser can open."""
    pages = sorted(season.run.rglob("*.html"))
    pages += sorted((season.reports / "docs").rglob("*.html"))
    for at, mail in enumerate(_mails(season)):
        for number, part in enumerate(mail.walk()):
            if part.get_content_type() == "text/html":
                page = folder / f"mail-{at}-{number}.html"
                page.write_text(part.get_content(), encoding="utf-8")
                pages.append(page)
    return pages


def test_every_submission_arrived_and_no_page_failed(season: Season):
    """Hostile words stop nobody else's work."""
    code, _, err = season.said["run"]
    assert code == 0, err
    submissions = pd.read_parquet(season.run / "tables" / "submissions.parquet")
    assert len(submissions) > 60
    assert submissions["home_address"].str.len().max() > 300_000
    assert season.said["send"][0] in (0, 4), season.said["send"][2]
    assert "没有完整的页面" not in season.said["send"][2]
    assert "别班的学生" not in season.said["send"][2]
    summary = json.loads((season.run / "summary.json").read_text(encoding="utf-8"))
    assert any("不在本届学校名单内" in note["message"] for note in summary["notes"])
    assert set(pd.read_parquet(season.run / "tables" / "roster.parquet")["school"]) == set(SCHOOLS)


def test_the_file_for_the_upper_system_is_written_and_read_back(season: Season):
    """dbf takes the name of a file that it reads for a pattern, and the folder's name looks like one."""
    assert season.said["handin-dbf"][0] == 0, season.said["handin-dbf"]


@pytest.mark.browser
def test_no_script_runs_and_no_request_leaves(season: Season, browser: Any, tmp_path: Path):
    context = browser.new_context()
    page = context.new_page()
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: heard.append(f"error {error}"))
    page.on("console", lambda message: heard.append(f"console {message.text}"))
    page.on("request", lambda request: None if request.url.startswith("file:") else heard.append(request.url))
    context.on("page", lambda opened: heard.append("popup") if opened is not page else None)
    pages = _html(season, tmp_path)
    assert len(pages) > 12
    for file in pages:
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate(f"window.{FLAG} === undefined"), file.name
        assert page.evaluate("document.querySelectorAll('iframe, object, embed, base').length") == 0, file.name
        links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.protocol)")
        assert set(links) <= {"file:", "mailto:"}, (file.name, set(links))
    # a browser has no `cid:`: the picture within a mail is the mail client's to show
    assert [line for line in heard if not line.startswith("cid:") and "ERR_UNKNOWN_URL_SCHEME" not in line] == []
    assert not [line for line in heard if BEACON in line]
    context.close()


def test_every_page_has_a_policy(season: Season):
    pages = sorted([*season.run.rglob("*.html"), *(season.reports / "docs").rglob("*.html")])
    assert len(pages) > 10
    for page in pages:
        found = POLICY.search(page.read_text(encoding="utf-8"))
        assert found, page.name
        assert "default-src 'none'" in found[1], page.name
        assert "unsafe-eval" not in found[1], page.name
        script = re.search(r"script-src ([^;]*)", found[1])
        assert script is None or "unsafe-inline" not in script[1], page.name


def test_templates_were_not_templates(season: Season, tmp_path: Path):
    """`{{ 7 * 191 }}` stays as it was typed."""
    for page in _html(season, tmp_path):
        assert "1337" not in re.sub(r'data:[^"]*|<path[^>]*>|[0-9a-f]{16,}', "", page.read_text(encoding="utf-8")), page


def test_no_workbook_holds_a_formula_or_link(season: Season):
    books = sorted(season.run.rglob("*.xlsx"))
    assert len(books) >= 4
    for path in books:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                data = archive.read(name)
                assert not re.search(rb"<f[ >]|<hyperlink|oleLink|ddeLink", data), (path.name, name)
                assert "externalLink" not in name, (path.name, name)
        book = openpyxl.load_workbook(path)
        for sheet in book.worksheets:
            kinds = {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None}
            assert kinds <= {"s", "n", "d", "b", "inlineStr"}, (path.name, sheet.title, kinds)
    whole = openpyxl.load_workbook(season.run / "tables.xlsx")
    values = {str(cell.value) for sheet in whole.worksheets for row in sheet.iter_rows() for cell in row}
    assert PAYLOADS[0] in values  # they are there, as text


def test_tables_for_programs_hold_the_words_as_they_came(season: Season):
    findings = pd.read_parquet(season.run / "tables" / "findings.parquet")
    assert findings["given"].isin(PAYLOADS).any()
    again = pd.read_csv(season.run / "tables" / "findings.csv", dtype=str, keep_default_na=False)
    assert len(again) == len(findings)


def test_typst_read_no_file_and_the_pdf_runs_nothing(season: Season):
    import pypdf

    for path in sorted(season.run.rglob("*.pdf")):
        raw = path.read_bytes()
        assert not re.search(rb"/JavaScript|/JS\b|/Launch|/OpenAction|/SubmitForm|/GoToR", raw), path.name
        text = "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
        assert "root:" not in text
        if "HYPERLINK" in path.parent.name:
            assert "7*191" in re.sub(r"\s", "", text)


def test_mail_headers_are_ours_alone(season: Season):
    for mail in _mails(season):
        assert mail.get_all("Bcc") is None
        assert mail.get_all("Cc") is None
        assert len(mail.get_all("To")) == 1
        addresses = [address.addr_spec for address in mail["To"].addresses]
        assert len(addresses) == 1
        assert addresses[0].endswith("@example.edu.cn"), addresses
        for name, value in mail.items():
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", str(value)), name
    assert EVIL_ADDRESS not in " ".join(str(mail["To"]) for mail in _mails(season))


def test_attachments_have_harmless_names(season: Season):
    for mail in _mails(season):
        for part in mail.walk():
            name = part.get_filename()
            if name:
                assert "/" not in name
                assert "\\" not in name
                assert not name.startswith((".", "-", "=")), name
                assert name == "".join(c for c in name if unicodedata.category(c)[0] != "C"), name


def test_nothing_printed_moves_the_cursor(season: Season):
    for name, (_, out, err) in season.said.items():
        found = re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out + err)
        assert not found, (name, found)


def test_json_on_standard_output_is_still_json(season: Season):
    code, out, err = season.said["list-json"]
    assert code == 0, err
    assert json.loads(out)


def test_file_names_are_safe_everywhere(season: Season):
    made = [*season.reports.rglob("*"), *(season.cohort / ".mingce").rglob("*")]
    assert len(made) > 40
    for path in made:
        assert not re.search(r'[<>:"\\|?*\x00-\x1f\x7f]', path.name), path.name
        assert not path.name.endswith((".", " "))
        assert len(path.name.encode()) <= 255
        assert not path.is_symlink()
    assert not list(season.sandbox.rglob("pwned*"))
    assert not list(season.cohort.parent.glob("*CON*"))


@pytest.mark.parametrize("name", [*PAYLOADS, *COLLEGES, "名" * 80, "\U00020000" * 80, "aux", "", " . ", "con.txt"])
def test_a_name_becomes_one_harmless_segment(name: str):
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f\u202a-\u202e]', safe)
    assert len(safe) <= 80
    assert len(safe.encode()) <= 201
    assert not safe.endswith((".", " "))


def test_two_colleges_never_share_a_folder():
    from pipeline.view.run_tables import college_folder

    names = ["a/b", "a:b", "a_b", "名" * 90 + "甲", "名" * 90 + "乙", "CON", "_CON", "x.", "x"]
    assert len({college_folder("10534", name) for name in names}) == len(names)
    assert college_folder("10534", "土木工程学院") == "10534-土木工程学院"
