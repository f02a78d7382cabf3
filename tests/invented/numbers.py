"""Invented numbers as columns: permutations that never repeat, digits, check characters, Arrow text.

Nothing here loops over rows. Text of one width is a matrix of ASCII bytes (`Digits`, one row a person) that becomes
an Arrow column without a Python string in between.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tests.invented.arrow import Column

Ints = npt.NDArray[np.int64]
Digits = npt.NDArray[np.uint8]

# GB 11643: ISO 7064 MOD 11-2 weights of the first 17 digits, and the check characters by remainder
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_CHECK = np.frombuffer(b"10X98765432", dtype=np.uint8)
_ZERO = ord("0")


def scatter(index: Ints, size: int, salt: int) -> Ints:
    """Return different numbers below `size` for different `index` (below `size` too), scattered by `salt`."""
    step = int(size * 0.6180339887) + 2 * (salt % 997)
    while math.gcd(step, size) != 1:
        step += 1
    return (index % size * (step % size) + salt * 7919) % size


def digits(values: Ints, width: int) -> Digits:
    """Return `values` as decimal digits of exactly `width` places."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + _ZERO).astype(np.uint8)


def beside(*parts: Digits) -> Digits:
    """Return matrices of bytes put side by side."""
    return np.concatenate(parts, axis=1)


def fixed(text: str, rows: int) -> Digits:
    """Return the same ASCII text in every row."""
    return np.broadcast_to(np.frombuffer(text.encode("ascii"), dtype=np.uint8), (rows, len(text)))


def text(matrix: Digits) -> Column:
    """Return a matrix of ASCII bytes as an Arrow column of text."""
    rows, width = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32) if width else np.zeros(rows + 1, dtype=np.int32)
    data = np.ascontiguousarray(matrix)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(data))


def with_check(body: Digits) -> Digits:
    """Return 17 digits with the check character of GB 11643 behind them."""
    remainder = ((body.astype(np.int64) - _ZERO) * _WEIGHTS).sum(axis=1) % 11
    return beside(body, _CHECK[remainder][:, None])


def check_character(body: str) -> str:
    """Return the check character of one number's first 17 digits."""
    return chr(_CHECK[sum(int(d) * int(w) for d, w in zip(body, _WEIGHTS, strict=True)) % 11])


def is_valid(number: str) -> bool:
    """Say whether a mainland number has 17 digits, a date of 1930 to 2020 and the right check character."""
    if len(number) != 18 or not (number.isascii() and number[:17].isdigit()):
        return False
    try:
        born = np.datetime64(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    except ValueError:
        return False
    if not np.datetime64("1930-01-01") <= born <= np.datetime64("2020-12-31"):
        return False
    return check_character(number[:17]) == number[17]


def column(pool: list[str]) -> Column:
    """Return a list of text as an Arrow column; pools that are drawn from often are kept as such."""
    return pa.array(pool, type=pa.string())


def chosen(pool: list[str] | Column, index: Ints) -> Column:
    """Return the pool's text at each index as an Arrow column."""
    whole = column(pool) if isinstance(pool, list) else pool
    return whole.take(pa.array(index))


def weighted(rng: np.random.Generator, weights: list[float], rows: int) -> Ints:
    """Return `rows` random indexes into a list with these weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(edges / edges[-1], rng.random(rows), side="right").astype(np.int64)
