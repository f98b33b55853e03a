"""``scaleproof record``: a campaign's verdicts put on record. Imports click and ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

from verify.documents.checkout import commit_of, records_path, source_checkout, write_files
from verify.documents.record import (
    change,
    check,
    read_report,
    records_text,
    with_report,
)
from verify.documents.tables import all_records, renewed_pages


@click.command("record")
@click.argument("report", type=click.Path(path_type=Path))
def record_report(report: Path) -> None:
    """Put the verdicts of a campaign on record, for developers of the catalogue.

    REPORT is the report.json of `scaleproof verify`. It must be that of a finished campaign with
    today's predictions, margins, grids and controls. The records of its profile, in the source
    checkout that is imported, get its entries, and the tables of README.md and docs are made anew.
    """
    root = source_checkout()
    document = read_report(report)
    profile = check(document)
    records = all_records(root)
    new = with_report(records[profile], document, commit_of(root))
    tables = renewed_pages(root, records | {profile: new})
    path = records_path(root, profile)
    write_files({path: records_text(new)} | tables)
    changes = change(records[profile], new, document)
    click.echo(
        f"{path}: {changes.new} new, {len(changes.changed)} changed, {changes.same} the same"
    )
    for line in changes.changed:
        click.echo(line)
