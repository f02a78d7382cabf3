"""The client under faults: bounded waiting, remedies at once, four hosts, no write repeated blindly."""

import json
import os
from pathlib import Path

import pytest
import requests
from google.oauth2 import credentials as user_account

from pipeline.collect.google import access
from pipeline.collect.google.http_client import HOSTS, RetryPolicy, UnknownOutcomeError
from pipeline.collect.google.read import read_sheet
from pipeline.collect.google.tabs import read_book
from pipeline.errors import ConfigurationError, InputError, PartialError

from . import standin
from .conftest import KEY
from .model import Book, Sheet
from .standin import EMAIL, Fault, Google

GET = r"GET /v4/spreadsheets/[^/]*$"
WRITE = r"POST .*values:batchUpdate"


@pytest.fixture(autouse=True)
def book(google: Google) -> Book:
    google.books[KEY] = Book("采集", sheets=[Sheet(0, "1班", [["学号", "姓名"], ["1300000001", "某"]])])
    return google.books[KEY]


def read(cohort, patience):
    return read_sheet(f"gsheet:{KEY}", cohort, None, retry=patience).grids


@pytest.mark.parametrize(
    "fault",
    [
        Fault(GET, times=3, status=429),
        Fault(GET, times=2, status=500),
        Fault(GET, times=2, status=503, html=True),
        Fault(GET, times=2, status=502, html=True),
        Fault(GET, times=2, status=408),
        Fault(GET, times=2, status=403, reason="rateLimitExceeded"),
        Fault(GET, times=2, drop=True),
        Fault(GET, times=2, truncate=True, apply=True),
        Fault("GET .*batchGet", times=3, drop=True, apply=True),
        Fault("POST /token", times=2, status=502, html=True),
        Fault("POST /token", times=1, drop=True),
        Fault("POST /token", times=1, status=400, html=True),
    ],
    ids=lambda fault: f"{fault.match[-9:]}-{fault.status or (fault.drop and 'drop') or 'cut'}",
)
def test_reads_survive(google: Google, cohort, patience, fault: Fault):
    google.faults = [fault]
    assert read(cohort, patience)[0].values[1][0] == "1300000001"
    assert google.clock.slept
    if fault.status == 429:
        assert all(8 <= wait <= 80 for wait in google.clock.slept)
        assert google.clock.slept == sorted(google.clock.slept)


@pytest.mark.parametrize("says", [{}, {"valueRanges": []}, {"valueRanges": [3]}, {"valueRanges": [{"values": "x"}]}])
def test_an_answer_that_lacks_a_range_is_asked_for_again(google: Google, cohort, patience, says):
    google.faults = [Fault("batchGet", times=2, apply=True, says=says)]
    assert read(cohort, patience)[0].values[1][0] == "1300000001"
    google.faults = [Fault("batchGet", times=99, apply=True, says=says)]
    with pytest.raises(InputError, match="回答不完整"):
        read(cohort, patience)


def test_retry_after_is_obeyed(google: Google, cohort, patience):
    google.faults = [Fault(GET, status=429, retry_after="37"), Fault("batchGet", status=503, retry_after="11")]
    read(cohort, patience)
    assert [int(wait) for wait in google.clock.slept] == [37, 11]


def test_a_real_quota_is_waited_for(google: Google, cohort, patience):
    google.quota = 3
    for _ in range(4):
        read(cohort, patience)
    assert 40 <= google.clock.now <= 200


def test_slow_answers_run_into_the_timeout(google: Google, cohort, patience, monkeypatch):
    monkeypatch.setattr("pipeline.collect.google.http_client._READ_SECONDS", 0.05)
    google.faults = [Fault("batchGet", delay=0.4)]
    assert read(cohort, patience)
    assert "按时" not in str(google.clock.slept)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(GET, times=99, status=429), "超限"),
        (Fault(GET, times=99, status=503, html=True), "暂时不可用"),
        (Fault(GET, times=99, drop=True), "连接中断"),
        (Fault("/token", times=99, status=502, html=True), "令牌"),
    ],
)
def test_attempts_are_bounded_and_the_reason_is_told(google: Google, cohort, patience, fault, told):
    google.faults = [fault]
    with pytest.raises(InputError, match=told) as caught:
        read(cohort, patience)
    assert "试了 8 次" in str(caught.value) and "读 8" in str(caught.value)
    assert google.clock.now < 900


def test_the_budget_is_bounded_and_says_why(google: Google, cohort):
    google.faults = [Fault(GET, times=99, status=429)]
    patience = RetryPolicy(budget=60, sleep=google.clock.sleep, clock=google.clock, jitter=lambda: 0)
    with pytest.raises(InputError, match="60 秒已用完"):
        read(cohort, patience)
    assert google.clock.now <= 60


@pytest.mark.parametrize("status", [401, 404])
def test_final_refusals_are_told_at_once(google: Google, cohort, patience, status):
    google.faults = [Fault(GET, times=99, status=status)]
    with pytest.raises(InputError, match=str(status)):
        read(cohort, patience)
    assert google.clock.slept == []


def test_no_permission_names_the_address(google: Google, cohort, patience, book):
    book.private = True
    with pytest.raises(InputError, match=EMAIL):
        read(cohort, patience)
    assert google.clock.slept == [] and len(google.reads()) == 1


def test_service_disabled_has_its_own_remedy(google: Google, cohort, patience):
    google.faults = [Fault(GET, status=403, reason="SERVICE_DISABLED")]
    with pytest.raises(InputError, match="启用 Google Sheets API"):
        read(cohort, patience)


def test_a_revoked_key_is_told_at_once(google: Google, cohort, patience, tmp_path: Path):
    other = Google().key_file()
    path = Path(os.environ["MINGCE_GOOGLE_KEY_FILE"])
    path.write_text(json.dumps(other))
    with pytest.raises(InputError, match="时间是否准确"):
        read(cohort, patience)
    assert google.clock.slept == []


def test_another_ca_is_no_google(google: Google, cohort, patience, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(InputError, match="证书验证失败"):
        read(cohort, patience)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(InputError, match="REQUESTS_CA_BUNDLE"):
        read(cohort, patience)
    assert google.calls == [] and google.clock.slept == []


def test_writes_are_not_repeated_blindly(google: Google, cohort, patience, book):
    client = access.connect_google(cohort, write=True, retry=patience)
    body = {"valueInputOption": "RAW", "data": [{"range": "'1班'!A1", "values": [["x"]]}]}
    for fault in (
        Fault(WRITE, drop=True, apply=True),
        Fault(WRITE, status=503, apply=True),
        Fault(WRITE, truncate=True, apply=True),
    ):
        google.faults, book.sheets[0].values[0][0] = [fault], "学号"
        before = len(google.writes())
        with pytest.raises(UnknownOutcomeError):
            client.values_batch_update(KEY, body)
        client.write(lambda: client.values_batch_update(KEY, body), lambda: book.sheets[0].values[0][0] == "x")
        assert len(google.writes()) == before + 2


def test_a_lost_write_is_looked_at_and_repeated_only_if_needed(google: Google, cohort, patience, book):
    client = access.connect_google(cohort, write=True, retry=patience)
    body = {"requests": [{"addProtectedRange": {"protectedRange": {"range": {"sheetId": 0}, "description": "x"}}}]}

    def done() -> bool:
        return "x" in read_book(client, KEY).tabs[0].protections

    google.faults = [Fault("batchUpdate", drop=True, apply=True)]
    client.write(lambda: client.batch_update(KEY, body), done)
    assert len(book.sheets[0].protected) == 1 and len(google.writes()) == 1
    book.sheets[0].protected.clear()
    google.faults = [Fault("batchUpdate", drop=True)]
    client.write(lambda: client.batch_update(KEY, body), done)
    assert len(book.sheets[0].protected) == 1 and len(google.writes()) == 3


def test_a_refused_write_was_not_carried_out(google: Google, cohort, patience, book):
    client = access.connect_google(cohort, write=True, retry=patience)
    google.faults = [Fault(WRITE, times=2, status=429)]
    client.values_batch_update(KEY, {"valueInputOption": "RAW", "data": [{"range": "'1班'!A1", "values": [["x"]]}]})
    assert book.sheets[0].values[0][0] == "x"


def test_an_unreachable_proxy_sent_nothing(google: Google, cohort, patience, monkeypatch):
    """No connection at all: even a write may be repeated, and the reason is told in the end."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = access.connect_google(cohort, write=True, retry=patience)
    with pytest.raises(PartialError, match="试了 8 次"):
        client.values_batch_update(KEY, {"valueInputOption": "RAW", "data": []})


def test_a_proxy_that_refuses_google(google: Google, cohort, patience, monkeypatch):
    monkeypatch.setattr(standin, "HOSTS", ("oauth2.googleapis.com",))
    client = access.connect_google(cohort, write=True, retry=patience)
    with pytest.raises(PartialError, match="连接不上"):
        client.values_batch_update(KEY, {"valueInputOption": "RAW", "data": []})


def test_a_viewer_cannot_write(google: Google, cohort, patience):
    google.viewers_only = True
    client = access.connect_google(cohort, write=True, retry=patience)
    with pytest.raises(PartialError, match="编辑者"):
        client.values_batch_update(KEY, {"valueInputOption": "RAW", "data": []})


def test_no_other_host_is_reached(google: Google, cohort, patience):
    client = access.connect_google(cohort, retry=patience)
    for address in ("https://example.com/", "https://accounts.google.com/x", "http://sheets.googleapis.com/x"):
        with pytest.raises(InputError, match="拒绝连接"):
            client.session.get(address)
    assert google.refused == [] and google.hosts <= HOSTS


def test_redirects_are_not_followed(google: Google, cohort, patience):
    google.faults = [Fault(GET, status=302)]
    with pytest.raises(InputError, match="意外的回答"):
        read(cohort, patience)


class TestKeyFile:
    def refused(self, cohort, told: str) -> None:
        with pytest.raises(ConfigurationError, match=told):
            access.connect_google(cohort)

    def test_open_to_others(self, cohort):
        path = Path(os.environ["MINGCE_GOOGLE_KEY_FILE"])
        for mode in (0o640, 0o604, 0o620):
            path.chmod(mode)
            self.refused(cohort, "chmod 600")

    def test_absent(self, cohort, monkeypatch):
        monkeypatch.setenv("MINGCE_GOOGLE_KEY_FILE", "/nowhere/key.json")
        self.refused(cohort, "没有 Google 密钥")

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"type": "service_account"}', "\x00"])
    def test_no_key(self, cohort, text):
        Path(os.environ["MINGCE_GOOGLE_KEY_FILE"]).write_text(text)
        self.refused(cohort, "密钥")

    def test_a_key_that_leads_elsewhere(self, cohort, google: Google):
        path = Path(os.environ["MINGCE_GOOGLE_KEY_FILE"])
        for changed in ({"token_uri": "https://evil.example/token"}, {"universe_domain": "evil.example"}):
            path.write_text(json.dumps(google.key_file() | changed))
            self.refused(cohort, "不是 Google")

    def test_scopes(self, cohort, google: Google, patience):
        access.connect_google(cohort, retry=patience).spreadsheets_get(KEY)
        access.connect_google(cohort, write=True, retry=patience).spreadsheets_get(KEY)
        assert list(google.tokens.values()) == [access.READ_SCOPE, access.WRITE_SCOPE]
        assert not any("drive" in scope for scope in google.tokens.values())


class TestOAuth:
    PERSON = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "agreed"}  # noqa: RUF012
    CLIENT = {  # noqa: RUF012
        "installed": {
            "client_id": "c",
            "client_secret": "s",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "redirect_uris": ["http://localhost"],
        }
    }

    def put(self, content: dict) -> Path:
        path = Path(os.environ["MINGCE_GOOGLE_KEY_FILE"])
        path.write_text(json.dumps(content))
        return path

    def test_an_agreement_reads(self, google: Google, cohort, patience):
        self.put(self.PERSON)
        assert read(cohort, patience) and list(google.tokens.values()) == [access.READ_SCOPE]

    def test_a_withdrawn_agreement_is_told_at_once(self, google: Google, cohort, patience):
        self.put(self.PERSON | {"refresh_token": "withdrawn"})
        with pytest.raises(InputError, match="令牌"):
            read(cohort, patience)
        assert google.clock.slept == []

    def test_no_permission_without_an_address(self, google: Google, cohort, patience, book):
        self.put(self.PERSON)
        book.private = True
        with pytest.raises(InputError, match="有权限的账号"):
            read(cohort, patience)

    def test_a_person_is_asked_once_for_each_scope(self, google: Google, cohort, patience, monkeypatch):
        path = self.put(self.CLIENT)
        asked = []

        def agree(flow, **_):
            asked.append(flow.oauth2session.scope)
            return user_account.Credentials(
                None, "agreed", token_uri="https://oauth2.googleapis.com/token", client_id="c", client_secret="s",
                scopes=flow.oauth2session.scope,
            )  # fmt: skip

        monkeypatch.setattr("google_auth_oauthlib.flow.InstalledAppFlow.run_local_server", agree)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        for _ in range(2):
            assert read(cohort, patience)
            access.connect_google(cohort, write=True, retry=patience).spreadsheets_get(KEY)
        assert asked == [[access.READ_SCOPE], [access.WRITE_SCOPE]]
        kept = path.with_name("google.spreadsheets.readonly.json")
        assert kept.stat().st_mode & 0o777 == 0o600 and "agreed" in kept.read_text()
        kept.chmod(0o644)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            read(cohort, patience)

    def test_nobody_at_the_terminal(self, cohort, patience, monkeypatch):
        self.put(self.CLIENT)
        monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
        with pytest.raises(ConfigurationError, match="mingce doctor"):
            read(cohort, patience)

    def test_a_client_that_leads_elsewhere(self, cohort, patience):
        self.put({"installed": self.CLIENT["installed"] | {"token_uri": "https://evil.example/token"}})
        with pytest.raises(ConfigurationError, match="不是 Google 的"):
            read(cohort, patience)


def test_nothing_secret_in_errors(google: Google, cohort, patience):
    google.faults = [Fault(GET, times=99, drop=True)]
    with pytest.raises(InputError) as caught:
        read(cohort, patience)
    assert "PRIVATE KEY" not in str(caught.value)
    assert isinstance(caught.value.__context__, Exception | None)
    assert not isinstance(caught.value, requests.RequestException)
