"""gspread's HTTP client with bounded waits, counted calls, and no blind repeat of a write.

Measured on gspread 6.2.1: its BackOffHTTPClient never gives up, ignores Retry-After, does not wait after an HTML error
page or a dropped connection, and repeats writes of unknown outcome. Google's quota answers had no Retry-After; reads
worked again 41 to 51 s after the first refusal.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth import exceptions as auth_errors
from gspread.http_client import FileType, HTTPClient, ParamsType
from requests import adapters
from urllib3 import exceptions as urllib3_errors

from pipeline.errors import InputError, MingceError

HOSTS = frozenset(
    {"sheets.googleapis.com", "www.googleapis.com", "oauth2.googleapis.com", "iamcredentials.googleapis.com"}
)
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 120.0
_BUSY_SECONDS = (8.0, 64.0)  # first and longest wait after a quota refusal
_BROKEN_SECONDS = (1.0, 32.0)  # the same after a failure on the way
_LONGEST_RETRY_AFTER = 600.0
_RATE_REASONS = {"RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"}

Values = list[list[Any]]
"""Rows of cells from Google: texts, numbers, booleans. Blank ends of rows and sheets are left out."""


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of one job: attempts per call, and seconds for all calls. Tests replace the callables."""

    attempts: int = 8
    budget: float = 900.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


@dataclass
class Calls:
    """The cost of a job: reads and writes (refused ones too), waits, seconds waited, and the reasons."""

    reads: int = 0
    writes: int = 0
    waits: int = 0
    waited: float = 0.0
    reasons: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        cost = f"共调用 Google 接口 {self.reads + self.writes} 次（读 {self.reads}，写 {self.writes}）"
        if not self.waits:
            return cost
        return f"{cost}，其中等待 {self.waits} 次、{self.waited:.0f} 秒（{'、'.join(dict.fromkeys(self.reasons))}）"


@dataclass(frozen=True)
class Fault:
    """A failed call. With a `remedy` it is final, else it may be repeated.

    `busy`: over quota; `maybe_executed`: Google may have executed the call; `retry_after`: seconds.
    """

    why: str
    remedy: str = ""
    busy: bool = False
    maybe_executed: bool = False
    retry_after: float | None = None


class RejectedRequestError(MingceError):
    """Google rejected a request (400). For a read, somebody usually renamed or removed the worksheet."""


class UnknownOutcomeError(MingceError):
    """A write was sent but its answer was lost, so its outcome is unknown."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"写入的结果没有收到（{fault.why}）")
        self.fault = fault


class GoogleHostsAdapter(adapters.HTTPAdapter):
    """Lets requests pass only to the four Google hosts."""

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        """Send the request over TLS to one of `HOSTS`. Raise `InputError` for any other address."""
        address = urlsplit(request.url or "")
        if address.hostname not in HOSTS or address.scheme != "https":
            raise InputError(
                f"拒绝连接 {address.hostname}：只允许连接 Google 的接口",
                remedy="请核对 Google 密钥文件是否从 Google Cloud 下载、有没有被改动",
            )
        return super().send(request, *args, **kwargs)  # pyright: ignore[reportArgumentType]  # passed on as given


class SheetsClient(HTTPClient):
    """gspread's HTTP client with bounded waits. It repeats reads.

    It repeats a write only if Google certainly did not execute it (quota, no connection, no token). Otherwise `request`
    raises `UnknownOutcomeError`, and `write` checks before it repeats. After the last attempt `failure` is raised.
    """

    def __init__(
        self, session: requests.Session, *, address: str, failure: type[MingceError], retry: RetryPolicy | None
    ) -> None:
        super().__init__(None, session)  # pyright: ignore[reportArgumentType]  # gspread: a session needs no auth
        self.calls = Calls()
        self.last_size = 0
        self.address = address
        self.failure = failure
        self.retry = retry or RetryPolicy()
        self._started = self.retry.clock()

    def request(
        self, method: str, endpoint: str, params: ParamsType | None = None, data: bytes | None = None,
        json: Mapping[str, Any] | None = None, files: FileType = None, headers: MutableMapping[str, str] | None = None,
    ) -> requests.Response:  # fmt: skip
        """Send one call and return its complete JSON answer. Wait and repeat within the limits.

        Raises:
            RejectedRequestError: if Google answers 400.
            UnknownOutcomeError: if a write may have happened.
            MingceError: (`failure`) if permission or the spreadsheet is missing, or attempts or time are used up.
        """
        reading = method.lower() == "get"
        for attempt in range(1, self.retry.attempts + 1):
            self.calls.reads += reading
            self.calls.writes += not reading
            fault = self._attempt(method, endpoint, params=params, data=data, json=json, files=files, headers=headers)
            if not isinstance(fault, Fault):
                self.last_size = len(fault.content)
                return fault
            if fault.maybe_executed and not reading:
                raise UnknownOutcomeError(fault)
            self._wait(fault, attempt)
        raise AssertionError("_wait() ends the last attempt")

    def read_values(self, key: str, ranges: list[str], params: ParamsType) -> list[Values]:
        """Return the rows of each range (A1 notation), in order."""
        answer = self.values_batch_get(key, ranges, params=params)
        return [item.get("values", []) for item in answer["valueRanges"]]

    def write(self, send: Callable[[], Any], executed: Callable[[], bool]) -> None:
        """Send a write. After a lost answer, call `executed` (a fresh read) before sending it again."""
        for attempt in range(1, self.retry.attempts + 1):
            try:
                send()
                return
            except UnknownOutcomeError as lost:
                self._wait(lost.fault, attempt)
                if executed():
                    return

    def _wait(self, fault: Fault, attempt: int) -> None:
        if fault.retry_after is not None:
            seconds = fault.retry_after + self.retry.jitter()
        else:
            shortest, longest = _BUSY_SECONDS if fault.busy else _BROKEN_SECONDS
            seconds = min(longest, shortest * 2 ** (attempt - 1)) * (1 + 0.25 * self.retry.jitter())
        if attempt >= self.retry.attempts:
            raise self._final_error(fault, f"试了 {attempt} 次")
        if seconds >= self._seconds_left():
            raise self._final_error(fault, f"还需等待 {seconds:.0f} 秒，而本次任务的 {self.retry.budget:.0f} 秒已用完")
        self.calls.waits += 1
        self.calls.waited += seconds
        self.calls.reasons.append(fault.why)
        self.retry.sleep(seconds)

    def _seconds_left(self) -> float:
        return self.retry.budget - (self.retry.clock() - self._started)

    def _final_error(self, fault: Fault, why: str) -> MingceError:
        return self.failure(
            f"Google 表格没有完成：{fault.why}；{why}。{self.calls}",
            remedy="请检查网络（或代理）后再运行；若提示次数超限，请过几分钟再试",
        )

    def _attempt(self, method: str, endpoint: str, **arguments: object) -> requests.Response | Fault:
        """Send once. Return the complete answer or a temporary fault. Raise for a permanent one."""
        remaining = self._seconds_left()
        if remaining <= 0:
            raise self._final_error(Fault("时间已用完"), f"本次任务的 {self.retry.budget:.0f} 秒已用完")
        timeout = (min(_CONNECT_SECONDS, remaining), min(_READ_SECONDS, remaining))
        try:
            send: Any = self.session.request  # google-auth's own signature leaves out the tuple of timeouts
            response: requests.Response = send(method, endpoint, timeout=timeout, allow_redirects=False, **arguments)
        except auth_errors.GoogleAuthError as error:
            return _token_fault(error)
        except requests.RequestException as error:
            return _network_fault(error)
        except OSError as error:  # requests raises it if the CA bundle is missing
            raise self.failure(
                "证书文件读不出", where=str(error)[-200:], remedy="请改正环境变量 REQUESTS_CA_BUNDLE，或取消它"
            ) from None
        params: Any = arguments["params"] or {}
        fault = fault_of_response(response, address=self.address, ranges=len(params.get("ranges", ())))
        if fault and fault.remedy:
            error = RejectedRequestError if response.status_code == 400 else self.failure
            raise error(fault.why, remedy=fault.remedy)
        return fault or response


def _is_complete(answer: Any, ranges: int) -> bool:  # noqa: ANN401  # what JSON holds, perhaps a proxy's own
    """Return whether an answer holds the rows of this many ranges."""
    try:
        tables = [item.get("values", []) for item in answer.get("valueRanges", [])]
        return len(tables) == ranges and all(isinstance(row, list) for rows in tables for row in rows)
    except (AttributeError, TypeError):
        return False


def fault_of_response(response: requests.Response, *, address: str, ranges: int = 0) -> Fault | None:
    """Return the fault of an answer, or None for a complete JSON success with this many ranges."""
    status = response.status_code
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        body = None
    if 200 <= status < 300:
        return None if _is_complete(body, ranges) else Fault("回答不完整", maybe_executed=True)
    try:
        error = body.get("error", {})
        reasons = {str(item.get("reason", "")) for item in [*error.get("details", []), *error.get("errors", [])]}
    except (AttributeError, TypeError):  # a proxy's own answer
        reasons = set[str]()
    if status == 429 or (status == 403 and reasons & _RATE_REASONS):
        return Fault(f"调用次数超限（{status}）", busy=True, retry_after=_retry_after(response))
    if status == 408 or status >= 500:
        return Fault(f"Google 服务暂时不可用（{status}）", maybe_executed=True, retry_after=_retry_after(response))
    if status == 403 and "SERVICE_DISABLED" in reasons:
        return Fault(
            "密钥所在的 Google Cloud 项目没有启用 Google Sheets API（403）",
            "请在 Google Cloud 控制台的“API 和服务”中启用 Google Sheets API，过几分钟再运行",
        )
    who, also = ("把表格共享给 " + address, f"，并已共享给 {address}") if address else ("用有权限的账号授权", "")
    final = {
        400: ("Google 不接受这次请求（400）", "表格可能正在改动（工作表改名或删除），请再运行一次"),
        401: ("Google 不认可这个密钥（401）", "请在 Google Cloud 重新生成服务账号密钥，换掉密钥文件"),
        403: ("没有权限打开这份 Google 表格（403）", f"请{who}：只读取给“查看者”，要回写给“编辑者”"),
        404: ("没有找到这份 Google 表格（404）", f"请核对表格的 key（网址中 /d/ 与 /edit 之间的一段）{also}"),
    }
    unexpected = "请检查网络或代理；加 --debug 再运行一次，把显示的内容发给维护人员"
    return Fault(*final.get(status, (f"Google 给出意外的回答（{status}）", unexpected)))


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), _LONGEST_RETRY_AFTER)
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(response.headers["Date"])
        return min(max((until - now).total_seconds(), 0.0), _LONGEST_RETRY_AFTER)
    except (KeyError, ValueError, TypeError):
        return None


def _token_fault(error: auth_errors.GoogleAuthError) -> Fault:
    """Return a temporary fault for a token that was not issued: the call itself was never sent."""
    _check_certificate(error)
    if isinstance(error, auth_errors.TransportError):
        return Fault("取不到 Google 的令牌（连接不上）")
    # google-auth marks an HTML 502 of the token endpoint as final, but a body that is no JSON came from elsewhere
    page = isinstance(error, auth_errors.RefreshError) and not any(isinstance(part, dict) for part in error.args)
    if error.retryable or (page and "<" in str(error.args[-1:])):
        return Fault("取不到 Google 的令牌")
    raise InputError(
        "Google 不给这个密钥发令牌",
        remedy="请核对本机的时间是否准确、密钥是否已在 Google Cloud 停用或删除；必要时重新生成密钥",
    ) from None


def _check_certificate(error: Exception) -> None:
    """Raise if the server's certificate is not trusted, because waiting does not help."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        raise InputError(
            "连接 Google 时证书验证失败", remedy="请检查本机时间；经过单位代理时，请用 REQUESTS_CA_BUNDLE 指明其证书"
        ) from None


def _network_fault(error: requests.RequestException) -> Fault:
    """Return a connection failure. Check the innermost error: urllib3 2 reports a lost answer as a proxy error too."""
    _check_certificate(error)
    reason: object = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(reason, urllib3_errors.ProxyError):
        reason = reason.original_error
    refused = isinstance(reason, OSError) and "Tunnel connection failed" in str(reason)
    unreached = isinstance(reason, urllib3_errors.NewConnectionError | urllib3_errors.ConnectTimeoutError)
    if refused or unreached or isinstance(error, requests.ConnectTimeout):
        return Fault("连接不上 Google")
    return Fault("Google 没有按时回答" if isinstance(error, requests.Timeout) else "连接中断", maybe_executed=True)
