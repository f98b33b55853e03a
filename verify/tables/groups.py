"""Which rows of a table are judged, and which of them together. Imports numpy and pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import pandas as pd

from theory.arrays import BoolArray, IntArray
from theory.errors import InputError
from verify.guarding.structure import folded
from verify.tables.columns import Columns, cut, listed, named, refuse_two_things, same_name
from verify.tables.frame import Rows

MEASUREMENT = "measurement"  # the column of names, where y is several columns
_MOST_GROUPS = 5000


class Zeros(StrEnum):
    """What becomes of measurements that are exactly zero, where a logarithm is needed."""

    REFUSE = "refuse"
    MISSING = "missing"


class Empty(StrEnum):
    """What an empty measurement is: pandas and others write a nan that was computed as one."""

    MISSING = "missing"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows, groups of them that are judged as one family, and a setting that must be rejected.

    ``where``: columns and the one value that they must have. ``by``: columns that name groups;
    ``fold_blocks`` makes one group of names that differ in a number between dots only. ``control``:
    a column and the value of the rows that are a negative control.
    """

    where: Mapping[str, object] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    fold_blocks: bool = False
    control: tuple[str, object] | None = None
    zeros: Zeros = Zeros.REFUSE
    empty: Empty = Empty.MISSING

    def __post_init__(self) -> None:
        if self.fold_blocks and not self.by:
            raise InputError("blocks are folded in the names of --by; give the column of modules")

    def check(self, columns: Columns) -> None:
        """Raise ``InputError`` for a column that is meant to be two things."""
        control = [] if self.control is None else [self.control[0]]
        refuse_two_things([*columns.key, columns.y, *self.by, *control])
        for column in (*columns.key, columns.y):
            if column in self.where and column != columns.replicate:
                raise InputError(
                    f"column {column!r} is both judged and held at {self.where[column]!r}; "
                    "leave one of them out"
                )


class Group(NamedTuple):
    """The rows of one verdict and what they are called, such as ``module=fc_1, t=2``."""

    label: str
    rows: Rows


def several(frame: pd.DataFrame, y: str) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """The frame with one column of measurements, its name, and the column that now names them.

    ``y`` is a column; or names with commas between, or a pattern, of several.
    """
    if y in frame.columns:
        return frame, y, ()
    columns = [str(column) for column in frame.columns]
    parts = [part.strip() for part in y.split(",")]
    chosen = [c for part in parts for c in columns if c == part or fnmatchcase(c, part)]
    missing = [p for p in parts if not any(c == p or fnmatchcase(c, p) for c in columns)]
    if missing or len(chosen) < 2:
        if len(chosen) == 1 and not missing:
            return frame, chosen[0], ()
        name = (missing or parts)[0]
        raise InputError(f"no column {cut(name)!r}; the table has: {listed(columns)}")
    others = [column for column in columns if column not in chosen]
    if MEASUREMENT in others:
        raise InputError(
            f"column {MEASUREMENT!r} would name the measurements of --y {y}; rename that column"
        )
    chosen = list(dict.fromkeys(chosen))
    parts_of = [
        frame[[*others, column]].rename(columns={column: "value"}).assign(**{MEASUREMENT: column})
        for column in chosen
    ]
    return pd.concat(parts_of), "value", (MEASUREMENT,)


def kept(frame: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """The rows in which every column has its value; ``InputError`` where there are none."""
    for column, value in where.items():
        frame = frame.loc[_having(frame, column, value)]
    return frame


def split(
    frame: pd.DataFrame, control: tuple[str, object] | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The rows that are judged, and those of the control."""
    if control is None:
        return frame, None
    column, value = control
    chosen = _having(frame, column, value)
    if chosen.all():
        raise InputError(f"control {column}={value}: every row is of it; nothing is left to judge")
    return frame.loc[np.logical_not(chosen)], frame.loc[chosen]


def _having(frame: pd.DataFrame, column: str, value: object) -> BoolArray:
    names = named(frame, column, empty=True, in_order=True)
    codes = [i for i, name in enumerate(names.names) if same_name(name, str(value))]
    if not codes:
        raise InputError(
            f"no row has {column}={value}; column {column!r} has: {listed(map(repr, names.names))}"
        )
    return np.isin(names.codes, codes)


def groups_of(rows: Rows, selection: Selection) -> list[Group]:
    """The groups in the order of their first rows; one without a name where nothing names them."""
    if not selection.by:
        return [Group("", rows)]
    labels = [named(rows.frame, column, empty=True, in_order=True) for column in selection.by]
    codes = np.stack([names.codes for names in labels])
    texts = [names.names for names in labels]
    blocks = np.zeros(codes.shape[1], dtype=np.intp)
    if selection.fold_blocks:
        blocks = np.unique(codes, axis=1, return_inverse=True)[1].reshape(-1)
        codes, texts = _as_folded(codes, texts)
    distinct, first, group_of = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    if distinct.shape[1] > _MOST_GROUPS:
        raise InputError(
            f"--by {','.join(selection.by)} names {distinct.shape[1]} groups; expected at most "
            f"{_MOST_GROUPS}"
        )
    by_group = np.argsort(group_of.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(group_of.reshape(-1)))[:-1]
    places = np.split(by_group, ends)
    return [
        Group(
            _label(selection.by, [texts[i][code] for i, code in enumerate(distinct[:, group])]),
            rows.take(places[group], blocks[places[group]]),
        )
        for group in np.argsort(first)
    ]


def _label(columns: Sequence[str], names: Sequence[str]) -> str:
    return ", ".join(f"{c}={n or repr(n)}" for c, n in zip(columns, names, strict=True))


def _as_folded(codes: IntArray, texts: list[list[str]]) -> tuple[IntArray, list[list[str]]]:
    """Names in which the number of a block is a star; a name that is a number is no block's."""
    new_codes, new_texts = [], []
    for column, names in zip(codes, texts, strict=True):
        starred = [name if name.isdecimal() else folded(name) for name in names]
        order = list(dict.fromkeys(starred))
        place = {name: code for code, name in enumerate(order)}
        new_codes.append(np.array([place[name] for name in starred], dtype=np.intp)[column])
        new_texts.append(order)
    if new_texts == texts:
        raise InputError(
            "--fold-blocks: no name in the columns of --by has a number between dots, such as "
            "h.0.attn"
        )
    return np.stack(new_codes), new_texts
