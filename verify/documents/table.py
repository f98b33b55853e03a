"""The report of a judged table. Imports ``reports`` and ``verify``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reports.document import PredictionEntry, Report
from theory.catalogue import recorded
from verify.documents.entries import (
    checks_entry,
    environment,
    plot_fields,
    times,
    verdict_fields,
)
from verify.judging.quantities import FAMILY_ALPHA, reading
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
    prediction, evidence, relation = task.prediction, judgement.evidence, task.claim.relation
    record = None if prediction is None else recorded(prediction)
    entry = PredictionEntry(
        id=path.stem if prediction is None else prediction.id,
        sentence=f"Column {columns.y!r} of {path.name}: {relation}.",
        citation="stated with the table" if prediction is None else str(prediction.citation),
        standing=None,
        twin=None,
        observable=columns.y,
        definition=f"column {columns.y!r}, measured elsewhere",
        plotted=reading(relation.quantity).plotted(columns.y, relation.summary),
        setting=f"replicates by column {columns.replicate!r}",
        parameterization_source="",
        axis=columns.x,
        corrections=list(task.corrections),
        margin_reason="stated with the table" if prediction is None else prediction.margin_reason,
        design=None,
        engines={},
        recorded=None if record is None else record.verdict,
        checks=checks_entry(evidence),
        controls=[],
        rival=None,
        campaigns=[],
        command=command,
        **plot_fields(task.claim, evidence),
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
        environment=environment(),
        times=times(started, started),
        predictions=[entry],
    )
