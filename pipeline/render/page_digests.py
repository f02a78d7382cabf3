"""Digests of the content of pages. A page is reused from an earlier run if its digest is equal."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.kept import code_digest, digest_of
from pipeline.view.run_tables import Run

_OWN = ("roster", "findings", "headcount", "course", "colleges", "registry", "differences", "outside")


def college_digests(run: Run, schools: Iterable[str] = ()) -> dict[str, str]:
    """Return, by `school code/college`, the digest of all inputs of its pages (`schools` are names; none: all)."""
    common = f"{run.as_of}|{json.dumps(run.summary['cohort'], sort_keys=True)}|{code_digest()}"
    parts: dict[tuple[str, str], list[str]] = {}
    for name in filter(run.has, _OWN):
        hashes: dict[tuple[str, str], list[npt.NDArray[Any]]] = {}
        for rows in run.batches(name, schools):
            hashed = pd.util.hash_pandas_object(rows, index=False)
            for (school, college), group in hashed.groupby([rows["school"], rows["college"]]):
                hashes.setdefault((str(school), str(college)), []).append(group.to_numpy())
        for key, own in hashes.items():
            digest = hashlib.sha256(np.sort(np.concatenate(own)).tobytes()).hexdigest()
            parts.setdefault(key, []).append(f"{name}:{digest}")
    unchecked = _not_checked(run)
    digests: dict[str, str] = {}
    for (school, college), own in parts.items():
        state = run.state(run.code_of(school), college), unchecked[""], unchecked[school]
        told = "|".join([common, json.dumps(state, sort_keys=True), *own])
        digests[f"{run.code_of(school)}/{college}"] = hashlib.sha256(told.encode()).hexdigest()
    return digests


def registry_page_digest(run: Run) -> str:
    """Return the digest of all inputs of the registry's page."""
    told = [json.dumps([run.as_of.isoformat(), run.summary["cohort"], run.summary.get("inputs")], sort_keys=True)]
    columns = {"colleges": ["school", "college", "registered"], "registry_findings": None}
    for name in filter(run.has, columns):
        for rows in run.batches(name, columns=columns[name]):
            told.append(hashlib.sha256(pd.util.hash_pandas_object(rows).to_numpy().tobytes()).hexdigest())
    return digest_of("registry", code_digest(), *told)


def _not_checked(run: Run) -> defaultdict[str, list[list[str]]]:
    found: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in run.summary.get("not_checked", []):
        found[str(item.get("school") or "")].append([str(item["rule"]), str(item["reason"])])
    return found
