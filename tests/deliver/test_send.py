"""What is sent to whom, when, and when not."""

import io
import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pandas as pd
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from pipeline.cache import write_journal_line
from pipeline.cli import app
from pipeline.clock import SHANGHAI
from pipeline.deliver.dashboard import chase_workbook
from pipeline.deliver.full_page import counselor_pages
from pipeline.deliver.outbox import Attempt
from pipeline.deliver.recipients import NoAddress, staff
from pipeline.deliver.send import SendOptions, send_due
from pipeline.deliver.smtp import ServerError
from pipeline.deliver.source import open_run, run_to_send
from pipeline.errors import RefusedError
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from pipeline.tables import read_table, write_table
from pipeline.view.people import ChaseRow
from tests.deliver.runs import SCHOOL, make_cohort, roster_of, write_run
from tests.deliver.season import FakeClock, own_page

MAIL = '\n[mail]\nserver = "smtp.example.edu.cn"\nsender = "就业处 <jyc@example.edu.cn>"\n'
DAY = date(2016, 10, 19)

pytestmark = pytest.mark.usefixtures("one_picture")


class Server:
    """Answers what it is told to, in turn, then accepts."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def send(self, raw, to, claim):
        answer = self.answers.pop(0) if self.answers else Attempt("accepted", "content", 250)
        if isinstance(answer, Exception):
            raise answer
        if answer.stage == "content":
            claim()
        if answer.action == "accepted":
            self.sent.append((to, message_from_bytes(raw, policy=default)))
        return answer


def post(cohort, server=None, **options):
    clock = FakeClock(datetime(2016, 10, 19, 22, tzinfo=SHANGHAI))
    sent = send_due(cohort, SendOptions(**options), clock.clock, server=server, pages=own_page)
    return sent, clock


def first(cohort):
    """Return the mail that goes out first, as its reader gets it."""
    post(cohort, server := Server(), force=True)
    return server.sent[0][1]


def html_of(mail):
    return mail.get_body(("html",)).get_content()


def actions(sent):
    return sorted({(each.recipient.address.partition("@")[0], each.action) for each in sent.results})


@pytest.fixture
def cohort(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", MAIL)
    write_run(cohort, "r1", roster_of(3, 10, night=9), as_of=DAY)
    return cohort


@pytest.fixture
def plain(tmp_path):
    cohort = make_cohort(tmp_path / "plain")
    write_run(cohort, "r1", roster_of(3, 10, night=9), as_of=DAY)
    return cohort


def test_without_a_server_eml_files(plain):
    sent, _ = post(plain)
    assert {each.action for each in sent.results} == {"written"}
    files = sorted(sent.folder.glob("*"))
    assert len(files) == 5 and all(file.suffix == ".eml" for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    again, _ = post(plain)
    assert {each.action for each in again.results} == {"skipped"}


def test_one_mail_for_an_address_its_own_classes_only(cohort):
    server = Server()
    post(cohort, server)
    assert sorted(to.partition("@")[0] for to, _ in server.sent) == ["c0", "c1", "c2", "college-0", "college-1"]
    mail = dict(server.sent)["c1@example.edu.cn"]
    html = mail.get_body(("html",)).get_content()
    assert "金001" in html and "金000" not in html and "金002" not in html
    assert len(html.encode()) < 90_000 and not re.search(r"<style|<svg|<script|data:", html)


def test_the_parts_of_a_mail(cohort):
    server = Server()
    post(cohort, server)
    mail = dict(server.sent)["c1@example.edu.cn"]
    kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "image/png", "text/html", mail_type("xlsx")]
    assert "催学生" in mail["Subject"] and "\n" not in mail["Subject"]
    assert 'src="cid:progress@mingce"' in mail.get_body(("html",)).get_content()
    book = load_workbook(io.BytesIO(list(mail.iter_attachments())[-1].get_content()))
    rows = list(book.active.iter_rows(min_row=3, values_only=True))
    assert rows[0] == ("院系", "班级", "学号", "姓名", "状态", "谁来做", "要做什么")
    assert all(isinstance(cell, str) for row in rows for cell in row)


def mail_type(kind):
    return {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}[kind]


def test_the_list_gives_a_long_text_the_lines_that_it_takes():
    name = "阿卜杜热合曼·麦麦提图尔荪·买买提明江"
    rows = [ChaseRow("校", "院", "班", "", "1", each, "missing", "", ("尚未提交",)) for each in ("金", name)]
    sheet = load_workbook(io.BytesIO(chase_workbook(tuple(rows), "名单"))).active
    short, long = (sheet.row_dimensions[row].height for row in (4, 5))
    assert long >= 2 * short


def test_nothing_new_no_mail_unless_asked(cohort):
    post(cohort, Server())
    write_run(cohort, "r2", roster_of(3, 10, night=9), as_of=date(2016, 10, 20))  # a day later, nothing changed
    server = Server()
    sent, _ = post(cohort, server)
    assert not server.sent and {each.action for each in sent.results} == {"skipped"}
    post(cohort, server, force=True)
    assert len(server.sent) == 5


def test_something_new_is_sent_to_those_concerned(cohort):
    post(cohort, Server())
    roster, findings, submissions = roster_of(3, 10, night=9)
    roster.loc[(roster["counselor"] == "辅导员1") & (roster["status"] == "missing"), "status"] = "returned"
    write_run(cohort, "r2", (roster, findings, submissions), as_of=date(2016, 10, 20))
    server = Server()
    post(cohort, server)
    assert sorted(to for to, _ in server.sent) == ["c1@example.edu.cn", "college-1@example.edu.cn"]


def test_a_return_says_why(cohort):
    roster, findings, submissions = roster_of(3, 10, night=9)
    at = roster.index[(roster["counselor"] == "辅导员1") & (roster["status"] == "awaiting")][0]
    roster.loc[at, "status"] = "returned"
    number, submission = roster.loc[at, ["student_number", "submission_id"]]
    said = {"why": "照片不清", "school_code": "10534", "student_number": number, "submission_id": submission}
    with open_ledger(cohort) as ledger:
        ledger.append(Entry("decision", action="return", by="王老师", data={"registry_digest": ""}, **said))
    write_run(cohort, "r2", (roster, findings, submissions), as_of=date(2016, 10, 20))
    post(cohort, server := Server())
    mail = dict(server.sent)["c1@example.edu.cn"]
    for kind in ("plain", "html"):
        assert "退回：照片不清" in mail.get_body((kind,)).get_content()


def test_who_has_all_approved_is_told_to_sign_and_gets_the_paper_for_it(cohort):
    roster, findings, submissions = roster_of(3, 10, night=99)
    assert set(roster["status"]) == {"approved"}
    run = write_run(cohort, "r2", (roster, findings, submissions), as_of=date(2016, 10, 20))
    at = "2016-10-20T09:00:00+08:00"
    for signed, broken, told in (
        ("", False, "请打印人数表，由院党委副书记签字"),
        (at, False, "已签字，等就业办接收"),
        (at, True, "重新签字"),
    ):
        colleges = read_table(run, "colleges").assign(approved=1, signed_at=signed)
        write_table(run / "tables", "colleges", colleges)
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        summary["colleges_state"] = {"10534/学院1": {"signature_broken": broken}}
        (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        for folder in (run / "site").iterdir():
            (folder / "headcount.pdf").write_bytes(b"%PDF")
        post(cohort, server := Server(), force=True)
        mail = dict(server.sent)["college-1@example.edu.cn"]
        assert told in mail.get_body(("plain",)).get_content()
        names = [part.get_filename() for part in mail.iter_attachments()]
        assert names == ["学院1_看板.html", "学院1_人数表.pdf"]  # nobody is left to chase


def test_a_temporary_refusal_waits_its_turn(cohort):
    server = Server(
        Attempt("deferred", "rcpt", 450), *[Attempt("accepted", "content", 250)] * 4, Attempt("deferred", "rcpt", 450)
    )
    sent, clock = post(cohort, server)
    assert len(server.sent) == 5 and {each.action for each in sent.results} == {"accepted"}
    assert server.sent[-1][0] == "c0@example.edu.cn" and 290 < max(clock.slept) <= 300


def test_one_bad_address_stops_no_other_and_is_held(cohort):
    server = Server(Attempt("refused", "rcpt", 550, "no such mailbox"))
    sent, _ = post(cohort, server)
    assert ("c0", "refused") in actions(sent) and len(server.sent) == 4
    write_run(cohort, "r2", roster_of(3, 10, night=14), as_of=date(2016, 10, 20))
    sent, _ = post(cohort, server := Server())
    assert ("c0", "flagged") in actions(sent) and "c0@example.edu.cn" not in dict(server.sent)
    sent, _ = post(cohort, server := Server(), failed=True)
    assert [to for to, _ in server.sent] == ["c0@example.edu.cn"]
    assert not post(cohort, Server(), failed=True)[0].results


def test_a_mended_address_gets_its_mail_at_once(cohort):
    post(cohort, Server(Attempt("refused", "rcpt", 550)))
    counselors = read_table(run_to_send(cohort), "counselors")
    counselors["email"] = counselors["email"].replace("c0@example.edu.cn", "right@example.edu.cn")
    write_run(cohort, "r2", roster_of(3, 10, night=9), as_of=DAY, counselors=counselors)
    _, _ = post(cohort, server := Server())
    assert [to for to, _ in server.sent] == ["right@example.edu.cn"]


def test_unclear_is_flagged_and_not_repeated(cohort):
    sent, _ = post(cohort, Server(Attempt("unclear", "content")))
    assert ("c0", "unclear") in actions(sent)
    for options in ({}, {"failed": True}):
        sent, _ = post(cohort, server := Server(), **options)
        assert not server.sent
    assert ("c0", "flagged") in actions(post(cohort, Server())[0])
    _, _ = post(cohort, server := Server(), force=True)
    assert "c0@example.edu.cn" in dict(server.sent)


def test_a_server_that_refuses_all_ends_the_sending(cohort):
    with pytest.raises(ServerError):
        post(cohort, Server(Attempt("accepted", "content", 250), ServerError("邮件服务器拒绝登录")))
    _, _ = post(cohort, server := Server())
    assert len(server.sent) == 4  # the rest, later


def test_a_server_that_stays_away(cohort):
    server = Server(*[Attempt("deferred", "connect")] * 40)
    with pytest.raises(ServerError, match="连不上"):
        post(cohort, server)
    _, _ = post(cohort, server := Server())
    assert len(server.sent) == 5


def test_a_server_that_is_not_there_leaves_an_entry_for_each(cohort):
    with pytest.raises(ServerError):
        post(cohort, Server(ServerError("邮件服务器拒绝登录")))
    sent, _ = post(cohort, server := Server(), failed=True)
    assert len(server.sent) == 5 and {each.action for each in sent.results} == {"accepted"}


def test_a_server_that_goes_away_after_each_content_is_not_asked_for_all(tmp_path):
    cohort = make_cohort(tmp_path / "many", MAIL)
    write_run(cohort, "r1", roster_of(12, 4, night=9), as_of=DAY)
    with pytest.raises(ServerError):
        post(cohort, Server(*[Attempt("unclear", "content")] * 40))
    with open_ledger(cohort) as ledger:
        found = ledger.entries("delivery")["action"].value_counts()
    assert (found["unclear"], found["deferred"]) == (6, 8)  # three in a row, one after each wait; all others due


def test_what_failed_and_was_overtaken_is_not_sent(cohort):
    post(cohort, Server())
    changed = roster_of(3, 10, night=14)
    write_run(cohort, "r2", changed, as_of=date(2016, 10, 20))
    post(cohort, Server(*[Attempt("refused", "content", 554)] * 40))
    write_run(cohort, "r3", roster_of(3, 10, night=9), as_of=date(2016, 10, 21))  # as it was told first
    _, _ = post(cohort, server := Server(), failed=True)
    assert not server.sent


def test_the_limit_per_minute(tmp_path):
    cohort = make_cohort(tmp_path / "c", MAIL + "per_minute = 2\n")
    write_run(cohort, "r1", roster_of(3, 10, night=9), as_of=DAY)
    _, clock = post(cohort, Server())
    assert clock.slept == [30.0] * 4


@pytest.mark.parametrize(
    "summary", [{"colleges": ["10534/学院0"]}, {"partial": True}, {"command": "check"}, {"rules": ["name.required"]}]
)
def test_only_from_a_whole_run(tmp_path, summary):
    cohort = make_cohort(tmp_path / "c")
    write_run(cohort, "r1", roster_of(2, 5), as_of=DAY, **summary)
    with pytest.raises(RefusedError):
        post(cohort)


def test_no_run_yet(tmp_path):
    with pytest.raises(RefusedError, match="还没有"):
        post(make_cohort(tmp_path / "c"))


@pytest.mark.parametrize("page", ["", "<html data-college>cut", "<html>失败</html>", "another's"])
def test_a_college_whose_page_is_broken_is_left_out(plain, page):
    run = run_to_send(plain)
    path = run / "site" / "10534-学院0" / "dashboard.html"
    path.write_text((path.parent.parent / "10534-学院1/dashboard.html").read_text() if "another" in page else page)
    sent, _ = post(plain)
    assert (
        ("c0", "failed") in actions(sent)
        and ("c2", "failed") in actions(sent)
        and ("college-0", "failed") in actions(sent)
    )
    assert ("c1", "written") in actions(sent)


@pytest.mark.parametrize("jump", [timedelta(days=-365), timedelta(hours=-1), timedelta(days=365)])
def test_a_clock_that_is_set_meanwhile_changes_no_wait(cohort, jump):
    """One is greylisted, the others go at their pace: the waits are those of a clock that nobody touched."""

    def waits(jump):
        passed, server = (
            FakeClock(datetime(2016, 10, 19, 22, tzinfo=SHANGHAI)),
            Server(Attempt("deferred", "rcpt", 450)),
        )
        clock = replace(passed.clock, now=lambda: passed.at + jump * bool(server.sent))
        sent = send_due(cohort, SendOptions(force=True), clock, server=server, pages=own_page)
        assert {each.action for each in sent.results} == {"accepted"}
        return passed.slept

    assert waits(jump) == waits(timedelta())


def test_a_page_that_cannot_be_rendered_stops_its_mail_alone(plain):
    def pages(cohort, source, who):
        def page(recipient):
            if recipient.address.startswith("c1"):
                raise RefusedError("页面生成失败")
            return ()

        return page

    clock = FakeClock(datetime(2016, 10, 19, tzinfo=SHANGHAI)).clock
    sent = send_due(plain, SendOptions(), clock, pages=pages)
    assert ("c1", "failed") in actions(sent) and ("c0", "written") in actions(sent)


def test_dry_run_writes_nothing(cohort):
    sent, _ = post(cohort, Server(), dry_run=True)
    assert {each.action for each in sent.results} == {"due"} and not sent.folder.exists()
    with open_ledger(cohort) as ledger:
        assert not len(ledger.entries())


def test_the_ledger_knows_no_address_outside_its_personal_side(cohort):
    post(cohort, Server(Attempt("refused", "rcpt", 550, "<c0@example.edu.cn> no")))
    with open_ledger(cohort) as ledger:
        entries = ledger.entries("delivery")
        assert "example.edu.cn" not in "".join(entries.drop(columns=["values", "why"]).astype(str).to_numpy().ravel())
        assert "c0@example.edu.cn" in "".join(entries["values"])


def test_classes_and_addresses_that_lead_nowhere(tmp_path):
    cohort = make_cohort(tmp_path / "c")
    tables = roster_of(3, 5)
    counselors = pd.DataFrame(
        [
            (SCHOOL, "学院0", "13土木000班", "甲", "bad address\r\nBcc: all@example.edu.cn"),
            (SCHOOL, "学院1", "13土木001班", "乙", " B@Example.edu.cn "),
            (SCHOOL, "学院1", "没有这个班", "乙", "b@example.edu.cn"),
        ],
        columns=["school", "college", "class_name", "name", "email"],
    )
    write_run(cohort, "r1", tables, as_of=DAY, counselors=counselors)
    sent, _ = post(cohort)
    assert [(each.who[-8:], each.why) for each in sent.unreachable] == [
        ("13土木000班", "邮箱不正确，请在人员表中补上"), ("13土木002班", "人员表中没有这一行，请在人员表中补上"),
    ]  # fmt: skip
    assert {each.recipient.address for each in sent.results if each.recipient.kind == "counselor"} == {
        "B@example.edu.cn"
    }


def test_a_class_that_the_registry_does_not_name_is_the_registrars():
    nobody = pd.DataFrame(columns=["school", "college", "class_name", "name", "email"])
    roster = pd.DataFrame({"school": [SCHOOL], "college": ["学院0"], "class_name": [""]})
    assert staff("counselor", nobody, roster)[1] == [NoAddress(f"{SCHOOL} 学院0 学籍未写班级", "请教务处补录")]


def test_hostile_cells_are_only_text(tmp_path):
    cohort = make_cohort(tmp_path / "c")
    roster, findings, submissions = roster_of(1, 4, night=20)
    roster["class_name"] = '13<script>\r\nBcc: x@y.cn"班'
    roster["name"] = "=HYPERLINK(1)<img src=x onerror=alert(1)>430302199503141234"
    findings["message"] = "{{ 7*707 }}<b>430302199503141234"
    write_run(cohort, "r1", (roster, findings, submissions), as_of=DAY)
    message = first(cohort)
    html, text = html_of(message), message.get_body(("plain",)).get_content()
    assert "<script>" not in html and "<img src=x" not in html and "4949" not in html
    assert "430302199503141234" not in html + text and "430***1234" in html
    sent, _ = post(cohort, force=True)
    raw = next(sent.folder.glob("counselor*.eml")).read_bytes()
    mail = message_from_bytes(raw, policy=default)
    assert mail["Bcc"] is None and mail["To"].addresses[0].addr_spec == "c0@example.edu.cn"
    book = load_workbook(io.BytesIO(list(mail.iter_attachments())[-1].get_content()))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert all(cell.data_type in ("s", "n") and cell.value != "=HYPERLINK" for cell in cells)
    assert not any("430302199503141234" in str(cell.value) for cell in cells)


def test_a_long_list_stays_under_the_limit(tmp_path):
    cohort = make_cohort(tmp_path / "c")
    roster, findings, submissions = roster_of(1, 900, night=0)
    roster["status"], roster["submission_id"] = "correct", "S" + roster["student_number"]
    findings = pd.concat(
        [findings, roster[["submission_id", "school", "college", "class_name", "student_number"]]]
    ).fillna("")
    findings = findings.assign(
        severity="critical", actor="student", excepted=False, message="很长的原因" * 20 + findings["student_number"]
    )
    write_run(cohort, "r1", (roster, findings, submissions), as_of=DAY)
    message = first(cohort)
    assert len(html_of(message).encode()) < 90_000 and "还有" in html_of(message)
    book = load_workbook(io.BytesIO(list(message.iter_attachments())[-1].get_content()))
    assert book.active.max_row == 903  # the attachment has them all


def test_everybody_done_is_told_once(tmp_path):
    cohort = make_cohort(tmp_path / "c")
    tables = roster_of(1, 4, night=200)
    write_run(cohort, "r1", tables, as_of=DAY)
    message = first(cohort)
    assert "全部完成" in message["Subject"] and "全部完成" in html_of(message)
    post(cohort)
    write_run(cohort, "r2", tables, as_of=date(2016, 10, 25))
    assert {each.action for each in post(cohort)[0].results} == {"skipped"}


def test_summary_is_unreadable(plain):
    (run_to_send(plain) / "summary.json").write_text(json.dumps([1]))
    with pytest.raises(RefusedError, match=re.escape("summary.json")):
        post(plain)


def test_the_command(plain, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.deliver.send.counselor_pages", own_page)
    told = CliRunner().invoke(app, ["send", str(plain.folder), "--dry-run"])
    assert told.exit_code == 0 and "将寄出：c0@example.edu.cn" in told.stdout
    done = CliRunner().invoke(app, ["send", str(plain.folder)])
    assert done.exit_code == 0 and done.stdout.strip().endswith("outbox/r1") and "已写成邮件文件 5" in done.stderr
    log = (plain.reports_folder / "log" / "send.jsonl").read_text(encoding="utf-8")
    assert "@" not in log and "丝雀" not in log
    elsewhere = CliRunner().invoke(app, ["send", str(plain.folder), "--reports", str(tmp_path / "elsewhere")])
    assert isinstance(elsewhere.exception, RefusedError)


def test_a_counselor_s_page_is_made_anew_when_its_college_or_its_readers_changed(plain, monkeypatch):
    made = []

    def rendered(cohort, source, places, notebook, *, custom):
        for place in places:
            made.append(place[0].address.partition("@")[0])
            yield place, f"<html>{source.run.run_id} {made[-1]}</html>".encode()

    monkeypatch.setattr("pipeline.deliver.full_page._render_pages", rendered)
    monkeypatch.setattr("pipeline.deliver.full_page.CounselorPapers.__call__", lambda self, recipient: ())

    def sent(run, products, *more):
        """Give the pages by counselor, of a run whose colleges' pages have these keys."""
        source = open_run(plain, write_run(plain, run, roster_of(3, 10, night=9), as_of=DAY))
        for folder, key in products.items():
            write_journal_line(source.run.path, key, {f"site/{folder}/dashboard.html": "sha"})
        who, _ = staff("counselor", pd.concat([source.counselors, *more]), source.roster)
        page_of = counselor_pages(plain, source, who)
        return {one.address.partition("@")[0]: [page.content.decode() for page in page_of(one)] for one in who}

    folders = sorted({path.parent.name for path in (run_to_send(plain) / "site").glob("*/dashboard.html")})
    first, second = ({folder: f"key {folder}" for folder in folders} for _ in range(2))
    before = sent("r2", first)
    assert made == ["c0", "c1", "c2"] and sent("r3", first) == before and made == ["c0", "c1", "c2"]
    made.clear()
    second[folders[0]] = "changed"
    after = sent("r4", second)
    assert made and set(made) < {"c0", "c1", "c2"}
    assert {one for one in before if before[one] != after[one]} == set(made)
    made.clear()
    sent("r5", {})  # pages without a key, as after `--cold`
    assert made == ["c0", "c1", "c2"]
    made.clear()
    another = open_run(plain, run_to_send(plain)).counselors.iloc[:1].assign(name="新辅导员")
    sent("r6", first, another)  # one address, two names: what its page says of its reader may be another
    assert made == ["c0"]
