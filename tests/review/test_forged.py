"""Forged headcounts: every one of them is another file than the one that was kept, whatever was done to it."""

import io
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

from pipeline.cohort import load_cohort
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import build_snapshot, open_tables
from pipeline.review.signatures import file_sha256, verify_file
from tests.command import run

from .test_signing import RUN, desk_of, ledger  # noqa: F401
from .test_upgrade import COLLEGE, checked, checked_once  # noqa: F401

SHARED = Path(__file__).resolve().parents[3] / "shared" / "cases" / "forged"
KEPT = b"%PDF-1.7\n1 0 obj<</Title(kept)>>endobj\nstartxref\n9\n%%EOF\n"


def _zipped(data: bytes) -> bytes:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/workbook.xml", data)
    return book.getvalue()


FORGERIES = {
    "one more byte": KEPT + b"\n",
    "one byte less": KEPT[:-1],
    "one bit": bytes([KEPT[0] ^ 1]) + KEPT[1:],
    "empty": b"",
    "an update appended": KEPT + b"2 0 obj<</Title(other)>>endobj\nstartxref\n60\n%%EOF\n",
    "a prefix": b"\x00" + KEPT,
    "other line ends": KEPT.replace(b"\n", b"\r\n"),
    "other words of equal length": KEPT.replace(b"kept", b"bent"),
    "keywords of ours": b"%PDF-1.4\n/Keywords(mingce_digest=" + b"a" * 64 + b")",
    "a workbook of ours": _zipped(b"mingce_digest"),
    "the file in a workbook": _zipped(KEPT),
    "twice": KEPT * 2,
    "its digest as text": b"sha256",
    "random": bytes(range(256)) * 40,
}


def _told(made, path):
    found = verify_file(file_sha256(path), desk_of(RUN, made), made.entries())
    return found.equal, found.line


@pytest.fixture
def signed_file(ledger, tmp_path):  # noqa: F811
    path = tmp_path / "headcount.pdf"
    path.write_bytes(KEPT)
    from pipeline.review import actions, signing

    from .small import COLLEGE, terms
    from .test_signing import LI, WANG

    actions.approve(RUN, ledger, ["1", "2"], WANG)
    signing.sign(RUN, ledger, COLLEGE, terms(), LI, lambda *_: {"headcount.pdf": file_sha256(path)})
    assert _told(ledger, path) == (True, "原件")
    return path


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forgery_is_another_file(kind, signed_file, ledger):  # noqa: F811
    for name in ("headcount.pdf", "headcount.xlsx", "x"):
        forged = signed_file.with_name(name)
        forged.write_bytes(FORGERIES[kind])
        equal, told = _told(ledger, forged)
        assert not equal and told == "不是签字时保存的那份文件；在 WPS、Excel 里另存过也会这样"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the cases are not here")
def test_the_forged_files_of_the_cases(signed_file, ledger):  # noqa: F811
    files = sorted(path for path in SHARED.iterdir() if path.is_file())
    assert files
    for forged in files:
        assert _told(ledger, forged) == (False, "不是签字时保存的那份文件；在 WPS、Excel 里另存过也会这样")


def _rewritten(data: bytes, keep: bool, **words: str) -> bytes:
    """The PDF as another program writes it: with other words about it, or as an update behind its end."""
    from pypdf import PdfReader, PdfWriter

    writer = (
        PdfWriter(io.BytesIO(data), incremental=True) if keep else PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    )
    writer.add_metadata({f"/{name}": word for name, word in words.items()})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _repacked(data: bytes, change=lambda name, content: content, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The workbook packed again, its parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(out, "w", method) as again:
        for name in book.namelist():
            again.writestr(name, change(name, book.read(name)))
    return out.getvalue()


def _saved_again(data: bytes, cell: str = "", value: object = None) -> bytes:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(data))
    if cell:
        book.active[cell] = value  # pyright: ignore[reportOptionalSubscript]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cached(name: str, content: bytes) -> bytes:
    return content.replace(b"<v>6</v>", b"<v>7</v>") if name.endswith("sheet1.xml") else content


def _dated(name: str, content: bytes) -> bytes:
    return content.replace(b"20", b"21") if name.startswith("docProps") else content


REAL = {
    "pdf: another title": lambda pdf, _: _rewritten(pdf, False, Title="人数统计表"),
    "pdf: an update behind its end": lambda pdf, _: _rewritten(pdf, True, Subject="x"),
    "pdf: a byte behind its end": lambda pdf, _: pdf + b"\n",
    "pdf: cut at its end": lambda pdf, _: pdf[:-1],
    "pdf: a comment in its head": lambda pdf, _: pdf.replace(b"%PDF", b"%PDF", 1).replace(b"\n", b"\n%x\n", 1),
    "pdf: other digits in its id": lambda pdf, _: pdf[:-40] + pdf[-40:].swapcase(),
    "pdf and workbook in one": lambda pdf, book: pdf + book,
    "workbook: cached numbers": lambda _, book: _repacked(book, _cached),
    "workbook: packed again, the same parts": lambda _, book: _repacked(book, method=zipfile.ZIP_STORED),
    "workbook: other dates about it": lambda _, book: _repacked(book, _dated),
    "workbook: a part more": lambda _, book: _more(book),
    "workbook: saved again": lambda _, book: _saved_again(book),
    "workbook: a number changed": lambda _, book: _saved_again(book, "C5", 7),
    "workbook: a formula of the same value": lambda _, book: _saved_again(book, "C5", "=3+3"),
    "workbook: another college": lambda _, book: _saved_again(book, "A3", "院系：土木工程学院"),
    "workbook: another school": lambda _, book: _saved_again(book, "A1", "湖南科技大学2017届毕业生信息核对人数统计表"),
    "a text with the code": lambda *_: b"",
}


def _more(book: bytes) -> bytes:
    out = io.BytesIO(book)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/comments9.xml", "<x/>")
    return out.getvalue()


@pytest.mark.slow
def test_forgeries_of_what_was_signed(checked, capsys, tmp_path):  # noqa: F811
    """The very files of a real signature, changed by programs that keep them whole to the eye."""
    from pypdf import PdfReader

    cohort = checked
    late = ("--by", "陈书记", "--why", "换新版本")
    assert run("sign", COLLEGE, cohort, *late) == 0
    (folder,) = [path for path in (cohort / "signed").iterdir() if path.is_dir()]
    pdf, book = ((folder / f"headcount.{kind}").read_bytes() for kind in ("pdf", "xlsx"))
    for name in ("headcount.pdf", "headcount.xlsx"):
        copy = tmp_path / f"改了名的 {name}"
        copy.write_bytes((folder / name).read_bytes())
        assert run("sign", "verify", copy, cohort) == 0  # a name is no part of it
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "校验码" in words and "手工填写" not in words  # that nobody checked the name is the record's to say
    capsys.readouterr()
    forged = tmp_path / "headcount.pdf"
    forged.write_bytes(pdf + b"\n")
    assert run("sign", "verify", forged, cohort) == 6
    told = "".join(capsys.readouterr())
    assert "不是签字时保存的那份文件" in told and folder.name in told  # with what to compare it by
    tables, today = open_tables(load_cohort(cohort))
    with open_ledger(load_cohort(cohort)) as made:
        entries = made.entries()
    desk = build_snapshot(tables, entries, today)
    for kind, make in REAL.items():
        forged.write_bytes(make(pdf, book) or f"校验码 {folder.name}".encode())
        assert forged.read_bytes() not in (pdf, book), kind
        found = verify_file(file_sha256(forged), desk, entries)
        assert not found.equal and "不是签字时保存的那份文件" in found.line, kind
        assert any(folder.name in line for line in found.details), kind
    assert run("sign", "verify", "--code", folder.name, cohort) == 0
    assert run("sign", "verify", "--code", folder.name[:-1] + "0", cohort) == 6 or folder.name.endswith("0")


@pytest.mark.slow
def test_an_older_version_and_another_cohorts_file(checked, capsys, tmp_path):  # noqa: F811
    cohort = checked
    assert run("sign", COLLEGE, cohort, "--by", "陈书记", "--why", "换新版本") == 0
    (older,) = (cohort / "signed").glob("*/headcount.pdf")
    other = shutil.copytree(cohort, tmp_path / "2018")  # the same people, by another school's code and name
    settings = (other / "cohort.toml").read_text(encoding="utf-8")
    (other / "cohort.toml").write_text(settings.replace('"12649"', '"12650"'), encoding="utf-8")
    shutil.rmtree(other / "reports")
    for path in other.glob("ledger.sqlite*"):
        path.unlink()
    assert run("check", other, "--as-of", "2016-10-25") == 0
    assert run("sign", "verify", older, other) == 6
    assert "还没有学院签过字" in "".join(capsys.readouterr())
    numbers = cohort / "submissions" / "12649.csv"
    text = numbers.read_text(encoding="utf-8")
    assert text.count("建设路") >= 1
    numbers.write_text(text.replace("建设路", "建设大道", 1), encoding="utf-8")
    assert run("check", cohort, "--as-of", "2016-10-25") == 0
    assert run("sign", "verify", older, cohort) == 6
    assert "原件，但数据已有改动" in "".join(capsys.readouterr())
    with sqlite3.connect(cohort / "ledger.sqlite") as database:  # a ledger cut below the signature
        for table in ("personal", "entries"):
            database.execute(f"DELETE FROM {table} WHERE seq = (SELECT max(seq) FROM entries)")
    database.close()
    assert run("sign", COLLEGE, cohort, "--by", "陈书记", "--why", "再签") == 6
    assert "缺少曾经记下的第 37 条" in "".join(capsys.readouterr())
