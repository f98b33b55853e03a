"""Draw the picture of one verdict: ``python -m tools.readme_picture REPORT.json ID``.

The same report gives the same bytes. The picture of the README is of ``A6.total.depth`` in the
report of ``scaleproof verify A6``.
"""

from __future__ import annotations

from pathlib import Path

import click

from reports.document import Report
from reports.plots import verdict_picture

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("report", type=_FILE)
@click.argument("prediction", metavar="ID")
@click.option("--out", type=_FILE, default=Path("docs/verdict.svg"), show_default=True)
def main(report: Path, prediction: str, out: Path) -> None:
    """Draw one prediction of a report."""
    document = Report.model_validate_json(report.read_text(encoding="utf-8"))
    entries = {entry.id: entry for entry in document.predictions}
    if prediction not in entries:
        raise click.UsageError(f"{prediction!r} is not in the report; it has {', '.join(entries)}")
    out.write_text(verdict_picture(entries[prediction]) + "\n", encoding="utf-8")
    click.echo(f"{out}")


if __name__ == "__main__":
    main()
