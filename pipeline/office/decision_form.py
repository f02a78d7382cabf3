"""The form that decides on the ticked students. It asks before it acts and can undo the last action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import ipywidgets as widgets

from pipeline.errors import MingceError, UsageError
from pipeline.match.membership import with_scope
from pipeline.office.desk_cohort import DeskCohort, box, button, error_box, in_a_row, show_in
from pipeline.render.fragments import fragment
from pipeline.review.actions import ActionOutcome, Actor, decide_on, withdraw
from pipeline.review.chain import TYPED
from pipeline.review.decisions import ACTIONS, open_critical
from pipeline.review.exceptions import PROOFS
from pipeline.review.granting import add_exception, undo
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.review.review_snapshot import RunTables, open_tables
from pipeline.review.scope_decisions import REASONS, decide_scope
from pipeline.tables import read_table

OUT, IN, EXCEPT = "不在本届", "列入本届", "准予例外"
_ON_SUBMISSIONS = {word: action for action, word in ACTIONS.items()}
_WITH_PROOF = (OUT, IN, EXCEPT)
_MAX_NAMES = 30  # a message names at most so many students


@dataclass(frozen=True)
class Decision:
    """The values of the form. `reason` is for 不在本届, `rule` for 准予例外, `proof` for these two and 列入本届."""

    action: str
    numbers: tuple[str, ...]
    by: str
    why: str = ""
    reason: str = ""
    proof: str = ""
    rule: str = ""


def record_decision(office: DeskCohort, decision: Decision) -> tuple[str, list[int]]:
    """Record one decision on these students, all or none; return a Chinese line and the entries that undo it."""
    if not decision.numbers:
        raise UsageError("还没有勾选学生", remedy="请在上面的名单里勾选")
    tables, today = open_tables(office.cohort)
    actor = Actor(decision.by, decision.why, today)
    with open_ledger(office.cohort) as ledger:
        outcome = _act(office, decision, tables, ledger, actor)
    done = f"{decision.action} {len(outcome.done)} 人{_name_list(outcome.done)}"
    already = f"；{len(outcome.already)} 人此前已是如此，未重复记入" if outcome.already else ""
    unchecked = "" if office.cohort.review.reviewers else f"经办人{TYPED}。"
    return f"已登记：{done}{already}。{unchecked}网页和人数表在下次运行后更新。", outcome.entries


def undo_decision(office: DeskCohort, entries: Sequence[int], by: str) -> str:
    """Undo the last action; return a Chinese line. Raises the errors of `review.granting.undo`."""
    with open_ledger(office.cohort) as ledger:
        outcome = undo(ledger, entries, Actor(by))
    return f"已撤销上一步，{len(outcome.done)} 条记录恢复原状{_name_list(outcome.done)}。"


def _act(office: DeskCohort, decision: Decision, tables: RunTables, ledger: Ledger, actor: Actor) -> ActionOutcome:
    action, numbers = decision.action, decision.numbers
    if action in _ON_SUBMISSIONS:
        return decide_on(_ON_SUBMISSIONS[action], tables, ledger, numbers, actor, office.seen)
    if action in (OUT, IN):
        registry = with_scope(read_table(office.cohort.reports_folder / "runs" / tables.run_id, "registry"))
        inside, reason = action == IN, decision.reason if action == OUT else ""
        return decide_scope(registry, ledger, numbers, actor, inside=inside, proof=decision.proof, reason=reason)
    number, *others = numbers
    if others:
        what = "例外一次只能办理一人" if action == EXCEPT else "撤销登记一次只能一人"
        raise UsageError(what, remedy="请只勾选一名学生")
    if action == EXCEPT:
        entries = add_exception(tables, ledger, number, decision.rule, actor, decision.proof)
        return ActionOutcome(done=list(numbers), entries=entries)
    submission = str(tables.people["submission_id"].iloc[tables.numbers.position(number)])
    if not submission:
        raise UsageError("这名学生没有提交", remedy="没有可撤销的登记")
    return withdraw(tables, ledger, submission, actor)


def _name_list(numbers: Sequence[str]) -> str:
    return f"：{'、'.join(numbers)}" if 0 < len(numbers) <= _MAX_NAMES else ""


class DecisionForm:
    """The form for the ticked students."""

    def __init__(self, office: DeskCohort) -> None:
        self._office = office
        self._pending: Decision | None = None
        self._last: list[int] = []
        self._action = box(widgets.Dropdown, "意见", options=[*_ON_SUBMISSIONS, "撤销登记", OUT, IN, EXCEPT])
        self._by = box(widgets.Text, "经办人", placeholder="您的姓名")
        self._why = box(widgets.Text, "说明", "480px", placeholder="除“通过”外必须写明原因或文号")
        self._reason = box(widgets.Dropdown, "原因", options=REASONS)
        self._proof = box(widgets.Dropdown, "证明", options=PROOFS)
        self._rule = box(widgets.Dropdown, "例外的问题", options=[])
        self._yes = button("确认", self._record, "danger")
        self._no = button("不做了", self._cancel)
        self._undo = button("撤销上一步", self._undo_last)
        self._undo.disabled = True
        self._message, self._boxes, self._confirm = widgets.Output(), widgets.HBox(), widgets.HBox()
        words = in_a_row(self._action, self._by, self._why)
        buttons = widgets.HBox([button("登记", self._ask, "primary"), self._undo])
        parts = [words, self._boxes, buttons, self._confirm, self._message]
        self.widget = widgets.VBox(parts, layout=widgets.Layout(margin="12px 0"))
        self._action.observe(self.renew, names="value")

    def renew(self, _: object = None) -> None:
        """Show the boxes of the action for the ticked students. Drop an open question: it named other students."""
        self._cancel()
        action = str(self._action.value)
        boxes = [self._reason] if action == OUT else []
        if action == EXCEPT:
            self._rule.options = self._rules()
            boxes.append(self._rule)
        self._boxes.children = (*boxes, *([self._proof] if action in _WITH_PROOF else []))

    def _rules(self) -> list[tuple[str, str]]:
        snapshot, ticked = self._office.listing.snapshot, self._office.listing.ticked
        if snapshot is None or len(ticked) != 1:
            return []
        person, rows = snapshot.student(next(iter(ticked))), open_critical(snapshot.findings)
        rows = rows[(rows["student_number"] == person["student_number"]) & (rows["school"] == person["school"])]
        return [(str(row["message"])[:60], str(row["rule"])) for row in rows.drop_duplicates("rule").to_dict("records")]

    def _ask(self) -> None:
        ticked = dict(self._office.listing.ticked)
        boxes = (self._by, self._why, self._reason, self._proof, self._rule)
        decision = Decision(str(self._action.value), tuple(ticked), *(str(box.value or "") for box in boxes))
        if not ticked or not decision.by.strip():
            self._cancel()
            self._show("请看这里", "请先勾选学生。" if not ticked else "请先写经办人的姓名。")
            return
        self._pending = decision
        names = "、".join(list(ticked.values())[:_MAX_NAMES]) + (" 等" if len(ticked) > _MAX_NAMES else "")
        question = widgets.HTML(f"<b>将登记“{decision.action}” {len(ticked)} 人：</b>{escape(names)}")
        self._confirm.children = (question, self._yes, self._no)

    def _cancel(self) -> None:
        self._pending, self._confirm.children = None, ()

    def _record(self) -> None:
        decision = self._pending
        if decision is not None:
            self._try(lambda: record_decision(self._office, decision))

    def _undo_last(self) -> None:
        self._try(lambda: (undo_decision(self._office, self._last, str(self._by.value)), []))

    def _try(self, act: Callable[[], tuple[str, list[int]]]) -> None:
        self._cancel()
        try:
            line, self._last = act()
        except MingceError as error:
            show_in(self._message, error_box(error))
            return
        self._office.listing.ticked.clear()
        self._undo.disabled = not self._last
        self._office.notify()
        self._show("已登记", line)

    def _show(self, heading: str, line: str) -> None:
        show_in(self._message, fragment("notes", heading, heading=heading, lines=[line]))
