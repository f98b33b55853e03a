"""Files of measurements as one frame of text. Imports pandas and ``theory``.

One file or all that a pattern names; what folders and runs are called can become columns.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from glob import iglob
from pathlib import Path, PurePath

import pandas as pd

from theory.errors import InputError, UnavailableError
from verify.tables.exports import long_chart
from verify.tables.formats import Table, comma_separated, joined, json_table, parquet_table

_READERS: Mapping[str, Callable[[str, bytes], Table]] = {
    ".jsonl": json_table,
    ".ndjson": json_table,
    ".json": json_table,
    ".parquet": parquet_table,
    ".pq": parquet_table,
}
# What a name ends with that is a table's, whether it is there or not.
SUFFIXES = (".csv", ".tsv", ".gz", *_READERS)
_MAGIC = "*?["


def read_table(path: Path) -> pd.DataFrame:
    """The table of one file; see ``read_tables``."""
    return read_tables([str(path)]).frame


def read_tables(patterns: Sequence[str], from_path: str | None = None) -> Table:
    """The rows of all files as text, indexed by line number, so that a complaint can name the line.

    UTF-8 with a header, separated by commas, semicolons, tabs or bars; one JSON object a line or an
    array of them; Parquet; any of them gzipped. The named groups of ``from_path``, a regular
    expression that is searched in every path, become columns; in a chart that Weights & Biases
    exports it is searched in ``path/run``. Raises ``DomainError`` for anything else.
    """
    pattern = _compiled(from_path)
    # A file that two patterns name is one file.
    paths = list({path.resolve(): path for given in patterns for path in _paths(given)}.values())
    tables = [_one(path, pattern) for path in paths]
    empty = [path.name for path, table in zip(paths, tables, strict=True) if table.frame.empty]
    if empty:
        raise InputError(f"{empty[0]} has no rows of measurements; expected one for each")
    if len(tables) == 1:
        return tables[0]
    for path, table in zip(paths, tables, strict=True):
        table.frame.index = pd.Index([f"{line} of {path}" for line in table.frame.index])
    frame = joined([table.frame for table in tables])
    said = dict.fromkeys(line for table in tables for line in table.said)
    return Table(frame, (f"{len(paths)} files, {len(frame)} rows", *said))


def _paths(given: str) -> list[Path]:
    """The file of a name, or all files of a pattern, in order."""
    if os.path.exists(given) or not any(mark in given for mark in _MAGIC):  # noqa: PTH110 - any text
        return [Path(given)]
    # Path.glob takes no absolute pattern.
    found = sorted(filter(Path.is_file, map(Path, iglob(given, recursive=True))))  # noqa: PTH207
    if not found:
        raise UnavailableError(f"no file matches {given!r} from {Path.cwd()}; give another pattern")
    return found


def _compiled(from_path: str | None) -> re.Pattern[str] | None:
    if from_path is None:
        return None
    try:
        pattern = re.compile(from_path)
    except re.error as error:
        raise InputError(f"--from-path {from_path!r}: no regular expression ({error})") from None
    if not pattern.groupindex:
        raise InputError(
            f"--from-path {from_path!r} names no group; a column is one, such as (?P<depth>[0-9]+)"
        )
    return pattern


def _one(path: Path, pattern: re.Pattern[str] | None) -> Table:
    name, data = path.name, _bytes(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        data, suffixes = _unzipped(name, data), suffixes[:-1]
        name = name[: -len(".gz")]
    kind = suffixes[-1] if suffixes else ""
    table = long_chart(_READERS.get(kind, comma_separated)(name, data))
    return table if pattern is None else _with_columns(table, path, pattern)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(f"cannot read {str(path)!r} ({reason}); give a table") from None


def _unzipped(name: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is not gzipped, or damaged ({error}); pack it again") from None


def _with_columns(table: Table, path: Path, pattern: re.Pattern[str]) -> Table:
    """The groups of the pattern as columns, from the path, and from the run where there is one."""
    frame = table.frame
    taken = [group for group in pattern.groupindex if group in frame.columns]
    if taken:
        raise InputError(
            f"--from-path names {taken[0]!r}, which is a column of {path.name} already; name the "
            "group otherwise"
        )
    place = PurePath(path).as_posix()
    runs = pd.Series("", index=frame.index) if table.runs is None else frame[table.runs]
    read = {run: _groups(f"{place}/{run}" if run else place, pattern) for run in runs.unique()}
    columns = {group: runs.map(lambda run, g=group: read[run][g]) for group in pattern.groupindex}
    return table._replace(frame=frame.assign(**columns))


def _groups(text: str, pattern: re.Pattern[str]) -> Mapping[str, str]:
    found = pattern.search(text)
    if found is None:
        raise InputError(f"--from-path {pattern.pattern!r} does not match {text!r}")
    return {group: value or "" for group, value in found.groupdict().items()}
