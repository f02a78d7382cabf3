"""Likeness of numbers and names: for the few rows that no exact key settles."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz.distance import OSA

from pipeline.knowledge.names import sounds


def distance(left: str, right: str) -> int:
    """Return the edits between two numbers, a transposition of neighbours counted as one."""
    return OSA.distance(left, right)


def likeness(left: str, right: str) -> float:
    """Return the likeness of two texts, 0 to 1."""
    return OSA.normalized_similarity(left, right) if left and right else 0.0


@lru_cache(maxsize=100_000)
def names_near(left: str, right: str) -> bool:
    """Return whether two names may be one person's: they sound alike in one reading, or differ in one character.

    A name of two characters that differs in one is too weak and must sound alike.
    """
    if not left or not right:
        return False
    if sounds(left) & sounds(right):
        return True
    return len(left) > 2 and len(left) == len(right) and OSA.distance(left, right) == 1
