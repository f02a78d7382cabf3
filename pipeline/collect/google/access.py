"""Google credentials (key file, permissions, scopes), the client that uses them, and the checks of `mingce doctor`."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth import exceptions as auth_errors
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import credentials as user_account
from google.oauth2 import service_account
from google_auth_oauthlib.flow import InstalledAppFlow

from pipeline.atomic_files import read_object
from pipeline.cohort import Cohort
from pipeline.cohort_sections import Google
from pipeline.collect.google.http_client import HOSTS, GoogleHostsAdapter, RetryPolicy, SheetsClient
from pipeline.collect.google.tabs import read_book
from pipeline.collect.inputs import GSHEET, is_gsheet, parse_source
from pipeline.errors import ConfigurationError, InputError, MingceError, PartialError

READ_SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
WRITE_SCOPE = "https://www.googleapis.com/auth/spreadsheets"
_KEY_FILE_VARIABLE = "MINGCE_GOOGLE_KEY_FILE"
_DOCTOR_RETRY = RetryPolicy(attempts=2, budget=60)

Credentials = service_account.Credentials | user_account.Credentials
Finding = tuple[str, bool, str]


def connect_google(cohort: Cohort | None, *, write: bool = False, retry: RetryPolicy | None = None) -> SheetsClient:
    """Return a client that reads (`write`: and writes) spreadsheets, never Drive. ConfigurationError without a key."""
    configured = os.environ.get(_KEY_FILE_VARIABLE)
    path = cohort.path(cohort.google.key_file) if cohort and not configured else Path(configured or Google().key_file)
    identity = _credentials(path.expanduser(), WRITE_SCOPE if write else READ_SCOPE)
    address = identity.service_account_email if isinstance(identity, service_account.Credentials) else ""
    tokens = requests.Session()
    session = AuthorizedSession(identity, auth_request=Request(tokens))
    for transport in (tokens, session):
        transport.mount("https://", GoogleHostsAdapter())
        transport.mount("http://", GoogleHostsAdapter())
    return SheetsClient(session, address=address, failure=PartialError if write else InputError, retry=retry)


def _credentials(path: Path, scope: str) -> Credentials:
    """Return credentials from a service account's key, an authorized_user file, or an OAuth client (asks consent)."""
    content = _private_json(path)
    try:
        if content.get("type") == "service_account":
            address = urlsplit(str(content.get("token_uri", "")))  # the signed assertion goes there
            universe = content.get("universe_domain", "googleapis.com")
            if address.scheme != "https" or address.hostname not in HOSTS or universe != "googleapis.com":
                what = "密钥文件中的地址不是 Google 的，请重新从 Google Cloud 下载"
                raise ConfigurationError([what], where=str(path))
            return service_account.Credentials.from_service_account_info(content, scopes=[scope])
        if content.get("type") == "authorized_user":
            return user_account.Credentials.from_authorized_user_info(content, scopes=[scope])
        if "installed" in content:
            token = path.with_name(f"{path.stem}.{scope.rpartition('/')[2]}.json")
            agreed = _private_json(token) if token.is_file() else _request_consent(path, content, scope, token)
            return user_account.Credentials.from_authorized_user_info(agreed, scopes=[scope])
    except (ValueError, auth_errors.GoogleAuthError):
        raise ConfigurationError(["密钥文件不完整，请重新从 Google Cloud 下载"], where=str(path)) from None
    raise ConfigurationError(
        ["这个文件不是 Google 的密钥，请放服务账号的密钥，或类型为“桌面应用”的 OAuth 客户端（都是 JSON 文件）"],
        where=str(path),
    )


def _private_json(path: Path) -> dict[str, Any]:
    """Return a key file's JSON. Refuse a file that others can read (on Windows the owner's profile protects it)."""
    try:
        state = path.stat()
    except OSError:
        raise ConfigurationError(
            [f"没有 Google 密钥文件，请照 docs/google-sheets.md 建立，或用 {_KEY_FILE_VARIABLE} 指明"], where=str(path)
        ) from None
    if not stat.S_ISREG(state.st_mode):
        raise ConfigurationError(["Google 密钥应是一个文件"], where=str(path))
    if os.name == "posix" and state.st_mode & 0o077:
        raise ConfigurationError([f"Google 密钥文件别人也能读，请运行 chmod 600 {path}"], where=str(path))
    if os.name == "posix" and state.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(["Google 密钥文件属于另一个账号，请由本账号保存一份，权限 600"], where=str(path))
    content = read_object(path)
    if content is None:
        raise ConfigurationError(["Google 密钥文件读不出，应是从 Google Cloud 下载的 JSON 文件"], where=str(path))
    return content


def _request_consent(path: Path, client: dict[str, Any], scope: str, token_file: Path) -> dict[str, Any]:
    token = urlsplit(str(client.get("installed", {}).get("token_uri", "")))
    page = urlsplit(str(client.get("installed", {}).get("auth_uri", "")))
    if token.hostname not in HOSTS or page.hostname != "accounts.google.com" or token.scheme != "https":
        raise ConfigurationError(["OAuth 客户端文件中的地址不是 Google 的，请重新下载"], where=str(path))
    if not sys.stdin.isatty():
        raise ConfigurationError(
            ["还没有人授权：请在本机的终端里运行一次 mingce doctor，在浏览器中同意后再试"], where=str(path)
        )
    flow = InstalledAppFlow.from_client_config(client, [scope])
    flow.oauth2session.mount("https://", GoogleHostsAdapter())
    agreed = flow.run_local_server(port=0, authorization_prompt_message="请在浏览器中打开：{url}").to_json(
        strip=["token"]
    )
    token_file.touch(mode=0o600, exist_ok=True)
    token_file.chmod(0o600)
    token_file.write_text(agreed, encoding="utf-8")
    return json.loads(agreed)


def check_google(cohort: Cohort, *, retry: RetryPolicy | None = None) -> list[Finding]:
    """Return (what, whether it is right, remedy) for the key file and each named spreadsheet. Writes nothing."""
    decisions, answers = cohort.review.decisions or "", cohort.google.answers
    sources = [("登记表", source) for source in cohort.submissions.paths if is_gsheet(source)]
    sources += [("审核表", decisions)] if is_gsheet(decisions) else []
    sources += [("回写表格", GSHEET + answers.removeprefix(GSHEET))] if answers else []
    if not sources:
        return []
    try:
        client = connect_google(cohort, retry=retry or _DOCTOR_RETRY)
    except ConfigurationError as error:
        return [("Google 密钥文件", False, "；".join(error.mistakes))]
    findings: list[Finding] = [(f"Google 密钥文件（{client.address or '本人授权'}）", True, "")]
    for what, source in dict.fromkeys(sources):
        findings += _check_spreadsheet(client, what, source)
    return findings


def _check_spreadsheet(client: SheetsClient, what: str, source: str) -> list[Finding]:
    try:
        key, title = parse_source(source)
        book = read_book(client, key)
    except ConfigurationError as error:
        return [(f"{what} {source[:40]}", False, "；".join(error.mistakes))]
    except MingceError as error:
        return [(f"{what} {source[:40]}", False, f"{error.what}。{error.remedy}" if error.remedy else error.what)]
    findings: list[Finding] = [(f"{what}“{book.title}”可以读取（{len(book.tabs)} 个工作表）", True, "")]
    if title and title not in [tab.title for tab in book.tabs]:
        findings.append((f"{what}“{book.title}”的工作表 {title}", False, "没有这个工作表，请核对名称或新建"))
    if what == "登记表" and not book.locale.startswith("zh"):
        remedy = "日期会显示为别国的写法：请在“文件 → 设置”中把语言区域改为中国"
        findings.append((f"{what}“{book.title}”的语言区域是 {book.locale or '未知'}", False, remedy))
    return findings
