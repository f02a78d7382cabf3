"""Classify the API's responses by status and reason code: success, temporary failure, or final refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from google.auth import exceptions as auth_errors
from urllib3 import exceptions as urllib3_errors

from pipeline.errors import InputError

_LONGEST_RETRY_AFTER = 600.0
_RATE_REASONS = {"RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"}


@dataclass(frozen=True)
class Fault:
    """A temporary failure: the call may be repeated.

    `busy`: a quota. `maybe_done`: the call may have been carried out. `retry_after`: seconds that Google asked for.
    """

    why: str
    busy: bool = False
    maybe_done: bool = False
    retry_after: float | None = None


@dataclass(frozen=True)
class Refused:
    """A final refusal."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Rejected(Refused):
    """The request as it stands is wrong (400)."""


def fault_of_response(response: requests.Response, *, address: str) -> Fault | Refused | None:
    """Return what is wrong with an answer, or None where it is complete JSON of success."""
    status = response.status_code
    if 200 <= status < 300:
        return None if _is_json(response) else Fault("回答不完整", maybe_done=True)
    if status == 429:
        return Fault("调用次数超限（429）", busy=True, retry_after=_retry_after(response))
    if status == 408 or status >= 500:
        return Fault(f"Google 服务暂时不可用（{status}）", maybe_done=True, retry_after=_retry_after(response))
    if status == 403 and _reasons(response) & _RATE_REASONS:
        return Fault("调用次数超限（403）", busy=True, retry_after=_retry_after(response))
    return _final(status, response, address)


def _final(status: int, response: requests.Response, address: str) -> Refused:
    if status == 400:
        return Rejected("Google 不接受这次请求（400）", "表格可能正在改动（工作表改名或删除），请再运行一次")
    if status == 401:
        return Refused("Google 不认可这个密钥（401）", "请在 Google Cloud 重新生成服务账号密钥，换掉密钥文件")
    if status == 403 and "SERVICE_DISABLED" in _reasons(response):
        return Refused(
            "密钥所在的 Google Cloud 项目没有启用 Google Sheets API（403）",
            "请在 Google Cloud 控制台的“API 和服务”中启用 Google Sheets API，过几分钟再运行",
        )
    if status == 403:
        who = f"把表格共享给 {address}" if address else "用有权限的账号授权"
        return Refused("没有权限打开这份 Google 表格（403）", f"请{who}：只读取给“查看者”，要回写给“编辑者”")
    if status == 404:
        also = f"，并已共享给 {address}" if address else ""
        return Refused("没有找到这份 Google 表格（404）", f"请核对表格的 key（网址中 /d/ 与 /edit 之间的一段）{also}")
    return Refused(
        f"Google 给出意外的回答（{status}）", "请检查网络或代理；加 --debug 再运行一次，把显示的内容发给维护人员"
    )


def token_fault(error: auth_errors.GoogleAuthError) -> Fault:
    """Return the failure to get a token as one worth waiting for: the call itself was never sent.

    Raises:
        InputError: the key is no longer good, or this machine's clock is wrong.
    """
    _check_certificate(error)
    # google-auth marks an HTML 502 of the token endpoint as final: what is no JSON did not come from the endpoint
    page = not any(isinstance(part, dict) for part in error.args)
    if isinstance(error, auth_errors.TransportError) or error.retryable or (page and _is_refresh(error)):
        unreached = isinstance(error, auth_errors.TransportError)
        return Fault("取不到 Google 的令牌（连接不上）" if unreached else "取不到 Google 的令牌")
    raise InputError(
        "Google 不给这个密钥发令牌",
        remedy="请核对本机的时间是否准确、密钥是否已在 Google Cloud 停用或删除；必要时重新生成密钥",
    ) from None


def _check_certificate(error: Exception) -> None:
    """Raise where the other side's certificate is not trusted: waiting does not mend that."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        raise InputError(
            "连接 Google 时证书验证失败", remedy="请检查本机时间；经过单位代理时，请用 REQUESTS_CA_BUNDLE 指明其证书"
        ) from None


def _is_refresh(error: auth_errors.GoogleAuthError) -> bool:
    return isinstance(error, auth_errors.RefreshError) and len(error.args) > 0 and "<" in str(error.args[-1])


def network_fault(error: requests.RequestException) -> Fault:
    """Return a failure of the connection; where it never came about, the call was certainly not carried out."""
    _check_certificate(error)
    if isinstance(error, requests.ConnectTimeout) or _never_connected(error):
        return Fault("连接不上 Google")
    if isinstance(error, requests.Timeout):
        return Fault("Google 没有按时回答", maybe_done=True)
    return Fault("连接中断", maybe_done=True)


def _never_connected(error: requests.RequestException) -> bool:
    """Say whether no connection came about, behind a proxy too.

    urllib3 2 calls an answer lost behind a proxy "unable to connect to proxy" as well: only the innermost error tells.
    """
    reason: object = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(reason, urllib3_errors.ProxyError):
        reason = reason.original_error
    refused = isinstance(reason, OSError) and "Tunnel connection failed" in str(reason)
    return refused or isinstance(reason, urllib3_errors.NewConnectionError | urllib3_errors.ConnectTimeoutError)


def _is_json(response: requests.Response) -> bool:
    try:
        return isinstance(json.loads(response.content), dict)
    except ValueError:
        return False


def _reasons(response: requests.Response) -> set[str]:
    """Return the machine-readable reasons of an error body, in the two shapes that Google uses."""
    try:
        error: Any = json.loads(response.content).get("error", {})
        items: list[Any] = [*error.get("details", []), *error.get("errors", [])]
        return {str(item.get("reason", "")) for item in items}
    except (ValueError, AttributeError, TypeError):
        return set()


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that Retry-After asks for (a number or a date), at most ten minutes."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdecimal():
        return min(float(value), _LONGEST_RETRY_AFTER)
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(response.headers["Date"])
        return min(max((until - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)
    except (KeyError, ValueError, TypeError):
        return None
