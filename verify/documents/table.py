"""The report of a judged table. Imports ``reports`` and ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from reports.document import ControlEntry, PredictionEntry, Report
from verify.documents.entries import (
    checks_entry,
    environment,
    plot_fields,
    times,
    verdict_fields,
)
from verify.judging.quantities import FAMILY_ALPHA, reading
from verify.tables.columns import Columns
from verify.tables.family import Answer, ControlAnswer, Family

if TYPE_CHECKING:
    from theory.catalogue import Recorded
    from theory.prediction import Prediction


def table_report(
    name: str,
    columns: Columns,
    family: Family,
    command: str,
    started: datetime,
) -> Report:
    """The same document as that of a campaign, with an entry for each group of the table."""
    controls = [] if family.control is None else [_control_entry(family.control)]
    return Report(
        profile=None,
        seed=None,
        table=name,
        images=None,
        engine=None,
        code=None,
        family=len(family.answers),
        family_alpha=FAMILY_ALPHA,
        looks=1,
        complete=True,
        command=command,
        environment=environment(),
        times=times(started, started),
        predictions=[_entry(a, name, columns, controls, command) for a in family.answers],
        left_out=family.left_out,
    )


def _entry(
    answer: Answer, table: str, columns: Columns, controls: Sequence[ControlEntry], command: str
) -> PredictionEntry:
    task, judgement = answer.task, answer.judgement
    prediction, evidence, relation = task.prediction, judgement.evidence, task.claim.relation
    record = None if prediction is None else _recorded(prediction)
    where = f", {answer.label}" if answer.label else ""
    own = table.rsplit(".", 1)[0] if prediction is None else prediction.id
    observable, definition = columns.y, f"column {columns.y!r}, measured elsewhere"
    if prediction is not None:
        observable = str(prediction.observable)
        definition = f"{definition}, taken for: {prediction.observable.definition}"
    replicates = (
        "rows in order"
        if columns.replicate is None
        else f"replicates by column {columns.replicate!r}"
    )
    return PredictionEntry(
        id=answer.label or own,
        sentence=f"Column {columns.y!r} of {table}{where}: {relation}.",
        citation="stated with the table" if prediction is None else str(prediction.citation),
        standing=None,
        twin=None,
        observable=observable,
        definition=definition,
        plotted=reading(relation.quantity).plotted(columns.y, relation.summary),
        setting=replicates,
        parameterization_source="",
        axis=columns.x,
        corrections=list(task.corrections),
        margin_reason="stated with the table" if prediction is None else prediction.margin_reason,
        design=None,
        engines={},
        recorded=None if record is None else record.verdict,
        checks=checks_entry(evidence),
        controls=list(controls),
        rival=None,
        campaigns=[],
        command=command,
        **plot_fields(task.claim, evidence),
        **verdict_fields(task.claim, judgement),
    )


def _recorded(prediction: Prediction) -> Recorded | None:
    """What is on record; the catalogue takes a while to load, and most claims are not of it."""
    from theory.catalogue import recorded

    return recorded(prediction)


def _control_entry(control: ControlAnswer) -> ControlEntry:
    answer = control.answer
    return ControlEntry(
        name=control.name,
        setting=answer.label or "the rows of the control",
        of_rates=False,
        shifted=None,
        **verdict_fields(answer.task.claim, answer.judgement),
    )
