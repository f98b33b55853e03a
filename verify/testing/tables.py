"""A table of measurements as an assertion. Imports ``reports``, ``theory`` and ``verify``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.assertion import table_text
from reports.document import VerdictEntry
from theory.prediction import Prediction
from theory.relations import Relation
from theory.verdict import Verdict
from verify.documents.entries import verdict_fields
from verify.judging.verdict import Judgement
from verify.tables.judge import judge


def assert_scaling(
    frame: pd.DataFrame, relation: Relation | Prediction, **options: Any
) -> Judgement:
    """Judge a frame as ``judge`` does, with its options, and return what is accepted.

    Raises ``AssertionError`` for any other verdict, with estimate, interval, margin and reason;
    an inconclusive one says how many replicates would decide. ``InputError`` as ``judge`` does.
    """
    __tracebackhide__ = True
    judgement = judge(frame, relation, **options)
    if judgement.verdict is Verdict.ACCEPTED:
        return judgement
    assert judgement.evidence is not None
    entry = VerdictEntry(**verdict_fields(judgement.evidence.claim, judgement))
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    command = f"scaleproof.judge(frame, relation{given})"
    raise AssertionError(table_text(entry, str(options.get("y", "the table")), command))
