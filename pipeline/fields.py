"""The fields of the form (`expectations/fields.csv`) and of registries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pipeline import resources


@dataclass(frozen=True)
class Field:
    """One field of the form. `example`, `hint`, `length`, `width` describe its column in the collection workbook."""

    name: str
    label: str
    aliases: tuple[str, ...]
    page: str
    required: str
    type: str
    registry_check: str
    sensitive: str
    note: str
    example: str = ""
    hint: str = ""
    length: str = ""
    width: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every header that names this field: the label and its aliases."""
        return (self.label, *self.aliases)


@cache
def fields() -> dict[str, Field]:
    """Return the fields by name, in the order of the form."""
    return _read("fields.csv")


@cache
def registry_fields() -> dict[str, Field]:
    """Return the registry's additional fields by name (`expectations/registry_fields.csv`)."""
    return _read("registry_fields.csv")


def _read(name: str) -> dict[str, Field]:
    return {
        row["field"]: Field(
            name=row["field"],
            aliases=tuple(filter(None, row["aliases"].split("|"))),
            **{key: text for key, text in row.items() if key not in ("field", "aliases")},
        )
        for row in resources.expectation_rows(name)
    }


@cache
def _by_label() -> dict[str, str]:
    known = [*registry_fields().values(), *fields().values()]
    labels = {field.label: field.name for field in known}
    return {alias: field.name for field in known for alias in field.aliases} | labels


def field_named(key: str) -> str:
    """Return the field with this name, Chinese label or alias, or a blank."""
    return key if key in fields() or key in registry_fields() else _by_label().get(key, "")


def names() -> list[str]:
    """Return the fields' names, in the order of the form."""
    return list(fields())


def compared() -> list[str]:
    """Return the fields that must equal the registry (`registry_check` is exact)."""
    return [field.name for field in fields().values() if field.registry_check == "exact"]


def in_registry() -> list[str]:
    """Return the form fields of a registry row: the compared ones and the ID number, its key."""
    return [field.name for field in fields().values() if field.registry_check]


def registry_columns() -> list[str]:
    """Return all fields that are read from a registry."""
    return [*in_registry(), *registry_fields()]


def field_of(name: str) -> Field:
    """Return a field of the form or of the registry by name."""
    return fields().get(name) or registry_fields()[name]


def label(name: str) -> str:
    """Return a field's Chinese label. Any other name is returned unchanged."""
    return field_of(name).label if name in fields() or name in registry_fields() else name


def rule_subject(rule: str) -> str:
    """Return a rule's subject in Chinese: its field (`photo.size` 证件照), or another subject."""
    subject = rule.partition(".")[0]
    return resources.report_table("words")["subjects"].get(subject) or label(subject)
