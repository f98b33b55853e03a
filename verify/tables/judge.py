"""A verdict on a table. Imports numpy, pandas, ``theory`` and ``verify``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd

from theory.arrays import FloatArray
from theory.errors import InputError
from theory.expectations import Summary
from theory.prediction import Prediction
from theory.quantities import Curve
from theory.relations import Relation
from theory.scaling import Axis, Cell
from theory.verdict import Reason, ReasonKind
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import Evidence, Unjudged, weigh
from verify.judging.quantities import FAMILY_ALPHA, Column, claim_of, reading
from verify.judging.verdict import Judgement, conclude, fit_levels_of
from verify.tables.frame import Arrangement, Columns, arranged, correction, listed


class Task(NamedTuple):
    """Measurements with the claim that is made of them, ready to be weighed."""

    claim: Claim
    measured: Measured
    corrections: tuple[str, ...]
    prediction: Prediction | None


def judge(
    frame: pd.DataFrame,
    relation: Relation | Prediction,
    *,
    y: str,
    replicate: str,
    margin: float | Fraction | None = None,
    x: str | None = None,
    pair: str | None = None,
    rate: str | None = None,
    corrections: Sequence[str] = (),
) -> Judgement:
    """The verdict on a frame with one measurement a row, at confidence 0.95.

    ``relation`` names its column of sizes as its axis (``ExponentEquals("depth", "-3/2")``), and a
    second setting as the pairing column does; or it is a prediction of the catalogue, whose sizes
    are in column ``x`` (``width`` or ``depth`` unless given). ``y``, ``replicate``, ``pair`` and
    ``rate`` name columns, the last two where the relation needs them; ``corrections`` are columns
    or ratios of columns such as ``1/depth``. ``margin`` is on the scale of the exponent or relative
    to the value, and comes with a prediction.

    There is no negative control: whoever measured has to show one. An empty text or ``None`` in y,
    and a row that is not there, is missing; a nan in a column of numbers is what a computation gave
    and counts as diverged, so drop such rows if they were never measured. Raises ``InputError``
    for anything that cannot be judged.

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
    subject = Subject.of(relation, margin, x, corrections)
    columns = Columns(subject.x, y, replicate, pair, rate)
    return conclude_task(task_of(frame, columns, subject))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is claimed of a table: a relation about its columns, or a prediction, with a margin.

    ``x`` is the column of sizes.
    """

    relation: Relation
    x: str
    margin: float
    corrections: tuple[str, ...]
    prediction: Prediction | None

    @classmethod
    def of(
        cls,
        claim: Relation | Prediction,
        margin: float | Fraction | None,
        x: str | None = None,
        corrections: Sequence[str] = (),
    ) -> Subject:
        """Raises ``InputError`` for what no table can be judged by."""
        prediction = claim if isinstance(claim, Prediction) else None
        relation = claim.relation if isinstance(claim, Prediction) else claim
        if not isinstance(relation, Relation):
            raise InputError(
                f"{claim!r}: expected a relation or a prediction, such as "
                'scaleproof.find("A6.own.depth")'
            )
        _check_relation(relation, prediction)
        column = str(relation.axis)
        if x not in (None, column) and not isinstance(relation.axis, Axis):
            raise InputError(f"x {x!r}: [{relation}] has its sizes in column {column!r}")
        if prediction is None:
            return cls(relation, x or column, _margin(margin), tuple(corrections), None)
        if margin is not None:
            raise InputError(
                f"margin {margin}: {prediction.id} brings its own, {float(prediction.margin):g}; "
                "leave it out"
            )
        if corrections:
            raise InputError(f"{prediction.id} declares its own corrections; leave them out")
        powers = tuple(str(power) for power in prediction.regime.corrections)
        return cls(relation, x or column, float(prediction.margin), powers, prediction)


def conclude_task(task: Task) -> Judgement:
    """Weigh and conclude: a family of one, one look; its fit is the only one that is tested."""
    evidence = _without_control(weigh(task.claim, task.measured))
    return conclude(evidence, FAMILY_ALPHA, float(fit_levels_of([evidence], FAMILY_ALPHA)[0]))


def _without_control(evidence: Evidence) -> Evidence:
    """The evidence, with a note that no control vouches for it."""
    if isinstance(evidence, Unjudged):
        return evidence
    return replace(evidence, notes=(*evidence.notes, Reason(ReasonKind.NO_CONTROL)))


def task_of(frame: pd.DataFrame, columns: Columns, subject: Subject) -> Task:
    """Measurements and claim; ``InputError`` says what is wrong with the table or the claim."""
    relation, prediction = subject.relation, subject.prediction
    _check_columns(columns, relation)
    grid = arranged(frame, columns)
    sizes, exponent = grid.sizes, relation.summary is Summary.EXPONENT
    if exponent and len(sizes) < 2:
        raise InputError(
            f"one value of {columns.x!r} ({sizes[0]:g}): an exponent needs at least two"
        )
    if subject.corrections and not exponent:
        raise InputError(f"[{relation}] is no exponent: corrections say nothing; leave them out")

    def curve_values(curve: Curve) -> FloatArray:
        assert prediction is not None
        setting = prediction.setting
        cells = _cells(frame, columns, grid, prediction)
        network = (setting.architecture, setting.parameterization)
        return np.array([curve(*network, cell) for cell in cells])

    claim = claim_of(
        relation,
        subject.margin,
        grid.values.shape[1],
        [f"{columns.x} = {size:g}" for size in sizes],
        sizes,
        _corrections(frame, columns, grid, subject),
        curve_values,
    )
    measured = _measured(grid, relation)
    _refuse_negative(frame, columns, relation, measured)
    return Task(claim, measured, subject.corrections, prediction)


def _check_relation(relation: Relation, prediction: Prediction | None) -> None:
    read, compared = reading(relation.quantity), relation.quantity.compared_with()
    id = f"[{relation}]" if prediction is None else prediction.id
    if not read.judges_tables:
        raise InputError(
            f"{id} is about what only a campaign measures, an excess over a limit or losses at "
            "tuned rates; no table is judged by it"
        )
    if prediction is not None and read.column is not None:
        raise InputError(f"{id} compares settings or rates; state the claim itself instead")
    if prediction is None and relation.quantity.exact_curve() is not None:
        raise InputError(f"{id} needs networks to be computed for; give a prediction that has it")
    if compared is not None and not isinstance(compared, str):
        raise InputError(f"{id}: give the other setting as the pairing column names it")


def _check_columns(columns: Columns, relation: Relation) -> None:
    needs = reading(relation.quantity).column
    if (needs is Column.PAIR) != (columns.pair is not None):
        raise InputError(
            "a comparison needs a pairing column, and a pairing column a comparison of exponents "
            "or settings"
        )
    if (needs is Column.RATE) != (columns.rate is not None):
        raise InputError(
            "a best learning rate needs a column of learning rates, and only it: give both"
        )


def _margin(margin: float | Fraction | None) -> float:
    if margin is None:
        raise InputError("no margin; say before judging how far off is still right")
    wrong = isinstance(margin, bool) or not isinstance(margin, int | float | Fraction)
    if wrong or not (margin > 0 and math.isfinite(margin)):
        raise InputError(f"margin {margin!r}: expected a positive number")
    return float(margin)


def _corrections(
    frame: pd.DataFrame, columns: Columns, grid: Arrangement, subject: Subject
) -> FloatArray | None:
    """Declared columns of the regression (sizes, columns), if there are any."""
    if not subject.corrections:
        return None
    if subject.prediction is None:
        parts = [correction(frame, columns, text, grid.sizes) for text in subject.corrections]
    else:
        cells = _cells(frame, columns, grid, subject.prediction)
        powers = subject.prediction.regime.corrections
        parts = [np.array([power.at(cell) for cell in cells]) for power in powers]
    return np.array(parts).T


def _cells(
    frame: pd.DataFrame, columns: Columns, grid: Arrangement, prediction: Prediction
) -> list[Cell]:
    """Widths and depths: x along the prediction's axis, the other one from a column of its name."""
    along = prediction.relation.axis
    (across,) = (axis for axis in Axis if axis is not along)
    others = correction(frame, columns, str(across), grid.sizes)
    pairs = zip(grid.sizes, others, strict=True)
    return [
        Cell(int(size), int(other)) if along is Axis.WIDTH else Cell(int(other), int(size))
        for size, other in pairs
    ]


def _measured(grid: Arrangement, relation: Relation) -> Measured:
    column = reading(relation.quantity).column
    if column is Column.RATE:
        ratios = grid.rates[1:] / grid.rates[:-1]
        if len(grid.rates) < 3 or not np.allclose(ratios, ratios[0], rtol=1e-3):
            raise InputError(
                f"learning rates {listed(f'{rate:g}' for rate in grid.rates)}: expected at least "
                "three in constant ratio"
            )
        absent = np.asarray(grid.missing[0].any(axis=-1))
        return Measured(grid.values[0], rates=grid.rates, missing=absent)
    values, missing = grid.values[..., 0], grid.missing[..., 0]
    if column is None:
        return Measured(values[0], missing=missing[0])
    other = grid.names.index(other_name(grid.names, relation))
    return Measured(values[1 - other], values[other], missing=np.asarray(missing.any(axis=0)))


def other_name(names: Sequence[str], relation: Relation) -> str:
    """The setting that is compared with, of the two that a pairing column names."""
    if len(names) != 2:
        named = listed(map(repr, names))
        raise InputError(f"the pairing column names {named}; expected two settings")
    other = relation.quantity.compared_with()
    if other not in names:
        raise InputError(
            f"setting {other!r} is not in the pairing column; choose one of: {', '.join(names)}"
        )
    return str(other)


def _refuse_negative(
    frame: pd.DataFrame, columns: Columns, relation: Relation, measured: Measured
) -> None:
    """Logarithms and ratios need positive values; the first row that has another is named."""
    parts = [measured.values] + ([] if measured.other is None else [measured.other])
    positive = reading(relation.quantity).positive
    if not positive or not any((part <= 0).any() for part in parts):
        return
    values = pd.to_numeric(frame[columns.y], errors="coerce")
    place = int((values <= 0).to_numpy().argmax())
    raise InputError(
        f"row {frame.index[place]}: {values.iloc[place]:g} in column {columns.y!r}: "
        f"[{relation}] needs positive values"
    )
