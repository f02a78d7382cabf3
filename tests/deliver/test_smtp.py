"""Every way in which a server fails is told from the others."""

import ssl

import pytest
import trustme

from pipeline.cohort_sections import Mail
from pipeline.deliver.smtp import ServerError, SmtpServer, connect_smtp, password_of
from pipeline.errors import ConfigurationError
from tests.deliver.post_office import PostOffice, free_port, start

RAW = b"Subject: x\r\n\r\n.dot\r\nline\r\n"


def mail_settings(port, security="none", user=None):
    return Mail(server="localhost", port=port, security=security, user=user, sender="就业处 <jyc@example.edu.cn>")


@pytest.fixture
def office():
    office = PostOffice()
    controller = start(office)
    yield office, mail_settings(controller.port)
    controller.stop()


@pytest.mark.parametrize(
    ("fate", "action", "stage", "claimed", "arrived"),
    [
        ("ok", "accepted", "content", True, 1),
        ("450", "deferred", "rcpt", False, 0),
        ("421", "deferred", "dialogue", False, 0),
        ("550", "refused", "rcpt", False, 0),
        ("drop before", "deferred", "dialogue", False, 0),
        ("452 data", "deferred", "content", True, 0),
        ("554 data", "refused", "content", True, 0),
        ("drop after", "unclear", "content", True, 1),
        ("drop and lose", "unclear", "content", True, 0),
    ],
)
def test_outcomes(office, fate, action, stage, claimed, arrived):
    handler, settings = office
    handler.fate = lambda _: fate
    server, claims = SmtpServer(settings, None, timeout=5), []
    outcome = server.send(RAW, "a@example.edu.cn", lambda: claims.append(1))
    assert (outcome.action, bool(claims), len(handler.accepted)) == (action, claimed, arrived)
    assert outcome.stage in (stage, "rcpt")
    handler.fate = lambda _: "ok"
    assert server.send(RAW, "b@example.edu.cn", lambda: None).action == "accepted"  # the next one goes on
    assert handler.accepted[-1] == ("b@example.edu.cn", RAW)  # leading dots survive
    server.close()


def test_no_server_is_temporary():
    outcome = SmtpServer(mail_settings(free_port()), None, timeout=2).send(RAW, "a@example.edu.cn", lambda: None)
    assert (outcome.action, outcome.stage) == ("deferred", "connect")


@pytest.fixture
def authority(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_starttls_and_login(authority):
    office = PostOffice()
    controller = start(office, authority)
    settings = mail_settings(controller.port, "starttls", "jyc@example.edu.cn")
    assert SmtpServer(settings, "secret").send(RAW, "a@example.edu.cn", lambda: None).action == "accepted"
    assert office.logins == ["jyc@example.edu.cn"]
    with pytest.raises(ServerError, match="拒绝登录"):
        SmtpServer(settings, "wrong").send(RAW, "a@example.edu.cn", lambda: None)
    controller.stop()


def test_never_falls_back_to_plain():
    controller = start(PostOffice())  # offers no STARTTLS
    with pytest.raises(ServerError, match="不支持加密"):
        connect_smtp(mail_settings(controller.port, "starttls"), None)
    controller.stop()


def test_a_certificate_that_is_not_trusted(tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    controller = start(PostOffice(), context)
    with pytest.raises(ServerError, match="证书不可信"):
        connect_smtp(mail_settings(controller.port, "starttls"), None)
    controller.stop()


def test_password(monkeypatch):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("MINGCE_MAIL_PASSWORD", "p")
    assert password_of(mail_settings(1, user="u")) == "p"
    assert password_of(mail_settings(1)) is None
    monkeypatch.delenv("MINGCE_MAIL_PASSWORD")
    with pytest.raises(ConfigurationError, match="MINGCE_MAIL_PASSWORD"):
        password_of(mail_settings(1, user="u"))
