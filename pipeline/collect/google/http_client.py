"""The HTTP client under gspread: it waits within bounds, counts its calls, and never repeats a write blindly.

Measured on gspread 6.2.1: its own BackOffHTTPClient never gives up, ignores Retry-After, takes an HTML error page
for no error to wait for, does not wait for dropped connections, and repeats writes whose outcome is unknown. Real
quota answers carried no Retry-After, and reads worked again 41 to 51 s after the first refusal.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from google.auth import exceptions as auth_errors
from gspread.http_client import FileType, HTTPClient, ParamsType
from requests import adapters

from pipeline.collect.google import api_responses
from pipeline.collect.google.api_responses import Fault
from pipeline.collect.google.sheet_cells import Values
from pipeline.errors import InputError, MingceError

HOSTS = frozenset(
    {"sheets.googleapis.com", "www.googleapis.com", "oauth2.googleapis.com", "iamcredentials.googleapis.com"}
)
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 120.0
_BUSY_SECONDS = (8.0, 64.0)  # first and longest wait after a quota refusal
_BROKEN_SECONDS = (1.0, 32.0)  # the same after a failure on the way


@dataclass(frozen=True)
class Patience:
    """How long one job may try: attempts for a call, seconds for the whole job, and where time comes from."""

    attempts: int = 8
    budget: float = 900.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


@dataclass
class Calls:
    """What a job cost: calls that read and that wrote (refused ones too), waits and seconds waited."""

    reads: int = 0
    writes: int = 0
    waits: int = 0
    waited: float = 0.0
    reasons: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        """Say the cost in Chinese."""
        cost = f"共调用 Google 接口 {self.reads + self.writes} 次（读 {self.reads}，写 {self.writes}）"
        if not self.waits:
            return cost
        return f"{cost}，其中等待 {self.waits} 次、{self.waited:.0f} 秒（{'、'.join(dict.fromkeys(self.reasons))}）"


class RejectedRequestError(MingceError):
    """Google refused the request as it stands (400): for a read mostly a worksheet renamed or removed meanwhile."""


class UnknownOutcomeError(MingceError):
    """A write was sent and its answer was lost: it may have happened or not."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"写入的结果没有收到（{fault.why}）")
        self.fault = fault


class GoogleHostsAdapter(adapters.HTTPAdapter):
    """Lets requests pass to the four Google hosts alone."""

    def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
        """Send the request where its host is one of `HOSTS`, over TLS.

        Raises:
            InputError: it is another one.
        """
        address = urlsplit(request.url or "")
        if address.hostname not in HOSTS or address.scheme != "https":
            raise InputError(
                f"拒绝连接 {address.hostname}：只允许连接 Google 的接口",
                remedy="请核对 Google 密钥文件是否从 Google Cloud 下载、有没有被改动",
            )
        return super().send(request, *args, **kwargs)  # pyright: ignore[reportArgumentType]  # passed on as given


class SheetsClient(HTTPClient):
    """gspread's HTTP client with bounded waiting.

    Reads are repeated. A write is repeated by itself only where it certainly was not carried out (a quota refusal, no
    connection, no token); otherwise `UnknownOutcomeError` says so, and `write` looks before it repeats.
    `address` is the service account that a refusal for want of permission names; `last_size` the bytes of the last
    sound answer.
    """

    def __init__(
        self, session: requests.Session, *, address: str = "", failure: type[MingceError] = InputError,
        patience: Patience | None = None,
    ) -> None:  # fmt: skip
        super().__init__(None, session)  # pyright: ignore[reportArgumentType]  # gspread: a session needs no auth
        self.calls = Calls()
        self.last_size = 0
        self.address = address
        self.failure = failure
        self.patience = patience or Patience()
        self._started = self.patience.clock()

    def request(
        self, method: str, endpoint: str, params: ParamsType | None = None, data: bytes | None = None,
        json: Mapping[str, Any] | None = None, files: FileType = None, headers: MutableMapping[str, str] | None = None,
    ) -> requests.Response:  # fmt: skip
        """Send one call and return its sound answer (complete JSON); wait and repeat within bounds.

        Raises:
            RejectedRequestError: 400.
            UnknownOutcomeError: a write may or may not have happened.
            MingceError: no permission, no such spreadsheet (at once), or attempts or time are used up (`failure`).
        """
        reading = method.lower() == "get"
        for attempt in range(1, self.patience.attempts + 1):
            self._count(reading)
            fault = self._attempt(method, endpoint, params=params, data=data, json=json, files=files, headers=headers)
            if not isinstance(fault, Fault):
                self.last_size = len(fault.content)
                return fault
            if fault.maybe_done and not reading:
                raise UnknownOutcomeError(fault)
            self.wait(fault, attempt)
        raise AssertionError("wait() ends the last attempt")

    def read_values(self, key: str, ranges: list[str], params: ParamsType) -> list[Values]:
        """Return the rows of each range (in A1 notation) of a spreadsheet, in their order.

        An answer that lacks one of them is no sound answer, and is asked for again.

        Raises:
            MingceError: as `request`.
        """
        for attempt in range(1, self.patience.attempts + 1):
            found = _rows_of(self.values_batch_get(key, ranges, params=params))
            if len(found) == len(ranges):
                return found
            self.wait(Fault("回答不完整"), attempt)
        raise AssertionError("wait() ends the last attempt")

    def write(self, send: Callable[[], Any], done: Callable[[], bool]) -> None:
        """Carry out a write; after a lost answer ask `done` (a fresh read) before sending it again.

        Raises:
            MingceError: as `request`; also where the outcome stays unknown to the end.
        """
        for attempt in range(1, self.patience.attempts + 1):
            try:
                send()
                return
            except UnknownOutcomeError as lost:
                self.wait(lost.fault, attempt)
                if done():
                    return

    def wait(self, fault: Fault, attempt: int) -> None:
        """Wait before attempt number `attempt` + 1.

        Raises:
            MingceError: (`failure`) attempts are used up, or the wait would exceed the job's time.
        """
        seconds = self._pause(fault, attempt)
        left = self._left()
        if attempt >= self.patience.attempts:
            raise self._given_up(fault, f"试了 {attempt} 次")
        if seconds >= left:
            raise self._given_up(fault, f"还需等待 {seconds:.0f} 秒，而本次任务的 {self.patience.budget:.0f} 秒已用完")
        self.calls.waits += 1
        self.calls.waited += seconds
        self.calls.reasons.append(fault.why)
        self.patience.sleep(seconds)

    def _left(self) -> float:
        return self.patience.budget - (self.patience.clock() - self._started)

    def _pause(self, fault: Fault, attempt: int) -> float:
        if fault.retry_after is not None:
            return fault.retry_after + self.patience.jitter()
        first, longest = _BUSY_SECONDS if fault.busy else _BROKEN_SECONDS
        return min(longest, first * 2 ** (attempt - 1)) * (1 + 0.25 * self.patience.jitter())

    def _given_up(self, fault: Fault, why: str) -> MingceError:
        return self.failure(
            f"Google 表格没有完成：{fault.why}；{why}。{self.calls}",
            remedy="请检查网络（或代理）后再运行；若提示次数超限，请过几分钟再试",
        )

    def _count(self, reading: bool) -> None:
        if reading:
            self.calls.reads += 1
        else:
            self.calls.writes += 1

    def _attempt(self, method: str, endpoint: str, **given: object) -> requests.Response | Fault:
        """Send once; return the sound answer, or why there is none. Raises for what waiting cannot mend."""
        left = self._left()
        if left <= 0:
            raise self._given_up(Fault("时间已用完"), f"本次任务的 {self.patience.budget:.0f} 秒已用完")
        timeout = (min(_CONNECT_SECONDS, left), min(_READ_SECONDS, left))
        try:
            send: Any = self.session.request  # google-auth's own signature leaves out the tuple of timeouts
            response: requests.Response = send(method, endpoint, timeout=timeout, allow_redirects=False, **given)
        except auth_errors.GoogleAuthError as error:
            return api_responses.token_fault(error)
        except requests.RequestException as error:
            return api_responses.network_fault(error)
        except OSError as error:  # requests: the CA bundle is not there
            raise self.failure(
                "证书文件读不出", where=str(error)[-200:], remedy="请改正环境变量 REQUESTS_CA_BUNDLE，或取消它"
            ) from None
        verdict = api_responses.fault_of_response(response, address=self.address)
        if isinstance(verdict, api_responses.Rejected):
            raise RejectedRequestError(verdict.what, remedy=verdict.remedy)
        if isinstance(verdict, api_responses.Refused):
            raise self.failure(verdict.what, remedy=verdict.remedy)
        return verdict if isinstance(verdict, Fault) else response


def _rows_of(answer: Mapping[str, Any]) -> list[Values]:
    """Return the rows of each range of an answer; none where it is no such answer."""
    try:
        found = [item.get("values", []) for item in answer["valueRanges"]]
    except (AttributeError, KeyError, TypeError):  # a proxy's own JSON
        return []
    sound = all(isinstance(rows, list) and all(isinstance(row, list) for row in rows) for rows in found)
    return found if sound else []
