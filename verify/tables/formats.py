"""Bytes of one file as a frame of text: CSV in its dialects, JSON and Parquet. Imports pandas.

Parquet needs pyarrow, which is imported when a file of it is read.
"""

from __future__ import annotations

import csv
import io
import json
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from theory.arrays import IntArray
from theory.errors import InputError, UnavailableError

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_TENSORBOARD = ("Wall time", "Step", "Value")
_LONGEST_FIELD = 10_000_000
_MOST_KEPT = 20_000

ObjectArray: TypeAlias = npt.NDArray[np.object_]


class Table(NamedTuple):
    """A frame of text indexed by line (or record) number, and what was found out to read it.

    ``runs`` is the column that names runs, where the rows of one file are those of several.
    """

    frame: pd.DataFrame
    said: tuple[str, ...] = ()
    runs: str | None = None


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames one below the other; a column that one lacks is empty there, and a nan stays one."""
    names = list(dict.fromkeys(column for frame in frames for column in frame.columns))
    return pd.concat([frame.reindex(columns=names, fill_value="") for frame in frames])


def comma_separated(name: str, data: bytes) -> Table:
    """A header and a row a line, separated by commas, semicolons, tabs or bars.

    A log whose header has grown begins with rows that are shorter: their last columns are empty.
    """
    separator = _separator(name, data)
    csv.field_size_limit(_LONGEST_FIELD)
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        header = [column.strip() for column in next(filter(any, reader), ())]
        if not header:
            raise InputError(f"{name} has no header; expected the names of its columns")
        _refuse_twice(name, header)
        columns, numbers, padded = _columns(name, reader, len(header), separator)
    except csv.Error as error:
        raise InputError(
            f"{name}, row {reader.line_num}: no table of {_SEPARATORS[separator]} ({error})"
        ) from None
    frame = pd.DataFrame(dict(enumerate(columns)), copy=False)
    frame.index, frame.columns = pd.Index(numbers), pd.Index(header, dtype=object)
    said = []
    if separator != ",":
        said.append(f"fields are separated by {_SEPARATORS[separator]}")
        said += _with_points(frame)
    if padded:
        said.append(f"the first {padded} rows are shorter than the header: their ends are empty")
    return Table(frame, tuple(said))


def _separator(name: str, data: bytes) -> str:
    """The one that the header has most of, outside of quotes; a comma where it has none."""
    text = _decoded(name, data)
    if "\0" in text:
        raise InputError(f"{name} holds a zero byte; it is no table of text")
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    bare = re.sub(r'"[^"]*"', "", text[start : end if end > 0 else len(text)])
    return max(_SEPARATORS, key=lambda mark: (bare.count(mark), mark == ","))


def _refuse_twice(name: str, header: Sequence[str]) -> None:
    seen: set[str] = set()
    for column in header:
        if column in seen:
            raise InputError(f"{name}: its header names {column!r} twice; name each column once")
        seen.add(column)


def _columns(
    name: str, reader: Iterable[list[str]], width: int, separator: str
) -> tuple[list[ObjectArray], IntArray, int]:
    """The fields by column, the line of every row, and how many rows at the start were shorter."""
    columns: list[list[str]] = [[] for _ in range(width)]
    # Names are repeated in every row, and kept once.
    known: list[dict[str, str]] = [{} for _ in range(width)]
    numbers = array("q")
    longest, padded = 0, 0
    for row in reader:
        if not any(row):
            continue
        line = reader.line_num  # type: ignore[attr-defined]
        if len(row) > width or len(row) < longest:
            raise InputError(
                f"{name}, row {line}: {len(row)} fields under a header of {width}; one row a "
                f"measurement, fields separated by {_SEPARATORS[separator]}"
            )
        longest = len(row)
        if longest < width:
            padded += 1
            row = [*row, *[""] * (width - longest)]
        numbers.append(line)
        for column, names, field in zip(columns, known, row, strict=True):
            if len(names) < _MOST_KEPT:
                column.append(names.setdefault(field, field))
            else:
                column.append(names.get(field, field))
    if numbers and longest < width:
        raise InputError(
            f"{name}: {longest} fields in the longest row under a header of {width}; give every "
            "column its fields"
        )
    del known
    arrays = []
    while columns:
        arrays.append(np.array(columns.pop(0), dtype=object))
    return arrays, np.array(numbers, dtype=np.intp), padded


def _with_points(frame: pd.DataFrame) -> list[str]:
    """Numbers such as 0,5 get a point; says of which columns."""
    changed = []
    for place, column in enumerate(frame.columns):
        entries = frame.iloc[:, place]
        filled = entries[entries != ""]
        with_comma = filled.str.contains(",", regex=False)
        if not with_comma.any() or filled.str.contains(".", regex=False).any():
            continue
        if filled[with_comma].str.strip().str.fullmatch(_DECIMAL_COMMA).all():
            frame.isetitem(place, entries.str.replace(",", ".", regex=False).to_numpy())
            changed.append(str(column))
    return [f"decimal commas in {', '.join(map(repr, changed))} are points"] if changed else []


def json_table(name: str, data: bytes) -> Table:
    """An array of objects, one object a line, or TensorBoard's array of [time, step, value]."""
    text = _decoded(name, data)
    if text.lstrip().startswith("[") and not name.lower().endswith(("l", ".ndjson")):
        return Table(_json_array(name, text))
    return Table(_json_lines(name, text))


def _json_array(name: str, text: str) -> pd.DataFrame:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not JSON ({error})") from None
    if rows and all(isinstance(row, list) and len(row) == len(_TENSORBOARD) for row in rows):
        rows = [dict(zip(_TENSORBOARD, row, strict=True)) for row in rows]
    return _records(name, rows, range(1, len(rows) + 1), lambda place: repr(rows[place]))


def _json_lines(name: str, text: str) -> pd.DataFrame:
    rows, numbers, lines = [], [], text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}, row {number}: not JSON ({error})") from None
        numbers.append(number)
    return _records(name, rows, numbers, lambda place: repr(lines[numbers[place] - 1].strip()))


def _records(
    name: str, rows: Sequence[object], numbers: Sequence[int], shown: Callable[[int], str]
) -> pd.DataFrame:
    texts = []
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(
                f"{name}, row {numbers[place]}: {shown(place)[:42]} is no JSON object; expected "
                'one for each measurement, such as {"width": 64, "seed": 0, "loss": 0.5}'
            )
        texts.append({key: "" if value is None else str(value) for key, value in row.items()})
    return pd.DataFrame(texts, index=list(numbers), dtype=object).fillna("")


def parquet_table(name: str, data: bytes) -> Table:
    """Columns with their types; a null is missing, a nan was computed."""
    try:
        from pyarrow import ArrowException, BufferReader, parquet
    except ModuleNotFoundError:
        raise UnavailableError(
            f"{name} is Parquet, which needs pyarrow; install scaleproof[parquet], or save as CSV"
        ) from None
    try:
        table = parquet.read_table(BufferReader(data))
    except (ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:80]
        raise InputError(f"{name} is no Parquet file ({reason}); give a table") from None
    _refuse_twice(name, table.column_names)
    columns = {
        column: pd.Series(
            values.to_numpy() if not values.null_count else _with_gaps(values.to_pylist())
        )
        for column, values in zip(table.column_names, table.columns, strict=True)
    }
    frame = pd.DataFrame(columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Table(frame)


def _with_gaps(entries: list[object]) -> ObjectArray:
    """Text, in which what is null is empty and a nan says so."""
    return np.array(["" if entry is None else str(entry) for entry in entries], dtype=object)


def _decoded(name: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not UTF-8 (byte {error.object[error.start]:#04x} at position "
            f"{error.start}); save it as UTF-8"
        ) from None
    if not text.strip():
        raise InputError(f"{name} is empty; expected a header and a row for each measurement")
    return text
