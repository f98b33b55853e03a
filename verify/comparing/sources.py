"""What is compared: files, or folders with them. Imports pydantic, ``reports``, ``verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from reports.comparison.document import Change, Comparison, Kind
from reports.document import Report
from reports.exits import Exit
from reports.guard.document import GuardReport
from theory.errors import InputError, UnavailableError
from verify.comparing.found import ALPHA
from verify.comparing.locks import compare_guards
from verify.comparing.reports import compare_reports
from verify.documents.record import read_report
from verify.guarding.lock import Lock, lock_of, read_lock

_IN_FOLDERS = ("report.json", "guard.json")

Source: TypeAlias = Report | Lock
_Document = TypeVar("_Document", bound=BaseModel)


def compare_files(before: Path, after: Path) -> Comparison:
    """The comparison of two files, or folders that have them.

    Raises ``UnavailableError`` for what cannot be read, and ``InputError`` for two that have
    nothing in common.
    """
    first, second = read_source(before), read_source(after)
    if isinstance(first, Report) and isinstance(second, Report):
        found = compare_reports(first, second)
    elif isinstance(first, Lock) and isinstance(second, Lock):
        found = compare_guards(first, second)
    else:
        raise InputError(
            f"{str(before)!r} and {str(after)!r}: one is a report of verdicts, the other one of a "
            "guard; give two of a kind"
        )
    order = list(Kind)
    return Comparison(
        before=str(before),
        after=str(after),
        compared=found.compared,
        changed=any(_counts(change, first) for change in found.changes),
        family_alpha=ALPHA,
        changes=sorted(found.changes, key=lambda change: order.index(change.kind)),
        notes=found.notes,
    )


def _counts(change: Change, source: Source) -> bool:
    """A campaign may ask less than another one; a network that has other exponents is another."""
    return change.kind in (Kind.VERDICT, Kind.MOVED) or isinstance(source, Lock)


def read_source(path: Path) -> Source:
    """A report, or the lock of a guard, by what the file says that it is."""
    file = _file_of(path)
    try:
        fields = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UnavailableError(
            f"cannot read {str(file)!r} ({reason}); give a report.json, a guard.json, a lock file, "
            "or a folder with report.json or guard.json"
        ) from None
    if "lock_version" in fields:
        return read_lock(file)
    if "faults" in fields:
        guard = _validated(GuardReport, fields, file)
        if guard.exit_code == Exit.STOPPED:
            raise InputError(f"{str(file)!r}: this guard was interrupted; run it again")
        return lock_of(guard)
    if "measured" in fields:
        return _validated(Report, fields["measured"], file)
    return read_report(file)


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _IN_FOLDERS:
        if (path / name).is_file():
            return path / name
    raise UnavailableError(
        f"folder {str(path)!r} has no {' and no '.join(_IN_FOLDERS)}; scaleproof report FOLDER "
        "writes the report of a campaign that is stored there"
    )


def _validated(kind: type[_Document], fields: object, file: Path) -> _Document:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{str(file)!r}: {place}: {first['msg']}; write it again with this version"
        ) from None
