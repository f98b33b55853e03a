"""Files of measurements: CSV and JSON lines. Imports pandas and ``theory``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd

from theory.errors import InputError, UnavailableError

_JSON_LINES = (".jsonl", ".ndjson", ".json")


def read_table(path: Path) -> pd.DataFrame:
    """The table as text, indexed by line number, so that a complaint can name the line.

    UTF-8, comma-separated with a header, or one JSON object a line (``.jsonl``, ``.ndjson``,
    ``.json``). Raises ``DomainError`` for anything else.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(f"cannot read {str(path)!r} ({reason}); give a table") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8 (byte {error.object[error.start]:#04x} at position "
            f"{error.start}); save it as UTF-8"
        ) from None
    if not text.strip():
        raise InputError(f"{path.name} is empty; expected a header and a row for each measurement")
    json_lines = path.suffix.lower() in _JSON_LINES
    frame = _json_lines(path.name, text) if json_lines else _comma_separated(path.name, text)
    if frame.empty:
        raise InputError(f"{path.name} has no rows of measurements; expected one for each")
    return frame


def _comma_separated(name: str, text: str) -> pd.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, numbers = [], []
    try:
        header = [column.strip() for column in next(reader)]
        for row in reader:
            if any(row):
                rows.append(row)
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{name}, row {reader.line_num}: no table of commas ({error})") from None
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise InputError(f"{name}: its header names {twice[0]!r} twice; name each column once")
    for number, row in zip(numbers, rows, strict=True):
        if len(row) != len(header):
            raise InputError(
                f"{name}, row {number}: {len(row)} fields under a header of {len(header)}"
            )
    return pd.DataFrame(rows, index=numbers, columns=header, dtype=str)


def _json_lines(name: str, text: str) -> pd.DataFrame:
    rows, numbers = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}, row {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise InputError(f"{name}, row {number}: {line.strip()[:40]!r} is no JSON object")
        rows.append({key: "" if value is None else str(value) for key, value in row.items()})
        numbers.append(number)
    return pd.DataFrame(rows, index=numbers).fillna("")
