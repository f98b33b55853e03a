"""A frame of measurements, one row each, as replicates x cells. Imports numpy and pandas.

A row is one measurement y at size x of one replicate. An empty y is missing, and so is a row that
is not there; a y that is nan, infinite or beyond 1e100 diverged. Every complaint names the row by
its index, which for a file is its line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from theory.arrays import BoolArray, FloatArray, IntArray
from theory.errors import InputError
from verify.tables.columns import Columns, Names, named, numbers, positive

_MOST_TRIALS = 50_000_000
# Networks come in tens of sizes; a column of steps or of losses comes in thousands.
_MOST_SIZES = 1000
EXTREME = 1e100


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


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The columns of a frame, read once: an entry of every array is a row.

    ``gaps``: y is empty. ``replicates`` is ``None`` where repeated rows are replicates in order;
    ``blocks`` tells the rows of a folded group apart.
    """

    frame: pd.DataFrame
    columns: Columns
    sizes: FloatArray
    values: FloatArray
    gaps: BoolArray
    replicates: Names | None
    settings: Names | None
    rates: FloatArray | None
    blocks: IntArray

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Columns) -> Rows:
        """Raises ``InputError`` for columns that are not there, and for what is no number."""
        if frame.empty:
            raise InputError("the table has no rows; expected one for each measurement")
        values, gaps = numbers(frame, columns.y, empty=True)
        tiny = (values != 0) & (np.abs(values) < 1 / EXTREME)
        if tiny.any():
            place = int(tiny.argmax())
            raise InputError(
                f"row {frame.index[place]}: {values[place]:g} in column {columns.y!r} is below "
                f"{1 / EXTREME:g}; give it in another unit"
            )
        return cls(
            frame,
            columns,
            positive(frame, columns.x, EXTREME),
            np.where(np.abs(values) > EXTREME, np.copysign(np.inf, values), values),
            gaps,
            None if columns.replicate is None else named(frame, columns.replicate),
            None if columns.pair is None else named(frame, columns.pair, empty=True),
            None if columns.rate is None else positive(frame, columns.rate, EXTREME),
            np.zeros(len(frame), dtype=np.intp),
        )

    def without_gaps(self) -> Rows:
        """The rows, in which what is empty diverged."""
        values = np.where(self.gaps, np.inf, self.values)
        return replace(self, values=values, gaps=np.zeros_like(self.gaps))

    def take(self, places: IntArray, blocks: IntArray | None = None) -> Rows:
        """Some of the rows; ``blocks`` are their blocks, where they are more than one."""
        return replace(
            self,
            frame=self.frame.iloc[places],
            sizes=self.sizes[places],
            values=self.values[places],
            gaps=self.gaps[places],
            replicates=None if self.replicates is None else self.replicates.take(places),
            settings=None if self.settings is None else self.settings.take(places),
            rates=None if self.rates is None else self.rates[places],
            blocks=self.blocks[places] if blocks is None else blocks,
        )

    @property
    def zero(self) -> bool:
        """Whether all that was measured is exactly zero."""
        return bool(np.all((self.values == 0) | self.gaps) and not self.gaps.all())

    def row(self, place: int) -> object:
        """What a row is called."""
        return self.frame.index[place]


def arranged(rows: Rows) -> Arrangement:
    """The rows as an array; ``InputError`` for duplicates, and for sizes that are none."""
    columns = rows.columns
    sizes, size_of = np.unique(rows.sizes, return_inverse=True)
    names, name_of = _present(rows.settings, len(rows.sizes))
    rates, rate_of = np.ones(1), np.zeros(len(rows.sizes), dtype=np.intp)
    if rows.rates is not None:
        rates, rate_of = np.unique(rows.rates, return_inverse=True)
    blocks, block_of = np.unique(rows.blocks, return_inverse=True)
    if rows.replicates is None:
        cell = np.stack([name_of, size_of, rate_of, block_of])
        replicate_of = _order(cell)
        count = int(replicate_of.max()) + 1
    else:
        replicates, replicate_of = _present(rows.replicates, len(rows.sizes))
        count = len(replicates)
    shape = (len(names), count, len(sizes), len(rates), len(blocks))
    if math.prod(shape) > _MOST_TRIALS or (len(sizes) > _MOST_SIZES and columns.rate is None):
        source = "rows in order" if columns.replicate is None else f"column {columns.replicate!r}"
        raise InputError(
            f"{count} replicates at {len(sizes)} sizes, but {len(rows.sizes)} rows: {source} "
            f"or {columns.x!r} names something else (at most {_MOST_SIZES} sizes of networks)"
        )
    places = (name_of, replicate_of, size_of, rate_of, block_of)
    _refuse_duplicates(rows, np.ravel_multi_index(places, shape))
    values, missing = np.full(shape, np.nan), np.ones(shape, dtype=bool)
    values[places] = rows.values
    missing[places] = rows.gaps
    return Arrangement(tuple(names), sizes, rates, *_folded(values, missing))


def _present(names: Names | None, count: int) -> tuple[list[str], IntArray]:
    """The names that some rows have, and which one each row has; one without a name for none."""
    if names is None:
        return [""], np.zeros(count, dtype=np.intp)
    used, code_of = np.unique(names.codes, return_inverse=True)
    return [names.names[code] for code in used], np.asarray(code_of, dtype=np.intp)


def _order(cell: IntArray) -> IntArray:
    """The how-manieth row of its cell each row is; ``cell`` has shape (columns, rows)."""
    count = cell.shape[1]
    _, cell_of = np.unique(cell, axis=1, return_inverse=True)
    cell_of = cell_of.reshape(-1)
    by_cell = np.argsort(cell_of, kind="stable")
    first = np.r_[True, np.diff(cell_of[by_cell]) != 0]
    start = np.maximum.accumulate(np.where(first, np.arange(count), 0))
    order = np.empty(count, dtype=np.intp)
    order[by_cell] = np.arange(count) - start
    return order


def _folded(values: FloatArray, missing: BoolArray) -> tuple[FloatArray, BoolArray]:
    """The mean over blocks, the last axis; a block that no replicate has at a size is none there.

    A mean, and not that of logarithms: one block that grows is not hidden by many that do not.
    """
    if values.shape[-1] == 1:
        return values[..., 0], missing[..., 0]
    there = np.logical_not(missing).any(axis=1, keepdims=True)
    total = np.where(there, values, 0.0).sum(axis=-1)
    count = there.sum(axis=-1)
    absent = (missing & there).any(axis=-1) | (count == 0)
    return np.where(absent, np.nan, total / np.maximum(count, 1)), absent


def _refuse_duplicates(rows: Rows, place_of: IntArray) -> None:
    """Two rows for one measurement, whichever way its size is written."""
    _, first, places = np.unique(place_of, return_index=True, return_inverse=True)
    repeated = first[places] != np.arange(len(place_of))
    if not repeated.any():
        return
    place = int(repeated.argmax())
    row = rows.frame.iloc[place]
    said = ", ".join(f"{column} {row[column]}" for column in rows.columns.key)
    raise InputError(
        f"row {rows.row(place)} repeats row {rows.row(first[places[place]])}: {said} is there "
        "twice; --by or --where names a column that tells such rows apart, and "
        "--replicate-by-order takes them as replicates in their order"
    )


def correction(rows: Rows, text: str, sizes: FloatArray) -> FloatArray:
    """A correction column at each size: a column, or a ratio such as ``1/depth``.

    Raises ``InputError`` when it takes two values at one size.
    """
    frame, x = rows.frame, rows.columns.x
    parts = text.split("/")
    if len(parts) > 2:
        raise InputError(f"correction {text!r}: expected a column, or a ratio of two")
    factors = [_factor(frame, part.strip()) for part in parts]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = factors[0] if len(factors) == 1 else factors[0] / factors[1]
    if not np.isfinite(values).all():
        raise InputError(f"correction {text!r} is not finite; expected finite numbers")
    place = np.searchsorted(sizes, rows.sizes)
    at_size = np.full(len(sizes), np.nan)
    at_size[place[::-1]] = values[::-1]  # the first row of each size
    other = ~np.isclose(values, at_size[place], rtol=1e-9, atol=0.0)
    if other.any():
        row = int(other.argmax())
        raise InputError(
            f"row {frame.index[row]}: correction {text!r} is {values[row]:g} at {x} "
            f"{sizes[place[row]]:g}, and {at_size[place[row]]:g} in an earlier row; judge each of "
            "them on its own"
        )
    return at_size


def _factor(frame: pd.DataFrame, name: str) -> FloatArray:
    try:
        return np.full(len(frame), float(name))
    except ValueError:
        return positive(frame, name, EXTREME)
