"""A frame of measurements, one row each, as replicates x cells. Imports numpy and pandas.

A row is one measurement y at size x of one replicate. An empty y is missing, and so is a row that
is not there; a y that is nan or infinite diverged. Every complaint names the row by its index,
which for a file is its line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from theory.arrays import BoolArray, FloatArray, IntArray
from theory.errors import InputError

_MOST_LISTED = 12
_MOST_TRIALS = 50_000_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what; ``pair`` names settings, ``rate`` learning rates.

    Raises ``InputError`` when one column is meant to be two things.
    """

    x: str
    y: str
    replicate: str
    pair: str | None = None
    rate: str | None = None

    def __post_init__(self) -> None:
        meant = [*self.key, self.y]
        for column in meant:
            if meant.count(column) > 1:
                raise InputError(f"column {column!r} is named for two things; give each its own")

    @property
    def key(self) -> list[str]:
        """The columns that together name one measurement."""
        return [c for c in (self.x, self.replicate, self.pair, self.rate) if c is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """Rows put into an array: values (settings, replicates, sizes, rates), nan where absent.

    ``missing`` says which are absent or empty; ``names`` are the settings, of which there is one
    without a pairing column.
    """

    names: tuple[str, ...]
    sizes: FloatArray
    rates: FloatArray
    values: FloatArray
    missing: BoolArray


def numbers(frame: pd.DataFrame, column: str, empty: bool = False) -> FloatArray:
    """A column as numbers; only ``empty`` allows gaps, which become nan.

    Raises ``InputError`` naming the first row that holds something else.
    """
    series = checked(frame, column)
    if pd.api.types.is_numeric_dtype(series):
        return series.to_numpy(dtype=np.float64)
    text = _text(series)
    gaps = (text == "").to_numpy()
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
    diverged = text.str.lower().isin(("nan", "+nan", "-nan")).to_numpy()
    for wrong, complaint in (
        (np.isnan(values) & ~gaps & ~diverged, "{!r} in column {!r} is not a number"),
        (gaps & (not empty), "{!r} in column {!r}: expected a number"),
    ):
        if wrong.any():
            place = int(wrong.argmax())
            said = complaint.format(text.iloc[place], column)
            raise InputError(f"row {frame.index[place]}: {said}")
    return values


def _text(series: pd.Series) -> pd.Series:
    """Entries without surrounding blanks; what is missing is empty."""
    return series.astype(object).where(series.notna(), "").astype(str).str.strip()


def listed(names: Iterable[object]) -> str:
    """Some names, and how many more there are."""
    every = list(map(str, names))
    more = f" and {len(every) - _MOST_LISTED} more" if len(every) > _MOST_LISTED else ""
    return ", ".join(every[:_MOST_LISTED]) + more


def checked(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column by name; ``InputError`` when it is not there, or there twice."""
    if column not in frame.columns:
        raise InputError(f"no column {column!r}; the table has: {listed(frame.columns)}")
    times = int((frame.columns == column).sum())
    if times > 1:
        raise InputError(f"column {column!r} is there {times} times; name each column once")
    return frame[column]


def _sizes(frame: pd.DataFrame, column: str) -> FloatArray:
    values = numbers(frame, column)
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(
            f"row {frame.index[place]}: {values[place]:g} in column {column!r}: expected a "
            "positive number"
        )
    return values


def arranged(frame: pd.DataFrame, columns: Columns) -> Arrangement:
    """The rows as an array; ``InputError`` for duplicates, and for fewer than two replicates."""
    if frame.empty:
        raise InputError("the table has no rows; expected one for each measurement")
    sizes, size_of = np.unique(_sizes(frame, columns.x), return_inverse=True)
    replicates, replicate_of = named(frame, columns.replicate)
    names, name_of = [""], np.zeros(len(frame), dtype=np.intp)
    if columns.pair:
        names, name_of = named(frame, columns.pair)
    rates, rate_of = np.ones(1), np.zeros(len(frame), dtype=np.intp)
    if columns.rate:
        rates, rate_of = np.unique(_sizes(frame, columns.rate), return_inverse=True)
    if len(replicates) < 2:
        raise InputError(
            f"one replicate ({replicates[0]!r} in column {columns.replicate!r}) has no spread; "
            "measure at least two"
        )
    shape = (len(names), len(replicates), len(sizes), len(rates))
    if math.prod(shape) > _MOST_TRIALS:
        raise InputError(
            f"{len(replicates)} replicates at {len(sizes)} sizes, but {len(frame)} rows: column "
            f"{columns.replicate!r} or {columns.x!r} names something else"
        )
    places = (name_of, replicate_of, size_of, rate_of)
    _refuse_duplicates(frame, columns, np.ravel_multi_index(places, shape))
    values, missing = np.full(shape, np.nan), np.ones(shape, dtype=bool)
    values[places] = numbers(frame, columns.y, empty=True)
    missing[places] = _gaps(frame, columns.y)
    return Arrangement(tuple(names), sizes, rates, values, missing)


def named(frame: pd.DataFrame, column: str) -> tuple[list[str], IntArray]:
    """The names in a column in order, and which one each row has."""
    text = _text(checked(frame, column))
    nameless = (text == "").to_numpy()
    if nameless.any():
        place = int(nameless.argmax())
        raise InputError(f"row {frame.index[place]}: column {column!r} names nothing")
    codes, names = pd.factorize(text, sort=True)
    return list(map(str, names)), np.asarray(codes, dtype=np.intp)


def _gaps(frame: pd.DataFrame, column: str) -> BoolArray:
    """Entries that are empty. In a column of numbers a nan is what was computed: it diverged."""
    series = checked(frame, column)
    if pd.api.types.is_numeric_dtype(series):
        return np.zeros(len(series), dtype=bool)
    return np.asarray((_text(series) == "").to_numpy())


def _refuse_duplicates(frame: pd.DataFrame, columns: Columns, place_of: IntArray) -> None:
    """Two rows for one measurement, whichever way its size is written."""
    _, first, places = np.unique(place_of, return_index=True, return_inverse=True)
    repeated = first[places] != np.arange(len(frame))
    if not repeated.any():
        return
    place = int(repeated.argmax())
    row = frame.iloc[place]
    named = ", ".join(f"{column} {row[column]}" for column in columns.key)
    earlier = frame.index[first[places[place]]]
    raise InputError(f"row {frame.index[place]} repeats row {earlier}: {named} is there twice")


def correction(frame: pd.DataFrame, columns: Columns, text: str, sizes: FloatArray) -> FloatArray:
    """A correction column at each size: a column, or a ratio such as ``1/depth``.

    Raises ``InputError`` when it takes two values at one size.
    """
    parts = text.split("/")
    if len(parts) > 2:
        raise InputError(f"correction {text!r}: expected a column, or a ratio of two")
    factors = [_factor(frame, part.strip()) for part in parts]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = factors[0] if len(factors) == 1 else factors[0] / factors[1]
    if not np.isfinite(values).all():
        raise InputError(f"correction {text!r} is not finite; expected finite numbers")
    place = np.searchsorted(sizes, _sizes(frame, columns.x))
    at_size = np.full(len(sizes), np.nan)
    at_size[place[::-1]] = values[::-1]  # the first row of each size
    other = ~np.isclose(values, at_size[place], rtol=1e-9, atol=0.0)
    if other.any():
        row = int(other.argmax())
        raise InputError(
            f"row {frame.index[row]}: correction {text!r} is {values[row]:g} at {columns.x} "
            f"{sizes[place[row]]:g}, and {at_size[place[row]]:g} in an earlier row; judge each of "
            "them on its own"
        )
    return at_size


def _factor(frame: pd.DataFrame, name: str) -> FloatArray:
    try:
        return np.full(len(frame), float(name))
    except ValueError:
        return _sizes(frame, name)
