"""The report of a judged table. Imports ``reports`` and ``verify``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reports.document import PredictionEntry, Report
from theory.catalogue import recorded
from verify.documents.entries import (
    cell_entries,
    checks_entry,
    environment,
    plotted,
    scale_of,
    times,
    verdict_fields,
)
from verify.judging.evidence import FAMILY_ALPHA
from verify.judging.verdict import Judgement
from verify.tables.frame import Columns
from verify.tables.judge import Task


def table_report(
    path: Path,
    columns: Columns,
    task: Task,
    judgement: Judgement,
    command: str,
    started: datetime,
) -> Report:
    """The same document as that of a campaign, with one entry and without controls."""
    found, evidence = task.prediction, judgement.evidence
    record = None if found is None else recorded(found)
    entry = PredictionEntry(
        id=path.stem if found is None else found.id,
        sentence=f"Column {columns.y!r} of {path.name}: {task.claim.relation}.",
        citation="stated with the table" if found is None else str(found.citation),
        standing=None,
        twin=None,
        observable=columns.y,
        definition=f"column {columns.y!r}, measured elsewhere",
        plotted=plotted(task.claim.relation, columns.y),
        scale=scale_of(task.claim.relation),
        setting=f"replicates by column {columns.replicate!r}",
        parameterization_source="",
        axis=columns.x,
        corrections=list(task.corrections),
        margin_reason="stated with the table" if found is None else found.margin_reason,
        engines={},
        recorded=None if record is None else record.verdict,
        checks=checks_entry(evidence),
        cells=cell_entries(evidence),
        controls=[],
        rival=None,
        campaigns=[],
        command=command,
        **verdict_fields(task.claim, judgement),
    )
    return Report(
        profile=None,
        seed=None,
        table=path.name,
        images=None,
        engine=None,
        code=None,
        family=1,
        family_alpha=FAMILY_ALPHA,
        looks=1,
        complete=True,
        command=command,
        environment=environment(None),
        times=times(started),
        predictions=[entry],
    )
