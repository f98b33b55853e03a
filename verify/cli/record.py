"""``scaleproof record``: a campaign's verdicts put on record. Imports click and ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

from theory.catalogue.records import SECOND_SEED
from theory.prediction import Profile
from verify.cli.options import Place
from verify.documents.checkout import commit_of, records_path, source_checkout, write_files
from verify.documents.record import (
    as_second_seed,
    change,
    check,
    read_report,
    records_text,
    with_report,
)
from verify.documents.tables import all_records, renewed_pages


@click.command("record")
@click.argument("report", type=Place())
@click.option(
    "--second-seed", is_flag=True, help="Put it beside the standard campaign that is on record."
)
def record_report(report: Path, second_seed: bool) -> None:
    """Put the verdicts of a campaign on record, for developers of the catalogue.

    REPORT is the report.json of `scaleproof verify`. It must be that of a finished campaign with
    today's predictions, margins, grids and controls. The records of its profile, in the source
    checkout that is imported, get its entries, and the tables of README.md and docs are made anew.
    """
    root = source_checkout()
    document = read_report(report)
    profile = check(document)
    name = SECOND_SEED if second_seed else profile.value
    records = all_records(root)
    new = with_report(records[name], document, commit_of(root))
    if second_seed:
        new = as_second_seed(new, records[Profile.STANDARD], document)
    pages = renewed_pages(root, records | {name: new})
    write_files({records_path(root, name): records_text(new)} | pages)
    changes = change(records[name], new, document)
    click.echo(
        f"{name}: {changes.new} new, {len(changes.changed)} changed, {changes.same} the same"
    )
    for line in changes.changed:
        click.echo(line)
