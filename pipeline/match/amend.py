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
from pipeline.normalise.dates import sortable_times
from pipeline.tables import CHANGES, POSITION, Frame

TARGET = "target"
"""The column of amendments with the 提交编号 of the amended submission, or blank."""
GIVEN = "given_"
"""Before a field's name: the column of amendments with its text as given, blank where it says nothing."""
AMENDING_KEYS = ["id_number", "name", "student_number"]
NO_SUBMISSION = "没有对上任何提交：姓名和学号（或身份证号码）要与提交的一致"
SEVERAL_PEOPLE = "对上了几个人的提交，没有采用：请写明学校名称或身份证号码"
UNKNOWN_TARGET = "所写的提交编号已不在这个人的提交中，没有采用：请在新的问题表里更正"
SUPERSEDED_TARGET = "更正的那份提交已被这个人后来的一份代替，不作数"
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
    not_applied: Frame


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
    amendments["submitted_at"] = sortable_times(amendments["submitted_at"], latest)
    times = sortable_times(current["submitted_at"], latest)
    bases_of, reasons = _find_bases(amendments, current)
    chains = _chains(amendments, bases_of)
    row_parts, change_parts, applied_to, effective = [current.iloc[:0]], [changes], dict[int, set[int]](), set[int]()
    while batch := [
        (base, amendment)
        for base, chain in chains.items()
        if (amendment := chain.next(str(current["submission_id"][base]))) is not None
    ]:
        for base, amendment in batch:
            applied_to.setdefault(amendment, set()).add(base)
        versions = pd.concat([bases, *row_parts])
        rows, new, refused = _apply(current, times, amendments, batch, versions, pd.concat(change_parts), normalise)
        current.loc[rows.index] = rows
        effective.update(amendment for base, amendment in batch if base in rows.index)
        reasons.update(dict.fromkeys(refused, NOT_LATER))
        row_parts.append(rows)
        change_parts.append(new)
    for amendment, positions in bases_of.items():
        if amendment not in applied_to:
            reasons[amendment] = UNKNOWN_TARGET
        elif amendments[TARGET][amendment]:
            base_times = times.loc[sorted(positions)]
            if base_times.index[base_times == base_times.max()][-1] not in applied_to[amendment]:
                reasons[amendment] = SUPERSEDED_TARGET
        elif amendment in effective:
            reasons.pop(amendment, None)
    rows = pd.concat(row_parts, ignore_index=True)
    all_changes = pd.concat([change_parts[0].iloc[:0], *change_parts[1:]], ignore_index=True)[CHANGES]
    row_positions = pd.Series(np.arange(len(rows)), index=rows["submission_id"])
    all_changes = all_changes.assign(at=row_positions.reindex(all_changes["submission_id"]).to_numpy(dtype=np.int64))
    not_applied = amendments.loc[sorted(reasons), POSITION].assign(why=[reasons[at] for at in sorted(reasons)])
    return Amended(rows, all_changes, not_applied)


def _find_bases(amendments: Frame, bases: Frame) -> tuple[dict[int, list[int]], dict[int, str]]:
    candidates: dict[int, set[int]] = defaultdict(set)
    left, right = key_frame(amendments, AMENDING_KEYS), key_frame(bases, AMENDING_KEYS)
    for number in ("student_number", "id_number"):
        amendment_keys, base_keys = (joined_keys(k[number].to_numpy(), k["name"].to_numpy()) for k in (left, right))
        base_rows = pd.DataFrame({"key": base_keys, "base": np.arange(len(base_keys))})
        amendment_rows = pd.DataFrame({"key": amendment_keys, "amendment": np.arange(len(amendment_keys))})
        pairs = amendment_rows[amendment_rows["key"] != 0].merge(base_rows, on="key")
        for amendment, base in zip(pairs["amendment"], pairs["base"], strict=True):
            candidates[int(amendment)].add(int(base))
    bases_of: dict[int, list[int]] = {}
    reasons = {at: NO_SUBMISSION for at in range(len(amendments)) if at not in candidates}
    for amendment, positions in sorted(candidates.items()):
        rows = bases.loc[sorted(positions)]
        if rows["id_number"].nunique() > 1 and rows["school"].nunique() > 1:  # several people: the school decides
            rows = rows[rows["school"] == amendments["school"][amendment]]
        if len(rows):
            bases_of[amendment] = rows.index.tolist()
        else:
            reasons[amendment] = SEVERAL_PEOPLE
    return bases_of, reasons


def _chains(amendments: Frame, bases_of: dict[int, list[int]]) -> dict[int, _Chain]:
    chains: dict[int, _Chain] = defaultdict(_Chain)
    for amendment in sorted(bases_of, key=lambda at: (amendments["submitted_at"][at], at)):
        target = str(amendments[TARGET][amendment])
        for base in bases_of[amendment]:
            waiting = chains[base].targeted.setdefault(target, []) if target else chains[base].timed
            waiting.append(amendment)
    return chains


def _apply(
    current: Frame,
    times: pd.Series,
    amendments: Frame,
    batch: list[tuple[int, int]],
    versions: Frame,
    changes: Frame,
    normalise: Normalise,
) -> tuple[Frame, Frame, list[int]]:
    """Return the amended rows, their changes, and the amendments that say something else but may not replace it."""
    names = [name for name in fields.names() if name != "submitted_at"]  # an amendment keeps the base's time
    base = current.loc[[at for at, _ in batch]]
    source = amendments.loc[[at for _, at in batch]].set_index(base.index)
    given = source[[f"{GIVEN}{name}" for name in names]].set_axis(names, axis=1)
    may_replace = source[TARGET].ne("") | (source["submitted_at"] > times.loc[base.index])
    applied = (given != "") & ((base[names] == "") | may_replace.to_numpy()[:, None])
    # what still is as in the submission that the amendment names says nothing
    by_id = versions.drop_duplicates("submission_id").set_index("submission_id")[names]
    target_values = by_id.reindex(source[TARGET]).set_axis(base.index)
    applied &= _normalised(base, applied, given, normalise)[0][names].ne(target_values)
    normal, why = _normalised(base, applied, given, normalise)
    changed = applied & normal[names].ne(base[names])
    has_changes = changed.any(axis=1)
    entries = zip(base["submission_id"], given.where(changed, "").itertuples(index=False), strict=True)
    texts = ["\x1f".join([str(key), *map(str, values)]).encode("utf-8", "surrogatepass") for key, values in entries]
    ids = [hashlib.blake2b(text, digest_size=10).hexdigest() for text in texts]  # of the base's id and the new values
    rows = base.assign(**{name: normal[name] for name in names}, submission_id=pd.Series(ids, base.index, dtype="str"))[
        has_changes
    ]
    why = why.assign(base=base.index[why["at"]]).set_index(["base", "field"])["why"]
    without_effect = ~(has_changes | may_replace)
    merged, _ = _normalised(base[without_effect], given[without_effect] != "", given[without_effect], normalise)
    refused = merged[names].ne(base.loc[without_effect, names]).any(axis=1)
    refused_amendments = [at for (_, at), no in zip(batch, base.index.isin(refused.index[refused]), strict=True) if no]
    return rows, _changes(rows, base, given, changed[has_changes], source, changes, why), refused_amendments


def _normalised(base: Frame, applied: Frame, given: Frame, normalise: Normalise) -> tuple[Frame, Frame]:
    merged = base[given.columns].where(~applied, given).assign(submitted_at=base["submitted_at"])
    given_rows = pd.concat([base[POSITION], merged[fields.names()]], axis=1)
    normal, why = normalise(given_rows.reset_index(drop=True))
    return normal.set_index(base.index), why


def _changes(
    rows: Frame, base: Frame, given: Frame, changed: Frame, source: Frame, before: Frame, why: pd.Series
) -> Frame:
    ids = rows["submission_id"]
    new_ids = pd.Series(ids.to_numpy(), index=base["submission_id"].loc[rows.index].to_numpy())
    earlier = before[before["submission_id"].isin(list(new_ids.index))]
    earlier = earlier.assign(submission_id=earlier["submission_id"].map(new_ids))
    records: list[tuple[str, ...]] = []
    cells = [(at, name) for name in changed.columns for at in changed.index[changed[name]]]
    for at, name in cells:
        place = " ".join(filter(None, [source["file"][at], source["sheet"][at], f"第 {source['row'][at]} 行"]))
        verb = "更正" if base[name][at] else "补上"
        reason = why.get((at, name), "")
        text = f"按 {place} {verb}" + (f"；{reason}" if reason else "")
        records.append((ids[at], name, given[name][at], rows[name][at], text))
    new = pd.DataFrame(records, columns=pd.Index(CHANGES), dtype="str")
    pairs = pd.MultiIndex.from_frame(new[["submission_id", "field"]])
    overridden = pd.MultiIndex.from_frame(earlier[["submission_id", "field"]]).isin(pairs)
    return pd.concat([earlier[~overridden][CHANGES], new], ignore_index=True)
