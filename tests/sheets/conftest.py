"""The stand-in as the network: proxy and CA come from the environment, as they would in an office."""

import json
from pathlib import Path
from typing import Any

import pytest
import trustme

from pipeline.cohort import Cohort
from pipeline.collect.google.http_client import RetryPolicy

from .standin import Google, serve

KEY = "1AbC-dEf_classes2017"


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def google(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    service = Google()
    server = serve(service, ca)
    bundle = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(bundle))
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    key = tmp_path / "google.json"
    key.write_text(json.dumps(service.key_file()))
    key.chmod(0o600)
    monkeypatch.setenv("MINGCE_GOOGLE_KEY_FILE", str(key))
    yield service
    server.shutdown()
    server.server_close()


@pytest.fixture
def patience(google: Google) -> RetryPolicy:
    """Time that passes by waiting alone: no test really waits."""
    return RetryPolicy(sleep=google.clock.sleep, clock=google.clock, jitter=lambda: 0.5)


def make_cohort(folder: Path, **changed: Any) -> Cohort:
    """A cohort whose submissions come from the spreadsheet `KEY`."""
    settings: dict[str, Any] = {
        "folder": folder,
        "cohort": {"name": "2017届", "year": 2017, "undergraduate_month": "2017-06"},
        "window": {"opens": "2016-09-20", "closes": "2016-10-31", "college_due": "2016-11-20"},
        "schools": [
            {"code": "10534", "name": "湖南科技大学", "registry": "a.csv"},
            {"code": "12649", "name": "湖南科技大学潇湘学院", "registry": "b.csv"},
        ],
        "submissions": {"from": f"gsheet:{KEY}"},
        "people": {"colleges": "colleges.csv", "counselors": "counselors.csv"},
    }
    return Cohort.model_validate(settings | changed)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    (tmp_path / "colleges.csv").write_text(
        "学校名称,院系,副书记,邮箱\n湖南科技大学,土木工程学院,李书记,a@b.cn\n", "utf-8"
    )
    (tmp_path / "counselors.csv").write_text("学校名称,院系,班级,姓名,邮箱\n", "utf-8")
    return make_cohort(tmp_path)
