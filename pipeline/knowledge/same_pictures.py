"""Which pictures are one and the same: equal content, or so near that one is a re-saved copy of the other.

A picture's `phash` (see `photos.examine`) is 16 hexadecimal digits of the perceptual hash, which finds candidates,
and the colours of a grid of 6 by 6, which confirm them: portraits before one backdrop are alike in shape, and a
hash alone would take two students for one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

NEAR = 4  # of 64 bits of the hash
CLOSE = 6.0  # mean difference of colours, of 255: copies saved at quality 40 or at half the size stay under 3
_BLOCKS = 6  # two hashes within four bits agree whole in two of six blocks
_HASH = r"[0-9a-f]{16,}"

Hashes = npt.NDArray[np.uint64]
Colours = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


def near_same(phashes: pd.Series, sha256: pd.Series) -> pd.Series:
    """Return a group id for every picture that was handed in twice or more, "" for the others.

    The id is the content digest of one of the group. Candidates come from equal blocks of the hash, never from all
    pairs, so that twelve million pictures are as many look-ups.
    """
    given = pd.DataFrame({"sha256": sha256.to_numpy(), "phash": phashes.to_numpy()}).astype("str")
    distinct = given[given["sha256"].ne("")].drop_duplicates("sha256")
    hashed = distinct[distinct["phash"].str.fullmatch(_HASH)]
    digests = hashed["sha256"].to_numpy(dtype=object)
    first = {digest: digest for digest in distinct["sha256"]}
    first |= dict(zip(digests, digests[_grouped(hashed["phash"].tolist())], strict=True))
    ids = given["sha256"].map(first).fillna("").astype("str")
    shared = ids.ne("") & ids.groupby(ids).transform("size").gt(1)
    return pd.Series(ids.where(shared, "").to_numpy(), index=sha256.index, dtype="str")


class _Groups:
    """Disjoint sets of positions: `label` has for each the set that it is in, named by one of its members."""

    def __init__(self, size: int) -> None:
        self.label = np.arange(size)
        self._members: dict[int, list[int]] = {}

    def join(self, one: int, other: int) -> None:
        """Make the sets of two positions one; the smaller set takes the other's label."""
        kept, gone = int(self.label[one]), int(self.label[other])
        if kept == gone:
            return
        larger, smaller = (self._members.pop(label, [label]) for label in (kept, gone))
        if len(larger) < len(smaller):
            kept, larger, smaller = gone, smaller, larger
        self.label[smaller] = kept
        self._members[kept] = larger + smaller


def _grouped(phashes: list[str]) -> Positions:
    """Return the position of one of its group for each picture: near hashes, and close colours."""
    hashes = np.array([int(value[:16], 16) for value in phashes], dtype=np.uint64)
    colours = _colours(phashes)
    groups = _Groups(len(phashes))
    for ones, others in _candidates(hashes, groups.label):
        close = _close(colours[ones], colours[others])
        for one, other in zip(ones[close].tolist(), others[close].tolist(), strict=True):
            groups.join(one, other)
    return groups.label


def _colours(phashes: list[str]) -> Colours:
    """Return the colours that stand behind the hashes, a row each."""
    width = max((len(value) for value in phashes), default=16)
    written = "".join(value.ljust(width, "0")[16:] for value in phashes)
    return np.frombuffer(bytes.fromhex(written), dtype=np.uint8).reshape(len(phashes), (width - 16) // 2)


def _close(ones: Colours, others: Colours) -> npt.NDArray[np.bool_]:
    if ones.shape[1] == 0:
        return np.ones(len(ones), dtype=bool)
    return np.abs(ones.astype(np.int16) - others).mean(axis=1) <= CLOSE


def _candidates(hashes: Hashes, label: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of positions whose hashes differ by at most `NEAR` bits and that are not in one set (`label`) yet."""
    edges = [64 * block // _BLOCKS for block in range(_BLOCKS + 1)]
    masks = [((1 << end) - (1 << start)) for start, end in itertools.pairwise(edges)]
    for first, second in itertools.combinations(masks, 2):
        keys = hashes & np.uint64(first | second)
        order = np.argsort(keys, kind="stable")
        for ones, others in _neighbours(keys[order], order):
            apart = label[ones] != label[others]
            ones, others = ones[apart], others[apart]
            near = np.bitwise_count(hashes[ones] ^ hashes[others]) <= NEAR
            yield ones[near], others[near]


def _neighbours(keys: Hashes, order: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Pair each picture with the next, the one after it, … as long as any two share their key."""
    for lag in range(1, len(order)):
        same = keys[lag:] == keys[:-lag]
        if not bool(same.any()):
            return
        yield order[:-lag][same], order[lag:][same]
