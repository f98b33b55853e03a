"""Files of measurements: CSV and JSON lines. Imports pandas and ``theory``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd

from theory.errors import DomainError

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
        raise DomainError(f"cannot read {str(path)!r} ({reason}); give a table") from None
    except UnicodeDecodeError as error:
        raise DomainError(
            f"{path.name} is not UTF-8 (byte {error.object[error.start]:#04x} at position "
            f"{error.start}); save it as UTF-8"
        ) from None
    if not text.strip():
        raise DomainError(f"{path.name} is empty; expected a header and a row for each measurement")
    json_lines = path.suffix.lower() in _JSON_LINES
    frame = _json_lines(path.name, text) if json_lines else _comma_separated(path.name, text)
    if frame.empty:
        raise DomainError(f"{path.name} has no rows below its header; expected measurements")
    return frame


def _comma_separated(name: str, text: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, skip_blank_lines=False
        )
    except pd.errors.ParserError as error:
        reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise DomainError(f"{name} is no table of commas: {reason}") from None
    frame.columns = frame.columns.str.strip()
    frame.index = pd.RangeIndex(2, len(frame) + 2)  # line 1 is the header
    blank = (frame == "").all(axis=1)
    return frame[~blank]


def _json_lines(name: str, text: str) -> pd.DataFrame:
    rows, numbers = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DomainError(f"{name}, row {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DomainError(f"{name}, row {number}: {line.strip()[:40]!r} is no JSON object")
        rows.append({key: "" if value is None else str(value) for key, value in row.items()})
        numbers.append(number)
    return pd.DataFrame(rows, index=numbers).fillna("")
