"""Mail for students: own state only, proved addresses, no registry value."""

from datetime import date, datetime
from email import message_from_bytes
from email.policy import default

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.deliver.message import Attachment, Message, sender_address, to_bytes
from pipeline.deliver.recipients import Recipient, clean_address
from pipeline.deliver.send import SendOptions, send_due
from pipeline.deliver.source import run_to_send
from pipeline.deliver.student_mail import code_for, code_key, is_code
from pipeline.errors import ConfigurationError
from pipeline.tables import typed, write_table
from tests.cohorts import make_cohort as invented
from tests.command import run
from tests.deliver.runs import SCHOOL, make_cohort, roster_of, write_run
from tests.deliver.season import FakeClock, own_page
from tests.deliver.test_send import MAIL, Server

DAY = date(2016, 10, 19)


@pytest.fixture
def cohort(tmp_path):
    """Six students of one class; the registry has addresses of two."""
    cohort = make_cohort(tmp_path / "cohort", MAIL + "students = true\n")
    run = write_run(cohort, "r1", roster_of(1, 6, night=12), as_of=DAY)
    rows = [
        (SCHOOL, "13000005", "金000丝雀5", "430302199503141234", "home5@qq.com"),
        (SCHOOL, "13000004", "金", "430302199503141230", "坏@"),
    ]
    columns = ["school", "student_number", "name", "id_number", "email"]
    write_table(run / "tables", "registry", typed(pd.DataFrame(rows, columns=columns)))
    return cohort


def students(cohort, **options):
    server = Server()
    clock = FakeClock(datetime(2016, 10, 19, 22, tzinfo=SHANGHAI)).clock
    send_due(cohort, SendOptions(**options), clock, server=server, pages=own_page)
    return {to: mail for to, mail in server.sent if not to.startswith(("c0@", "college"))}


def body(mail):
    return mail.get_body(("html",)).get_content() + mail.get_body(("plain",)).get_content()


def type_code(cohort, number, code, column="确认码"):
    """Write a code into the sheet's row of a student, as the run keeps unknown columns."""
    extras = pd.DataFrame(
        [("a.xlsx", "Sheet1", int(number[-1]), column, code)], columns=["file", "sheet", "row", "column", "value"]
    )
    write_table(run_to_send(cohort) / "tables", "extras", typed(extras))


def code(cohort, number, address):
    return code_for(code_key(cohort), cohort.name, "10534", number, address)


def test_only_proved_or_known_addresses_are_told_a_state(cohort):
    assert set(students(cohort)) == {"home5@qq.com"}  # six submitted addresses, none proved


def test_a_typed_code_proves_the_address(cohort):
    address = "s13000002@stu.example.edu.cn"
    type_code(cohort, "13000002", " " + code(cohort, "13000002", address).lower().replace("-", ""))
    mail = students(cohort)[address]
    text = body(mail)
    assert "民族" in text and "民族与学籍信息不一致" in text and "手机号码应为 11 位" in text
    assert "您填的是：给的" in text and "学籍机密值" not in text
    assert "学籍机密值" not in text and "丝雀2" in text and not any(f"丝雀{n}" in text for n in (0, 1, 3, 4, 5))


@pytest.mark.parametrize("wrong", ["", "AAAA-AAAA", "of another student", "of another address"])
def test_a_wrong_code_proves_nothing(cohort, wrong):
    if wrong.endswith("student"):
        wrong = code(cohort, "13000001", "s13000002@stu.example.edu.cn")
    elif wrong.endswith("address"):
        wrong = code(cohort, "13000002", "x@stu.example.edu.cn")
    type_code(cohort, "13000002", wrong)
    assert "s13000002@stu.example.edu.cn" not in students(cohort)


def test_the_invitation(cohort):
    mails = students(cohort, invite=True)
    roster = roster_of(1, 6, night=12)[0]
    submitted = roster[roster["status"] != "missing"]["student_number"]
    assert set(mails) == {f"s{number}@stu.example.edu.cn" for number in submitted} | {"home5@qq.com"}
    invite = body(mails["home5@qq.com"])
    assert code(cohort, "13000005", "home5@qq.com") in invite and "2016年10月31日" in invite
    proof = body(mails["s13000000@stu.example.edu.cn"])
    assert code(cohort, "13000000", "s13000000@stu.example.edu.cn") in proof
    assert "丝雀" not in proof + invite and "13000000" not in proof.replace("s13000000@", "")
    assert not students(cohort, invite=True)  # told once


def test_codes(cohort):
    key = code_key(cohort)
    assert key == code_key(cohort) and (cohort.folder / ".mingce/confirmation.key").stat().st_mode & 0o077 == 0
    made = code_for(key, "2017届", "10534", "1305a", "A@b.cn")
    assert made == code_for(key, "2017届", "10534", "1305A", " a@B.cn ")
    assert is_code(made.lower().replace("0", "o").replace("1", "l"), made) and is_code(f" {made[:4]}　{made[5:]}", made)
    assert not is_code("", made) and not is_code(made[:-1], made)
    assert made != code_for(b"x", "2017届", "10534", "1305a", "A@b.cn")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" A.b+c@QQ.com ", "A.b+c@qq.com"), ("a@b", ""), ("a@b.c\nBcc: x@y.cn", ""), ("a,b@c.cn", ""),
        ("<a@b.cn>", ""), ("甲@b.cn", ""), ("a..b@c.cn", ""), ("", ""), ("a@b.cn, c@d.cn", ""),
    ],
)  # fmt: skip
def test_addresses(given, kept):
    assert clean_address(given) == kept


def test_sender():
    assert sender_address("就业处 <jyc@example.edu.cn>").addr_spec == "jyc@example.edu.cn"
    with pytest.raises(ConfigurationError):
        sender_address("就业处")


@pytest.mark.parametrize(
    "name",
    [
        "名单.xlsx",
        "湖南科技大学土木工程学院毕业生生源信息核对名单二零一六年十月十九日完整版.xlsx",
        "plain.xlsx",
        "a b;\"c'd\\/\r\n名.xlsx",
    ],
)
def test_attachment_names_in_one_piece(name):
    recipient = Recipient("counselor", "a@b.cn", ("张三", "甲,乙\r\nBcc: x@y.cn"), frozenset())
    message = Message(
        recipient,
        "主题" * 80 + "\r\nBcc: x@y.cn",
        "<p>h</p>",
        "t",
        b"",
        (Attachment(name, b"PK", "application/zip"),),
    )
    raw = to_bytes(message, sender_address("就业处 <j@e.cn>"), datetime(2016, 10, 1, tzinfo=SHANGHAI), "<x@e.cn>")
    assert b"filename*0" not in raw and b"tcmime" not in raw
    assert max(map(len, raw.split(b"\r\n"))) < 998 and b"\n" not in raw.replace(b"\r\n", b"")
    mail = message_from_bytes(raw, policy=default)
    (attachment,) = mail.iter_attachments()
    assert attachment.get_filename().endswith(".xlsx") and "\n" not in attachment.get_filename()
    assert mail["Subject"].startswith("主题主题") and len(mail["Subject"]) <= 120 and mail["Bcc"] is None
    if not name.isascii():
        assert b'name="=?utf-8?b?' in raw and b"filename*=utf-8''" in raw


def test_a_code_goes_to_the_address_that_the_office_knows_and_a_change_is_told_there(tmp_path):
    """Who reads a mailbox is not yet the student: a hijacker writes his own address into another's row."""
    from types import SimpleNamespace

    from pipeline.cohort_sections import Office
    from pipeline.deliver.student_mail import COLUMNS, invitation_drafts

    window = SimpleNamespace(closes=date(2016, 10, 31))
    cohort = SimpleNamespace(
        folder=tmp_path, name="2017届", window=window, code_of=lambda _: "10534", office=Office(), mail=None
    )  # fmt: skip
    rows = [
        ("甲大学", "1", "thief@qq.com", "", "home1@qq.com"),
        ("甲大学", "2", "new2@qq.com", "new2@qq.com", "home2@qq.com"),
        ("甲大学", "3", "own3@qq.com", "", ""),
        ("甲大学", "4", "own4@qq.com", "own4@qq.com", "OWN4@qq.com"),
        ("甲大学", "5", "", "", "home5@qq.com"),
    ]
    source = SimpleNamespace(run=SimpleNamespace(as_of=date(2016, 10, 1)))
    drafts = list(invitation_drafts(cohort, source, pd.DataFrame(rows, columns=COLUMNS)))
    sent = {(one.recipient.kind, one.recipient.address) for one in drafts}
    assert sent == {
        ("confirm", "home1@qq.com"), ("changed", "home2@qq.com"), ("confirm", "own3@qq.com"),
        ("invite", "home5@qq.com"),
    }  # fmt: skip
    texts = {one.recipient.address: one.build().text for one in drafts}
    thief = code_for(code_key(cohort), "2017届", "10534", "1", "thief@qq.com")
    assert thief in texts["home1@qq.com"] and "thief@" not in texts["home1@qq.com"]
    assert "已变更" in texts["home2@qq.com"] and "确认码" not in texts["home2@qq.com"]


def test_invitations_go_to_the_addresses_of_the_registry(tmp_path):
    folder = invented(tmp_path / "cohort", 60, schools=1, kind="one-school")
    (registry,) = (folder / "registry").iterdir()
    rows = pd.read_csv(registry, dtype=str, keep_default_na=False)
    rows["邮箱"] = "r" + rows["学号"] + "@stu.example.edu.cn"
    rows.to_csv(registry, index=False)
    assert run("run", folder, "--as-of", "2016-10-19", "--no-notebooks") == 0
    assert run("send", folder, "--invite") == 0
    mails = [message_from_bytes(path.read_bytes(), policy=default) for path in folder.glob("reports/*/outbox/*/*.eml")]
    given = {mail["To"].addresses[0].addr_spec for mail in mails}
    assert given and given <= set(rows["邮箱"])
