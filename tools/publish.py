"""Publish a finished campaign: ``python -m tools.publish FOLDER`` writes ``published/NAME.zip``.

FOLDER is that of ``scaleproof verify``. The file holds its measurements and its report, so that
anyone judges them again without measuring. Imports click and ``reports``.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

import click

from reports.document import Report
from verify.documents.checkout import source_checkout

MEASUREMENTS, REPORT = "measurements.sqlite", "report.json"
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # of every file: the same campaign gives the same bytes


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(folder: Path) -> None:
    """Compress the measurements and the report of a campaign."""
    report = Report.model_validate_json((folder / REPORT).read_text(encoding="utf-8"))
    if not report.complete:
        raise click.UsageError(f"{folder}: interrupted; finish it with {report.command!r}")
    path = source_checkout() / "published" / f"{report.profile}-{report.seed}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(_member(MEASUREMENTS), _compact(folder / MEASUREMENTS))
        archive.writestr(_member(REPORT), (folder / REPORT).read_bytes())
    click.echo(f"{path}")


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _ALWAYS)
    member.compress_type = zipfile.ZIP_LZMA
    return member


def _compact(measurements: Path) -> bytes:
    """The bytes of one file with everything that was written, and without free pages."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / MEASUREMENTS
        with closing(sqlite3.connect(measurements)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        return copy.read_bytes()


if __name__ == "__main__":
    main()
