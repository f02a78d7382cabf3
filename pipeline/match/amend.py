"""Amend: apply rows that complete or correct submissions, before match decides which row counts.

The rules are the contract's, *Rows that amend*. This module reads and writes no files.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.match.keys import joined_keys, key_frame
from pipeline.normalise.dates import in_order
from pipeline.tables import CHANGES, POSITION, Frame

TARGET = "target"
"""The column of amendments with the 提交编号 of the amended submission, or blank."""
GIVEN = "given_"
"""Before a field's name: the column of amendments with its text as given, blank where it says nothing."""
AMENDING_KEYS = ["id_number", "name", "student_number"]
NOBODY = "没有对上任何提交：姓名和学号（或身份证号码）要与提交的一致"
SEVERAL = "对上了几个人的提交，没有采用：请写明学校名称或身份证号码"
GONE = "所写的提交编号已不在这个人的提交中，没有采用：请在新的问题表里更正"
OUTDATED = "更正的那份提交已被这个人后来的一份代替，不作数"
NOT_LATER = "与原来填写的不同，没有采用：要改已填的内容，请写提交编号，或比原来晚的提交时间"

Normalise = Callable[[Frame], tuple[Frame, Frame]]
"""Returns given rows normalised, and the `changes` with the position `at`."""


@dataclass(frozen=True)
class Amended:
    """The result of amending.

    `rows`: one row per amendment that changed something, with all columns of the bases, in superseding order.
    `changes`: theirs, with `at`, the position in `rows`. `untaken`: `POSITION` and `why` of those not applied.
    """

    rows: Frame
    changes: Frame
    untaken: Frame


@dataclass
class _Chain:
    """The amendments of one base that still wait: `timed` by their times, `targeted` by the id that they name."""

    timed: deque[int] = field(default_factory=deque[int])
    targeted: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    due: deque[int] = field(default_factory=deque[int])

    def next(self, submission_id: str) -> int | None:
        """Return the amendment to apply to this submission. One that names it comes first."""
        self.due.extend(self.targeted.pop(submission_id, []))
        return self.due.popleft() if self.due else self.timed.popleft() if self.timed else None


def with_amendments(amendments: Frame, bases: Frame, changes: Frame, normalise: Normalise, latest: datetime) -> Amended:
    """Apply amendments to the submissions of the same people (`bases`, without withdrawn ones), both as read.

    `amendments` have `POSITION`, `TARGET`, normalised `school`, `submitted_at`, `AMENDING_KEYS`; fields under `GIVEN`.
    A time after `latest` is none.
    """
    current, amendments = bases.reset_index(drop=True), amendments.reset_index(drop=True)
    amendments["submitted_at"] = in_order(amendments["submitted_at"], latest)
    times = in_order(current["submitted_at"], latest)
    owned, untaken = _owned(amendments, current)
    chains = _chains(amendments, owned)
    made, told, laid, used = [current.iloc[:0]], [changes], dict[int, set[int]](), set[int]()
    while turn := [
        (base, amendment)
        for base, chain in chains.items()
        if (amendment := chain.next(str(current["submission_id"][base]))) is not None
    ]:
        for base, amendment in turn:
            laid.setdefault(amendment, set()).add(base)
        named = pd.concat([bases, *made])
        rows, mine, refused = _laid(current, times, amendments, turn, named, pd.concat(told), normalise)
        current.loc[rows.index] = rows
        used.update(amendment for base, amendment in turn if base in rows.index)
        untaken.update(dict.fromkeys(refused, NOT_LATER))
        made.append(rows)
        told.append(mine)
    for amendment, of in owned.items():
        if amendment not in laid:
            untaken[amendment] = GONE
        elif amendments[TARGET][amendment]:
            his = times.loc[sorted(of)]
            if his.index[his == his.max()][-1] not in laid[amendment]:
                untaken[amendment] = OUTDATED
        elif amendment in used:
            untaken.pop(amendment, None)
    rows = pd.concat(made, ignore_index=True)
    whole = pd.concat([told[0].iloc[:0], *told[1:]], ignore_index=True)[CHANGES]
    places = pd.Series(np.arange(len(rows)), index=rows["submission_id"])
    whole = whole.assign(at=places.reindex(whole["submission_id"]).to_numpy(dtype=np.int64))
    left = amendments.loc[sorted(untaken), POSITION].assign(why=[untaken[at] for at in sorted(untaken)])
    return Amended(rows, whole, left)


def _owned(amendments: Frame, bases: Frame) -> tuple[dict[int, list[int]], dict[int, str]]:
    found: dict[int, set[int]] = defaultdict(set)
    left, right = key_frame(amendments, AMENDING_KEYS), key_frame(bases, AMENDING_KEYS)
    for number in ("student_number", "id_number"):
        wanted, held = (joined_keys(k[number].to_numpy(), k["name"].to_numpy()) for k in (left, right))
        places = pd.DataFrame({"key": held, "base": np.arange(len(held))})
        sought = pd.DataFrame({"key": wanted, "amendment": np.arange(len(wanted))})
        both = sought[sought["key"] != 0].merge(places, on="key")
        for amendment, base in zip(both["amendment"], both["base"], strict=True):
            found[int(amendment)].add(int(base))
    owned: dict[int, list[int]] = {}
    untaken = {at: NOBODY for at in range(len(amendments)) if at not in found}
    for amendment, of in sorted(found.items()):
        his = bases.loc[sorted(of)]
        if his["id_number"].nunique() > 1 and his["school"].nunique() > 1:  # several people: the school decides
            his = his[his["school"] == amendments["school"][amendment]]
        if len(his):
            owned[amendment] = his.index.tolist()
        else:
            untaken[amendment] = SEVERAL
    return owned, untaken


def _chains(amendments: Frame, owned: dict[int, list[int]]) -> dict[int, _Chain]:
    chains: dict[int, _Chain] = defaultdict(_Chain)
    for amendment in sorted(owned, key=lambda at: (amendments["submitted_at"][at], at)):
        target = str(amendments[TARGET][amendment])
        for base in owned[amendment]:
            waiting = chains[base].targeted.setdefault(target, []) if target else chains[base].timed
            waiting.append(amendment)
    return chains


def _laid(
    current: Frame,
    times: pd.Series,
    amendments: Frame,
    turn: list[tuple[int, int]],
    named: Frame,
    changes: Frame,
    normalise: Normalise,
) -> tuple[Frame, Frame, list[int]]:
    """Return the amended rows, their changes, and the amendments that say something else but may not replace it."""
    names = [name for name in fields.names() if name != "submitted_at"]  # an amendment keeps the base's time
    base = current.loc[[at for at, _ in turn]]
    source = amendments.loc[[at for _, at in turn]].set_index(base.index)
    given = source[[f"{GIVEN}{name}" for name in names]].set_axis(names, axis=1)
    may_replace = source[TARGET].ne("") | (source["submitted_at"] > times.loc[base.index])
    taken = (given != "") & ((base[names] == "") | may_replace.to_numpy()[:, None])
    # what still is as in the submission that the amendment names says nothing
    printed = named.drop_duplicates("submission_id").set_index("submission_id")[names]
    then = printed.reindex(source[TARGET]).set_axis(base.index)
    taken &= _normalised(base, taken, given, normalise)[0][names].ne(then)
    normal, why = _normalised(base, taken, given, normalise)
    changed = taken & normal[names].ne(base[names])
    some = changed.any(axis=1)
    told = zip(base["submission_id"], given.where(changed, "").itertuples(index=False), strict=True)
    texts = ["\x1f".join([str(of), *map(str, new)]).encode("utf-8", "surrogatepass") for of, new in told]
    ids = [hashlib.blake2b(text, digest_size=10).hexdigest() for text in texts]  # of the base's id and the new values
    rows = base.assign(**{name: normal[name] for name in names}, submission_id=pd.Series(ids, base.index, dtype="str"))[
        some
    ]
    why = why.assign(base=base.index[why["at"]]).set_index(["base", "field"])["why"]
    idle = ~(some | may_replace)
    whole, _ = _normalised(base[idle], given[idle] != "", given[idle], normalise)
    refused = whole[names].ne(base.loc[idle, names]).any(axis=1)
    numbers = [at for (_, at), no in zip(turn, base.index.isin(refused.index[refused]), strict=True) if no]
    return rows, _changes(rows, base, given, changed[some], source, changes, why), numbers


def _normalised(base: Frame, taken: Frame, given: Frame, normalise: Normalise) -> tuple[Frame, Frame]:
    merged = base[given.columns].where(~taken, given).assign(submitted_at=base["submitted_at"])
    whole = pd.concat([base[POSITION], merged[fields.names()]], axis=1)
    normal, why = normalise(whole.reset_index(drop=True))
    return normal.set_index(base.index), why


def _changes(
    rows: Frame, base: Frame, given: Frame, changed: Frame, source: Frame, before: Frame, why: pd.Series
) -> Frame:
    ids = rows["submission_id"]
    old = pd.Series(ids.to_numpy(), index=base["submission_id"].loc[rows.index].to_numpy())
    kept = before[before["submission_id"].isin(list(old.index))]
    kept = kept.assign(submission_id=kept["submission_id"].map(old))
    listed: list[tuple[str, ...]] = []
    places = [(at, name) for name in changed.columns for at in changed.index[changed[name]]]
    for at, name in places:
        place = " ".join(filter(None, [source["file"][at], source["sheet"][at], f"第 {source['row'][at]} 行"]))
        verb = "更正" if base[name][at] else "补上"
        reason = why.get((at, name), "")
        told = f"按 {place} {verb}" + (f"；{reason}" if reason else "")
        listed.append((ids[at], name, given[name][at], rows[name][at], told))
    new = pd.DataFrame(listed, columns=pd.Index(CHANGES), dtype="str")
    pairs = pd.MultiIndex.from_frame(new[["submission_id", "field"]])
    again = pd.MultiIndex.from_frame(kept[["submission_id", "field"]]).isin(pairs)
    return pd.concat([kept[~again][CHANGES], new], ignore_index=True)
