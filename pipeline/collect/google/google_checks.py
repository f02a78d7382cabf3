"""What `mingce doctor` checks of Google Sheets, each with its remedy."""

from __future__ import annotations

from pipeline.cohort import Cohort
from pipeline.collect.google import access
from pipeline.collect.google.http_client import Patience, SheetsClient
from pipeline.collect.google.tabs import Book, read_book
from pipeline.collect.gsheet import PREFIX, is_gsheet, parse_source
from pipeline.errors import ConfigurationError, MingceError

Finding = tuple[str, bool, str]

_PATIENCE = Patience(attempts=2, budget=60)


def check_google(cohort: Cohort, *, patience: Patience | None = None) -> list[Finding]:
    """Return (what, whether it is in order, remedy) for the key file, the token, and each spreadsheet named.

    A cohort without Google Sheets gets no line. Nothing is written.
    """
    sheets = _named(cohort)
    if not sheets:
        return []
    try:
        client = access.connect_google(cohort, patience=patience or _PATIENCE)
    except ConfigurationError as error:
        return [("Google 密钥文件", False, "；".join(error.mistakes))]
    who = client.address or "本人授权"
    found: list[Finding] = [(f"Google 密钥文件（{who}）", True, "")]
    return found + [line for what, source in sheets for line in _spreadsheet(client, what, source)]


def _named(cohort: Cohort) -> list[tuple[str, str]]:
    """Return what each spreadsheet is for, and its source; each spreadsheet once for a purpose."""
    named = [("登记表", source) for source in cohort.submissions.paths if is_gsheet(source)]
    decisions, answers = cohort.review.decisions or "", cohort.google.answers
    named += [("审核表", decisions)] if is_gsheet(decisions) else []
    named += [("回写表格", PREFIX + answers.removeprefix(PREFIX))] if answers else []
    return list(dict.fromkeys(named))


def _spreadsheet(client: SheetsClient, what: str, source: str) -> list[Finding]:
    try:
        key, title = parse_source(source)
        book = read_book(client, key)
    except ConfigurationError as error:
        return [(f"{what} {source[:40]}", False, "；".join(error.mistakes))]
    except MingceError as error:
        return [(f"{what} {source[:40]}", False, f"{error.what}。{error.remedy}" if error.remedy else error.what)]
    found: list[Finding] = [(f"{what}“{book.title}”可以读取（{len(book.tabs)} 个工作表）", True, "")]
    if title and title not in [tab.title for tab in book.tabs]:
        found.append((f"{what}“{book.title}”的工作表 {title}", False, "没有这个工作表，请核对名称或新建"))
    return found + _locale(book, what)


def _locale(book: Book, what: str) -> list[Finding]:
    if what != "登记表" or book.locale.startswith("zh"):
        return []
    return [
        (
            f"{what}“{book.title}”的语言区域是 {book.locale or '未知'}", False,
            "日期会显示为别国的写法：请在“文件 → 设置”中把语言区域改为中国",
        )
    ]  # fmt: skip
