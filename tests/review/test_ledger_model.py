"""The ledger against a plain list: whatever is written, purged, copied or fails, the chain says the same."""

import tempfile
from pathlib import Path

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger

from .small import Clock

words = st.text(alphabet="王李张0ab '\"\\%\x1f；", max_size=6)
keys = st.none() | st.sampled_from("abcdefgh")


class PowerCut(Exception):
    pass


class LedgerMachine(RuleBasedStateMachine):
    ledger: Ledger

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.clock = Clock()
        self.known: list[tuple[str, str, str]] = []  # kind, by, why
        self.keys: dict[str, int] = {}
        self.copies = 0
        self.reopen()

    def teardown(self):
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    @rule()
    def reopen(self):
        if hasattr(self, "ledger"):
            self.ledger.close()
        self.ledger = Ledger(sa.make_url(f"sqlite:///{self.path / 'ledger.sqlite'}"), self.clock)

    @rule(new=st.lists(st.tuples(words, words, keys), max_size=4))
    def append(self, new):
        stored = self.ledger.append(*(Entry("decision", by=by, why=why, unique_key=key) for by, why, key in new))
        for (by, why, key), at in zip(new, stored, strict=True):
            assert at.new == (key is None or key not in self.keys)
            if at.new:
                self.known.append(("decision", by, why))
                assert at.seq == len(self.known)
            if key:
                assert at.seq == self.keys.setdefault(key, at.seq)

    @rule(by=words)
    def fail(self, by):
        def decide(entries):
            assert len(entries) == len(self.known)
            raise PowerCut

        try:
            self.ledger.append_if(decide)
        except PowerCut:
            return
        raise AssertionError("what decide raises must come out")

    @precondition(lambda self: len(self.known) > 0)
    @rule(later=st.booleans())
    def purge(self, later):
        before = "9999" if later else "2000"
        count = self.ledger.purge(before=before, by="李", why="期满")
        assert count == (sum(bool(why) for _, _, why in self.known) if later else 0)
        if count:
            self.known = [(kind, by, "") for kind, by, _ in self.known] + [("purge", "李", "期满")]

    @rule()
    def backup(self):
        self.copies += 1
        path = self.path / f"copy{self.copies}.sqlite"
        assert self.ledger.backup(path) == len(self.known)
        path.unlink()

    @invariant()
    def stands(self):
        if not hasattr(self, "ledger"):
            return
        entries = self.ledger.entries()
        assert list(zip(entries["kind"], entries["by"], entries["why"], strict=True)) == self.known
        assert list(entries["seq"]) == list(range(1, len(self.known) + 1))
        assert self.ledger.verify() == []


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
