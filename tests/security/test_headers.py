"""Headers of mail under every hostile word, alone and joined: one address, no header but ours."""

from __future__ import annotations

import email
import email.policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.deliver.message import display_name, file_name, header_text
from pipeline.deliver.recipients import clean_address
from tests.security.hostile import EVIL_ADDRESS, PAYLOADS

JOINED = ["、".join(PAYLOADS[at : at + 4]) for at in range(0, len(PAYLOADS), 2)]
OURS = {"To", "Subject", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}


def sent(words: str) -> None:
    mail = EmailMessage(policy=SMTP)
    mail["To"] = Address(display_name(words), "s", "example.edu.cn")
    mail["Subject"] = header_text(words)
    mail.set_content("x")
    came = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert [each.addr_spec for each in came["To"].addresses] == ["s@example.edu.cn"]
    assert set(came.keys()) <= OURS
    assert came.get_content().strip() == "x"


@pytest.mark.parametrize("words", [*PAYLOADS, *JOINED, f'a" <{EVIL_ADDRESS}>, "b', f"甲 <{EVIL_ADDRESS}>" * 9])
def test_hostile_names(words: str):
    sent(words)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(alphabet="甲乙 ab@.,;:<>()[]\"'\\\r\n\t=?_-\u202e\x9b", max_size=140))
def test_any_name(words: str):
    sent(words)


@pytest.mark.parametrize("words", [*PAYLOADS, f"x@example.edu.cn\r\nBcc: {EVIL_ADDRESS}", f"x@e.cn,{EVIL_ADDRESS}"])
def test_no_hostile_address(words: str):
    assert clean_address(words) == ""


@pytest.mark.parametrize("words", PAYLOADS)
def test_attachment_names(words: str):
    name = file_name(words)
    assert name
    assert not set(name) & set('<>:"/\\|?*\r\n\t\x00')
    assert name[0] not in ".-=+@~ "
