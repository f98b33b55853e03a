"""Columns of a frame by name: as numbers, and as names. Imports numpy and pandas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
import pandas as pd

from theory.arrays import BoolArray, FloatArray, IntArray
from theory.errors import InputError

_MOST_LISTED = 12
_LONGEST_LISTED = 40


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what; ``pair`` names settings, ``rate`` learning rates.

    Without a ``replicate`` column repeated rows are replicates in their order. Raises
    ``InputError`` when one column is meant to be two things.
    """

    x: str
    y: str
    replicate: str | None
    pair: str | None = None
    rate: str | None = None

    def __post_init__(self) -> None:
        refuse_two_things([*self.key, self.y])

    @property
    def key(self) -> list[str]:
        """The columns that together name one measurement."""
        return [c for c in (self.x, self.replicate, self.pair, self.rate) if c is not None]


class Names(NamedTuple):
    """The names in a column, and which one each row has."""

    names: list[str]
    codes: IntArray

    def take(self, places: IntArray) -> Names:
        """Those of some rows; names that none of them has stay."""
        return Names(self.names, self.codes[places])


def refuse_two_things(columns: list[str]) -> None:
    """Raise ``InputError`` for a column that is named twice."""
    for column in columns:
        if columns.count(column) > 1:
            raise InputError(f"column {column!r} is named for two things; give each its own")


def listed(names: Iterable[object]) -> str:
    """Some names, each cut at a sensible length, and how many more there are."""
    every = list(map(str, names))
    more = f" and {len(every) - _MOST_LISTED} more" if len(every) > _MOST_LISTED else ""
    return ", ".join(map(cut, every[:_MOST_LISTED])) + more


def cut(name: str) -> str:
    """A name at a length at which it can be read."""
    return name if len(name) <= _LONGEST_LISTED else f"{name[: _LONGEST_LISTED - 3]}..."


def checked(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column by name; ``InputError`` when it is not there, or there twice."""
    times = int((frame.columns == column).sum())
    if times == 0:
        raise InputError(f"no column {cut(column)!r}; the table has: {listed(frame.columns)}")
    if times > 1:
        raise InputError(f"column {column!r} is there {times} times; name each column once")
    return frame[column]


def numbers(frame: pd.DataFrame, column: str, empty: bool = False) -> tuple[FloatArray, BoolArray]:
    """A column as numbers, and where it is empty; only ``empty`` allows that, which becomes nan.

    In a column of numbers a nan is what was computed. Raises ``InputError`` naming the first row
    that holds something else.
    """
    series = checked(frame, column)
    if pd.api.types.is_complex_dtype(series):
        raise InputError(f"column {column!r} holds complex numbers; expected real ones")
    if pd.api.types.is_numeric_dtype(series):
        return _plain(series, empty)
    values = np.array(pd.to_numeric(series, errors="coerce"), dtype=np.float64)
    unread = np.flatnonzero(np.isnan(values))
    gaps = np.zeros(len(series), dtype=bool)
    if len(unread):
        text = _text(series.iloc[unread])
        values[unread] = np.asarray(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
        gaps[unread] = text == ""
        diverged = text.str.lower().isin(("nan", "+nan", "-nan"))
        for wrong, complaint in (
            (np.isnan(values[unread]) & ~gaps[unread] & ~diverged, " is not a number"),
            (gaps[unread] & (not empty), ": expected a number"),
        ):
            if wrong.any():
                place = int(np.asarray(wrong).argmax())
                row, shown = frame.index[unread[place]], cut(text.iloc[place])
                raise InputError(f"row {row}: {shown!r} in column {column!r}{complaint}")
    return values, gaps


def _plain(series: pd.Series, empty: bool) -> tuple[FloatArray, BoolArray]:
    """A column of numbers, and where a nullable one is null."""
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    nullable = pd.api.types.is_extension_array_dtype(series)
    gaps = np.asarray(series.isna()) if nullable else np.zeros(len(series), dtype=bool)
    if gaps.any() and not empty:
        row = series.index[int(gaps.argmax())]
        raise InputError(f"row {row}: null in column {series.name!r}: expected a number")
    return values, gaps


def positive(frame: pd.DataFrame, column: str, most: float) -> FloatArray:
    """A column of numbers from 1/most to most; ``InputError`` for the first other one."""
    values, _ = numbers(frame, column)
    wrong = ~((values >= 1 / most) & (values <= most))
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(
            f"row {frame.index[place]}: {values[place]:g} in column {column!r}: expected a "
            f"positive number, at most {most:g}"
        )
    return values


def named(frame: pd.DataFrame, column: str, empty: bool = False, in_order: bool = False) -> Names:
    """The names in a column, sorted or ``in_order`` of their rows.

    Where all of them are numbers, one number is one name however it is written. Only ``empty``
    allows a name that is empty.
    """
    codes, texts = pd.factorize(checked(frame, column), use_na_sentinel=False)
    names = ["" if pd.isna(text) else str(text).strip() for text in texts.tolist()]
    if "" in names and not empty:
        place = int(np.isin(codes, [i for i, name in enumerate(names) if not name]).argmax())
        raise InputError(f"row {frame.index[place]}: column {column!r} names nothing")
    keys = _keys(names)
    order = list(dict.fromkeys(keys)) if in_order else sorted(set(keys))  # type: ignore[type-var]
    code_of = {key: code for code, key in enumerate(order)}
    shown = dict(zip(reversed(keys), reversed(names), strict=True))
    recoded = np.array([code_of[key] for key in keys], dtype=np.intp)
    return Names([shown[key] for key in order], recoded[codes])


def same_name(one: str, other: str) -> bool:
    """Whether two names are one: as numbers, where both are."""
    first, second = _keys([one.strip(), other.strip()])
    return first == second


def _keys(names: list[str]) -> list[Decimal] | list[str]:
    """What tells names apart: their numbers where all are numbers, and their texts elsewhere."""
    try:
        values = [Decimal(name) for name in names]
    except InvalidOperation:
        return names
    return values if all(value.is_finite() for value in values) else names


def _text(series: pd.Series) -> pd.Series:
    """Entries without surrounding blanks; what is missing is empty."""
    return series.astype(object).where(series.notna(), "").astype(str).str.strip()
