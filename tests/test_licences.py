"""The supply chain: every package of the lock is pinned by hash, and nothing copyleft comes without a note."""

from __future__ import annotations

import re
from importlib import metadata

import pytest

from tests.conftest import ROOT

LOCK = ROOT / "requirements.lock"
NOTES = ROOT / "docs" / "licences.md"
# The words by which metadata name a licence that asks something of those who pass the work on, or is not free.
_ASKS = re.compile(
    r"GPL|Affero|MPL|Mozilla|EPL|Eclipse|CDDL|EUPL|CeCILL|OFL|Open Font|SSPL|BUSL|Commons Clause|Proprietary",
    re.IGNORECASE,
)


def locked() -> dict[str, str]:
    """Return name and version of every package of the lock."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


def licence_of(package: str) -> str | None:
    """Return what the package's metadata say of its licence; None where it is not installed (another platform's)."""
    try:
        told = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return None
    classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    whole, expression = ("".join(told.get_all(name) or []) for name in ("License", "License-Expression"))
    return " | ".join(filter(None, [expression, whole.strip().split("\n")[0][:120], *classifiers]))


def noted() -> set[str]:
    """Return the packages that docs/licences.md has a line for."""
    return set(re.findall(r"^\| `([^`]+)`", NOTES.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_package_is_pinned_by_hash():
    text = LOCK.read_text(encoding="utf-8")
    starts = [found.start() for found in re.finditer(r"^[A-Za-z0-9_.-]+==", text, re.MULTILINE)]
    assert len(starts) > 100
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        entry = text[start:end]
        assert "--hash=sha256:" in entry, entry.split("\n")[0]
    assert not re.search(r"^(-e|git\+|https?:|.* @ )", text, re.MULTILINE)


def test_nothing_copyleft_or_untold_without_a_note():
    told = {name: licence for name in locked() if (licence := licence_of(name)) is not None}
    assert len(told) > 100
    asks = {name for name, licence in told.items() if not licence or _ASKS.search(licence)}
    assert asks <= noted(), f"docs/licences.md says nothing of {sorted(asks - noted())}"


def test_the_notes_are_of_packages_that_are_used():
    assert noted() <= set(locked()), sorted(noted() - set(locked()))


@pytest.mark.parametrize("package", ["pylopdf-fonts-zh-cn"])
def test_the_licence_of_what_is_passed_on_comes_along(package: str):
    """The font is embedded in PDFs and pictures, which the Open Font License allows; its text stands in the package."""
    files = [str(path) for path in metadata.files(package) or []]
    assert any("LICENSE" in name.upper() or "OFL" in name.upper() for name in files)
