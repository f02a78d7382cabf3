"""OAuth for an office without a service account: a person agrees once in the browser; that is kept privately."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import InstalledAppFlow

from pipeline.collect.google.http_client import HOSTS, GoogleHostsAdapter
from pipeline.errors import ConfigurationError


def consent_file(path: Path, scope: str) -> Path:
    """Return where the agreement to `scope` is kept: beside the client file."""
    return path.with_name(f"{path.stem}.{scope.rpartition('/')[2]}.json")


def ask_consent(path: Path, client: dict[str, Any], scope: str) -> Credentials:
    """Ask the person at this machine, in the browser, and keep the agreement for next time (mode 0600).

    Raises:
        ConfigurationError: nobody is at a terminal to be asked, or the client file leads elsewhere than to Google.
    """
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
    given = flow.run_local_server(port=0, authorization_prompt_message="请在浏览器中打开：{url}")
    text = given.to_json(strip=["token"])
    _keep(consent_file(path, scope), text)
    return Credentials.from_authorized_user_info(json.loads(text), scopes=[scope])


def _keep(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
