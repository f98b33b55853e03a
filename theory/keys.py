"""Stable texts of frozen values, by which measurements are found again.

Imports the standard library and ``theory.errors`` and ``theory.scaling`` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from theory.errors import InputError
from theory.scaling import Power

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

# Metadata of a field on which no measured number depends.
NOT_IN_KEY: Mapping[str, bool] = {"in key": False}


def named_fields(value: DataclassInstance) -> dict[str, Json]:
    """What a frozen dataclass holds, by the name of the field, in what JSON can write.

    A field with its default is left out, so that a new field with one leaves old keys as they are.
    A default may therefore not change unless the version of the key does. Raises ``InputError``
    for a number that is not exact.
    """
    named: dict[str, Json] = {}
    for field in fields(value):
        held = getattr(value, field.name)
        if field.metadata.get("in key", True) and held != field.default:
            named[field.name] = _plain(held)
    return named


def _plain(value: object) -> Json:
    """Equal values alike: whole numbers as integers, other fractions and powers as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | Fraction):
        return int(value) if value.denominator == 1 else str(value)
    if isinstance(value, str | Power):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return named_fields(value)
    raise InputError(
        f"{value!r} is a {type(value).__name__}; settings are exact: give an int or a Fraction"
    )
