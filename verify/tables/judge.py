"""A verdict on a table. Imports numpy, pandas, ``theory`` and ``verify``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import pandas as pd

from theory.errors import InputError
from theory.prediction import Prediction
from theory.relations import Relation
from verify.judging.verdict import Judgement
from verify.tables.columns import Columns
from verify.tables.family import judge_family
from verify.tables.groups import Empty, Selection, Zeros, several
from verify.tables.subject import Subject


def judge(
    frame: pd.DataFrame,
    relation: Relation | Prediction,
    *,
    y: str,
    replicate: str | None = None,
    replicate_by_order: bool = False,
    margin: float | Fraction | None = None,
    x: str | None = None,
    pair: str | None = None,
    rate: str | None = None,
    corrections: Sequence[str] = (),
    where: Mapping[str, object] | None = None,
    by: str | Sequence[str] = (),
    fold_blocks: bool = False,
    control: tuple[str, object] | None = None,
    zeros: str = Zeros.REFUSE,
    empty: str = Empty.MISSING,
) -> Judgement:
    """The verdict on a frame with one measurement a row, at confidence 0.95.

    ``relation`` names its column of sizes as its axis (``ExponentEquals("depth", "-3/2")``), and a
    second setting as the pairing column does; or it is a prediction of the catalogue, whose sizes
    are in column ``x`` (``width`` or ``depth`` unless given). ``y``, ``replicate``, ``pair`` and
    ``rate`` name columns, the last two where the relation needs them; ``corrections`` are columns
    or ratios of columns such as ``1/depth``. ``margin`` is on the scale of the exponent or relative
    to the value, and comes with a prediction. ``replicate_by_order`` takes repeated rows as
    replicates in their order, where no column names them.

    ``where`` keeps the rows in which columns have these values. ``by`` names columns of groups,
    which are judged as one family (Holm): ``groups`` of the judgement has a judgement for each,
    ``left_out`` those that say nothing, and the judgement itself is that of the worst.
    ``fold_blocks`` takes the mean over modules whose names differ in a number between dots only.
    ``control`` is a column and the value of rows that must be rejected; without one whoever
    measured has to show it. ``zeros`` says whether exact zeros are ``missing`` or refused.

    An empty text or ``None`` in y, and a row that is not there, is missing; a nan in a column of
    numbers is what a computation gave and counts as diverged, so drop such rows if they were never
    measured; ``empty="diverged"`` says so of what is empty. Raises ``InputError`` for anything that
    cannot be judged.

    >>> import pandas as pd
    >>> from scaleproof import ExponentEquals, judge
    >>> frame = pd.DataFrame(
    ...     {"depth": L, "seed": seed, "update": L**-1.5 * (1 + 0.1 * ((7 * seed + L) % 5))}
    ...     for seed in range(12)
    ...     for L in (4, 8, 16, 32)
    ... )
    >>> claim = ExponentEquals("depth", "-3/2")
    >>> found = judge(frame, claim, y="update", replicate="seed", margin=0.1)
    >>> print(f"{found.verdict}: {found.interval.estimate:.3f}")
    accepted: -1.496
    """
    if isinstance(corrections, str):
        raise InputError(f"corrections {corrections!r}: expected a list of them")
    if (replicate is None) != replicate_by_order:
        raise InputError(
            "name the column of replicates, or take repeated rows in their order "
            "(replicate_by_order=True): one of the two"
        )
    for name, given, allowed in (("zeros", zeros, Zeros), ("empty", empty, Empty)):
        if given not in set(allowed):
            raise InputError(f"{name} {given!r}: expected one of {', '.join(allowed)}")
    subject = Subject.of(relation, margin, x, corrections)
    frame, measured, named = several(frame, y)
    columns = Columns(subject.x, measured, replicate, pair, rate)
    groups = (by,) if isinstance(by, str) else tuple(by)
    selection = Selection(
        where or {}, (*named, *groups), fold_blocks, control, Zeros(zeros), Empty(empty)
    )
    return judge_family(frame, columns, subject, selection).judgement
