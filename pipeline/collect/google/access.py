"""Who we are towards Google: key file, its permissions, the scopes; a client made from them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth import exceptions as auth_errors
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import credentials as user_account
from google.oauth2 import service_account

from pipeline.cohort import Cohort
from pipeline.cohort_sections import Google
from pipeline.collect.google.consent import ask_consent, consent_file
from pipeline.collect.google.http_client import HOSTS, GoogleHostsAdapter, Patience, SheetsClient
from pipeline.errors import ConfigurationError, InputError, MingceError, PartialError

READ_SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
WRITE_SCOPE = "https://www.googleapis.com/auth/spreadsheets"
KEY_FILE_VARIABLE = "MINGCE_GOOGLE_KEY_FILE"

Credentials = service_account.Credentials | user_account.Credentials


def key_file(cohort: Cohort | None) -> Path:
    """Return where the key file should be: the environment variable goes before `[google] key_file`."""
    named = os.environ.get(KEY_FILE_VARIABLE)
    if named or cohort is None:
        return Path(named or Google().key_file).expanduser()
    return cohort.path(cohort.google.key_file)


def connect_google(cohort: Cohort | None, *, write: bool = False, patience: Patience | None = None) -> SheetsClient:
    """Return a client that may read, or with `write` also write, spreadsheets; Drive is never asked for.

    Without a cohort the key file is the one of the environment, or at its usual place.

    Raises:
        ConfigurationError: no key file, one that others can read, or one that is no key.
    """
    path = key_file(cohort)
    identity = credentials(path, WRITE_SCOPE if write else READ_SCOPE)
    failure: type[MingceError] = PartialError if write else InputError
    return SheetsClient(_session(identity), address=address(identity), failure=failure, patience=patience)


def address(identity: Credentials) -> str:
    """Return the e-mail address that a spreadsheet must be shared with (empty for a person's own account)."""
    return identity.service_account_email if isinstance(identity, service_account.Credentials) else ""


def credentials(path: Path, scope: str) -> Credentials:
    """Return who the key file says we are, for one scope.

    It is a service account's key, a person's agreement (OAuth, type authorized_user), or an OAuth client, for which a
    person is asked once.

    Raises:
        ConfigurationError: no such file, others may read it, or it is no key of Google's.
    """
    content = _private_json(path)
    try:
        if content.get("type") == "service_account":
            _only_google(content, path)
            return service_account.Credentials.from_service_account_info(content, scopes=[scope])
        if content.get("type") == "authorized_user":
            return user_account.Credentials.from_authorized_user_info(content, scopes=[scope])
        if "installed" in content:
            given = consent_file(path, scope)
            if given.is_file():
                return user_account.Credentials.from_authorized_user_info(_private_json(given), scopes=[scope])
            return ask_consent(path, content, scope)
    except (ValueError, auth_errors.GoogleAuthError):
        raise ConfigurationError(["密钥文件不完整，请重新从 Google Cloud 下载"], where=str(path)) from None
    raise ConfigurationError(
        ["这个文件不是 Google 的密钥，请放服务账号的密钥，或类型为“桌面应用”的 OAuth 客户端（都是 JSON 文件）"],
        where=str(path),
    )


def _private_json(path: Path) -> dict[str, Any]:
    refuse_readable_key(path)
    return _content(path)


def refuse_readable_key(path: Path) -> None:
    """Refuse a key file that anyone but its owner can read (POSIX; Windows keeps it by the profile's own rights).

    Raises:
        ConfigurationError: it is not there, or is open to others.
    """
    try:
        state = path.stat()
    except OSError:
        raise ConfigurationError(
            [f"没有 Google 密钥文件，请照 docs/google-sheets.md 建立，或用 {KEY_FILE_VARIABLE} 指明"], where=str(path)
        ) from None
    if not stat.S_ISREG(state.st_mode):
        raise ConfigurationError(["Google 密钥应是一个文件"], where=str(path))
    if os.name != "posix":
        return
    if state.st_mode & 0o077:
        raise ConfigurationError([f"Google 密钥文件别人也能读，请运行 chmod 600 {path}"], where=str(path))
    if state.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(["Google 密钥文件属于另一个账号，请由本账号保存一份，权限 600"], where=str(path))


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise ConfigurationError(["Google 密钥文件读不出，应是从 Google Cloud 下载的 JSON 文件"], where=str(path))
    return content


def _only_google(content: dict[str, Any], path: Path) -> None:
    """Refuse a key whose token address is not Google's: the signed assertion would go there."""
    token = urlsplit(str(content.get("token_uri", "")))
    universe = content.get("universe_domain", "googleapis.com")
    if token.scheme != "https" or token.hostname not in HOSTS or universe != "googleapis.com":
        raise ConfigurationError(["密钥文件中的地址不是 Google 的，请重新从 Google Cloud 下载"], where=str(path))


def _session(identity: Credentials) -> AuthorizedSession:
    """Return a session, and one below it for tokens, that reach the four Google hosts alone."""
    tokens = requests.Session()
    session = AuthorizedSession(identity, auth_request=Request(tokens))
    for each in (tokens, session):
        each.mount("https://", GoogleHostsAdapter())
        each.mount("http://", GoogleHostsAdapter())
    return session
