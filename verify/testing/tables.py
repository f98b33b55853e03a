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

    >>> import pandas as pd
    >>> from scaleproof import ExponentEquals, assert_scaling
    >>> frame = pd.DataFrame(
    ...     {"depth": L, "seed": seed, "update": L**-1.5 * (1 + 0.1 * ((7 * seed + L) % 5))}
    ...     for seed in range(12)
    ...     for L in (4, 8, 16, 32)
    ... )
    >>> claim = ExponentEquals("depth", "-3/2")
    >>> assert_scaling(frame, claim, y="update", replicate="seed", margin=0.1).verdict.value
    'accepted'
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
