"""A server that misbehaves at any step: everyone gets each mail once, or has an entry that says why not."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import date, datetime

import pytest

from pipeline.clock import SHANGHAI
from pipeline.deliver.send import SendOptions, send_due
from pipeline.deliver.smtp import ServerError, SmtpServer
from pipeline.review.ledger import open_ledger
from tests.deliver.rough_server import STEPS, RoughServer
from tests.deliver.runs import make_cohort, roster_of, write_run
from tests.deliver.season import MAIL, FakeClock, own_page
from tests.deliver.test_smtp import RAW, mail_settings

pytestmark = pytest.mark.usefixtures("one_picture")

FATES = [f"{what}@{where}" for what in ("drop", "421", "450", "550", "silence", "drip", "babble") for where in STEPS]
FATES += ["drop@half", "lose@content", "keep@content"]
UNCLEAR = {
    "drop@content",
    "silence@content",
    "drip@content",
    "babble@content",
    "lose@content",
    "keep@content",
    "drop@half",
}


@pytest.fixture
def office(tmp_path):
    server = RoughServer()
    cohort = make_cohort(tmp_path / "cohort", MAIL.format(port=server.port))
    write_run(cohort, "r1", roster_of(2, 6, night=9), as_of=date(2016, 10, 19))
    yield server, cohort
    server.shutdown()
    server.server_close()


PATIENT = 20.0  # a good server on a busy machine must not look like a silent one


def post(cohort, timeout=PATIENT, **options):
    """Send what is due; the recipients' actions, or nothing where the server could not be used at all."""
    client = SmtpServer(cohort.mail, None, timeout=timeout)
    clock = FakeClock(datetime(2016, 10, 19, 22, tzinfo=SHANGHAI)).clock
    with suppress(ServerError):
        return [
            each.action
            for each in send_due(cohort, SendOptions(**options), clock, server=client, pages=own_page).results
        ]
    return []


def entries(cohort):
    with open_ledger(cohort) as ledger:
        assert ledger.verify() == []
        return Counter(ledger.entries("delivery")["action"])


@pytest.mark.parametrize("fate", FATES)
def test_every_step(fate):
    """What is said of a mail fits to what the server has of it, and the next one goes through."""
    fates = [fate]
    server = RoughServer(lambda: fates.pop() if fates else "ok")
    settings = mail_settings(server.port)
    claims, action = [], "final for all"
    client = SmtpServer(settings, None, timeout=1.0 if fate.startswith(("silence", "drip")) else PATIENT)
    with suppress(ServerError):
        action = client.send(RAW, "a@example.edu.cn", lambda: claims.append(1)).action
    what, _, where = fate.partition("@")
    if what == "550":
        assert action == ("refused" if where in ("rcpt", "data", "content") else "final for all")
    elif fate in UNCLEAR:
        assert action == "unclear"
    else:
        assert action == "deferred"
    assert bool(claims) == (where in ("data", "content", "half"))
    assert bool(server.accepted) == (fate == "keep@content")
    assert client.send(RAW, "b@example.edu.cn", lambda: None).action == "accepted"
    assert server.accepted[-1] == ("b@example.edu.cn", RAW)
    client.close()
    server.shutdown()


@pytest.mark.parametrize("fate", ["drop@rcpt", "421@content", "450@data", "550@mail", "babble@content", "keep@content"])
def test_once(office, fate):
    server, cohort = office
    fates = ["ok", fate]
    server.fate = lambda: fates.pop() if fates else "ok"
    post(cohort)
    post(cohort, failed=True)
    post(cohort)
    arrived = Counter(to for to, _ in server.accepted)
    assert set(arrived.values()) == {1}
    unclear = fate in UNCLEAR
    assert entries(cohort)["unclear"] == unclear
    assert len(arrived) == (3 if unclear and fate != "keep@content" else 4)


@pytest.mark.parametrize("fate", ["drop@banner", "550@ehlo", "silence@rcpt", "drip@data", "drop@content", "550@rcpt"])
def test_for_a_whole_night(office, fate):
    server, cohort = office
    server.fate = lambda: fate
    post(cohort, timeout=0.25)
    found = entries(cohort)
    assert sum(found[action] for action in ("deferred", "refused", "unclear")) >= 4  # everyone has an entry
    assert found["unclear"] <= 6  # three in a row and one after each wait, however many mails there are
    server.fate = lambda: "ok"
    post(cohort, failed=True)
    arrived = Counter(to for to, _ in server.accepted)
    assert set(arrived.values()) <= {1}
    assert len(arrived) == 4 - found["unclear"]


def test_a_server_with_another_name_or_nobody_s_certificate(office, monkeypatch, tmp_path):
    import ssl

    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for signer, name in ((authority, "elsewhere.example"), (trustme.CA(), "localhost")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        signer.issue_cert(name).configure_cert(context)
        server = RoughServer(tls=context)
        mail = office[1].mail.model_copy(update={"server": "localhost", "port": server.port, "security": "tls"})
        with pytest.raises(ServerError, match="证书不可信"):
            SmtpServer(mail, None, timeout=2).send(b"x", "a@example.edu.cn", lambda: None)
        assert not server.accepted
        server.shutdown()
