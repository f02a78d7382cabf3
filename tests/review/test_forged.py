"""Forged headcounts: every one of them is another file than the one that was kept, whatever was done to it."""

import io
import zipfile
from pathlib import Path

import pytest

from pipeline.review.signed_file import file_sha256, verify_file

from .test_signing import RUN, desk_of, ledger  # noqa: F401

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
    return found.equal, found.told


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
