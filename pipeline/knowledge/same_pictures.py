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
Positions = npt.NDArray[np.int64]


def near_same(phashes: pd.Series, sha256: pd.Series) -> pd.Series:
    """Return a group id for every picture that was handed in twice or more, "" for the others.

    The id is the content digest of one of the group. Candidates come from equal blocks of the hash, never from all
    pairs, so that twelve million pictures are as many look-ups.
    """
    given = pd.DataFrame({"sha256": sha256.to_numpy(), "phash": phashes.to_numpy()}).astype("str")
    distinct = given[given["sha256"].ne("")].drop_duplicates("sha256")
    hashed = distinct[distinct["phash"].str.fullmatch(_HASH)]
    digests: list[str] = hashed["sha256"].tolist()
    groups = _Groups()
    for one, other in _confirmed(hashed["phash"]):
        groups.join(digests[one], digests[other])
    ids = given["sha256"].map({digest: groups.root(digest) for digest in distinct["sha256"]}).fillna("").astype("str")
    shared = ids.ne("") & ids.groupby(ids).transform("size").gt(1)
    return pd.Series(ids.where(shared, "").to_numpy(), index=sha256.index, dtype="str")


class _Groups:
    """Disjoint sets of digests; one that was never joined is its own root."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, digest: str) -> str:
        while (above := self._parent.get(digest, digest)) != digest:
            self._parent[digest] = self._parent.get(above, above)
            digest = above
        return digest

    def join(self, one: str, other: str) -> None:
        first, second = self.root(one), self.root(other)
        if first != second:
            self._parent[second] = first


def _confirmed(phashes: pd.Series) -> Iterator[tuple[int, int]]:
    """Yield positions of pictures whose hashes are near and whose colours are close."""
    written: list[str] = phashes.tolist()
    hashes = np.array([int(value[:16], 16) for value in written], dtype=np.uint64)
    for ones, others in _candidates(hashes):
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            if _close(written[one][16:], written[other][16:]):
                yield one, other


def _close(one: str, other: str) -> bool:
    first, second = (np.frombuffer(bytes.fromhex(value), dtype=np.uint8).astype(np.int16) for value in (one, other))
    if first.size != second.size:
        return False
    return first.size == 0 or float(np.abs(first - second).mean()) <= CLOSE


def _candidates(hashes: Hashes) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of positions whose hashes differ by at most `NEAR` bits."""
    edges = [64 * block // _BLOCKS for block in range(_BLOCKS + 1)]
    masks = [((1 << end) - (1 << start)) for start, end in itertools.pairwise(edges)]
    for first, second in itertools.combinations(masks, 2):
        keys = hashes & np.uint64(first | second)
        order = np.argsort(keys, kind="stable")
        yield from _neighbours(hashes, keys[order], order)


def _neighbours(hashes: Hashes, keys: Hashes, order: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Compare each picture with the next, the one after it, … as long as any two share their key."""
    for lag in range(1, len(order)):
        same = keys[lag:] == keys[:-lag]
        if not bool(same.any()):
            return
        ones, others = order[:-lag][same], order[lag:][same]
        near = np.bitwise_count(hashes[ones] ^ hashes[others]) <= NEAR
        yield ones[near], others[near]
