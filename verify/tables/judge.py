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
from theory.catalogue import find
from theory.errors import InputError
from theory.prediction import Prediction
from theory.relations import (
    BestRateExponentEquals,
    ExcessExponent,
    Exponent,
    ExponentAtMost,
    ExponentEquals,
    ExponentsEqual,
    ExponentsOrdered,
    OfCurve,
    Paired,
    Relation,
    SettingsEqual,
    SettingsOrdered,
    Sweep,
    TransferRegretAtMost,
    TunedOrdered,
    ValueAtMost,
    ValueEquals,
)
from theory.scaling import Axis, Cell, Rational, rational
from verify.judging.evidence import FAMILY_ALPHA, Claim, Evidence, Measured, weigh
from verify.judging.verdict import Judgement, conclude, fit_levels_of
from verify.statistics.regression import PowerLaw
from verify.tables.frame import Columns, Grid, arranged, correction, listed

_ORIGIN = "stated with the table"
_LARGEST_EXPONENT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is claimed of a table: exactly one of these; ``InputError`` otherwise.

    ``prediction``: an id of the catalogue. ``exponent``, ``exponent_at_most``: of x.
    ``best_rate_exponent``: of the learning rate with the smallest y. ``value``, ``value_at_most``:
    of the mean of y in every cell. ``same_exponent``, ``same``: of the two settings of the pairing
    column, whose exponents are equal, or y in every cell. ``smaller_exponent``, ``smaller``: which
    of the two has the smaller exponent, or the smaller y in every cell.
    """

    prediction: str | None = None
    exponent: Rational | None = None
    exponent_at_most: Rational | None = None
    best_rate_exponent: Rational | None = None
    value: float | None = None
    value_at_most: float | None = None
    same_exponent: bool = False
    smaller_exponent: str | None = None
    same: bool = False
    smaller: str | None = None

    def __post_init__(self) -> None:
        claims = {name: getattr(self, name) for name in self.__slots__}
        made = [name for name, said in claims.items() if said is not None and said is not False]
        if len(made) != 1:
            found = " and ".join(made) if made else "none"
            raise InputError(
                f"claims: {found}; expected exactly one of: {', '.join(self.__slots__)}"
            )

    @property
    def pairs(self) -> bool:
        """Two settings are compared."""
        named = self.smaller_exponent is not None or self.smaller is not None
        return self.same_exponent or self.same or named


class Task(NamedTuple):
    """Measurements with the claim that is made of them, ready to be weighed."""

    claim: Claim
    measured: Measured
    corrections: tuple[str, ...]
    prediction: Prediction | None


def judge(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    replicate: str,
    margin: float | Fraction | None = None,
    corrections: Sequence[str] = (),
    pair: str | None = None,
    rate: str | None = None,
    prediction: str | None = None,
    exponent: Rational | None = None,
    exponent_at_most: Rational | None = None,
    best_rate_exponent: Rational | None = None,
    value: float | None = None,
    value_at_most: float | None = None,
    same_exponent: bool = False,
    smaller_exponent: str | None = None,
    same: bool = False,
    smaller: str | None = None,
) -> Judgement:
    """The verdict on a frame with one measurement a row, at confidence 0.95.

    ``x``, ``y`` and ``replicate`` name columns, ``pair`` and ``rate`` too where the claim needs
    them; ``corrections`` are columns or ratios of columns such as ``1/depth``. Claims are those of
    ``Statement``; ``margin`` is on the scale of the exponent or relative to the value, and comes
    with the prediction where one is named. There is no negative control: whoever measured has to
    show one. An empty text or ``None`` in y, and a row that is not there, is missing; a nan in a
    column of numbers is what a computation gave and counts as diverged, so drop such rows if they
    were never measured. Raises ``InputError`` for anything that cannot be judged.
    """
    statement = Statement(
        prediction=prediction,
        exponent=exponent,
        exponent_at_most=exponent_at_most,
        best_rate_exponent=best_rate_exponent,
        value=value,
        value_at_most=value_at_most,
        same_exponent=same_exponent,
        smaller_exponent=smaller_exponent,
        same=same,
        smaller=smaller,
    )
    if isinstance(corrections, str):
        raise InputError(f"corrections {corrections!r}: expected a list of them")
    columns = Columns(x, y, replicate, pair, rate)
    return conclude_task(task_of(frame, columns, statement, margin, corrections))


def conclude_task(task: Task) -> Judgement:
    """Weigh and conclude: a family of one, one look; its fit is the only one that is tested."""
    evidence = _weighed(task)
    return conclude(evidence, FAMILY_ALPHA, float(fit_levels_of([evidence], FAMILY_ALPHA)[0]))


def _weighed(task: Task) -> Evidence:
    evidence = weigh(task.claim, task.measured)
    said = "; judged without a negative control"
    if evidence.problem is None:
        return replace(evidence, note=evidence.note + said)
    return evidence


def task_of(
    frame: pd.DataFrame,
    columns: Columns,
    statement: Statement,
    margin: float | Fraction | None,
    corrections: Sequence[str] = (),
) -> Task:
    """Measurements and claim; ``InputError`` says what is wrong with the table or the claim."""
    found = None if statement.prediction is None else find(statement.prediction)
    _check_columns(columns, statement, found)
    grid = arranged(frame, columns)
    relation = found.relation if found is not None else _relation(statement, columns, grid)
    width = _margin(margin, found)
    declared = [str(power) for power in found.regime.corrections] if found else list(corrections)
    law, predicted = None, None
    if isinstance(relation, Exponent):
        law = _law(frame, columns, grid, found, corrections)
    elif corrections:
        raise InputError(f"[{relation}] is no exponent: corrections say nothing; leave them out")
    if isinstance(relation, OfCurve | ValueEquals | ValueAtMost):
        predicted = _predicted(frame, columns, grid, found, relation)
    claim = Claim(
        relation,
        width,
        grid.values.shape[1],
        tuple(f"{columns.x} = {size:g}" for size in grid.sizes),
        grid.sizes,
        law,
        predicted,
    )
    measured = _measured(grid, relation, statement)
    _refuse_negative(frame, columns, relation, measured)
    return Task(claim, measured, tuple(declared), found)


def _check_columns(columns: Columns, statement: Statement, found: Prediction | None) -> None:
    if found is not None and isinstance(found.relation, TunedOrdered | TransferRegretAtMost):
        raise InputError(f"{found.id} is about losses at tuned rates; no table is judged by it")
    if found is not None and isinstance(found.relation, Paired | Sweep):
        raise InputError(f"{found.id} compares settings or rates; state the claim itself instead")
    if found is not None and isinstance(found.relation, ExcessExponent):
        raise InputError(f"{found.id} is about an excess over a limit; no table is judged by it")
    if statement.pairs != (columns.pair is not None):
        raise InputError(
            "a comparison needs a pairing column, and a pairing column a comparison: one of "
            "same_exponent, smaller_exponent, same, smaller"
        )
    if (statement.best_rate_exponent is not None) != (columns.rate is not None):
        raise InputError(
            "best_rate_exponent needs a column of learning rates, and only it: give both"
        )


def _margin(margin: float | Fraction | None, found: Prediction | None) -> float:
    if found is not None:
        if margin is not None:
            raise InputError(
                f"margin {margin}: {found.id} brings its own, {float(found.margin):g}; leave it out"
            )
        return float(found.margin)
    if margin is None:
        raise InputError("no margin; say before judging how far off is still right")
    wrong = isinstance(margin, bool) or not isinstance(margin, int | float | Fraction)
    if wrong or not (margin > 0 and math.isfinite(margin)):
        raise InputError(f"margin {margin!r}: expected a positive number")
    return float(margin)


def _exponent(value: Rational) -> Fraction:
    """Exact, and of a size that a logarithm can have."""
    exact = rational(value)
    if abs(exact) > _LARGEST_EXPONENT:
        raise InputError(f"exponent {value!r}: expected one between -1000 and 1000")
    return exact


def _relation(statement: Statement, columns: Columns, grid: Grid) -> Relation:
    x = columns.x
    if statement.exponent is not None:
        return ExponentEquals(x, _exponent(statement.exponent), _ORIGIN)
    if statement.exponent_at_most is not None:
        return ExponentAtMost(x, _exponent(statement.exponent_at_most), _ORIGIN)
    if statement.best_rate_exponent is not None:
        return BestRateExponentEquals(x, _exponent(statement.best_rate_exponent), _ORIGIN)
    if statement.value is not None:
        return ValueEquals(x, statement.value, _ORIGIN)
    if statement.value_at_most is not None:
        return ValueAtMost(x, statement.value_at_most, _ORIGIN)
    return _comparison(statement, columns, grid)


def _comparison(statement: Statement, columns: Columns, grid: Grid) -> Relation:
    """What is claimed of the two settings of the pairing column."""
    if len(grid.names) != 2:
        named = listed(map(repr, grid.names))
        raise InputError(f"column {columns.pair!r} names {named}; expected two settings")
    first = _first(statement, grid)
    if first not in grid.names:
        raise InputError(
            f"setting {first!r} is not in column {columns.pair!r}; choose one of: "
            f"{', '.join(grid.names)}"
        )
    (other,) = (name for name in grid.names if name != first)
    x = columns.x
    if statement.same_exponent:
        return ExponentsEqual(x, other, _ORIGIN)
    if statement.smaller_exponent is not None:
        return ExponentsOrdered(x, other, _ORIGIN)
    if statement.same:
        return SettingsEqual(x, other, _ORIGIN)
    return SettingsOrdered(x, other, _ORIGIN)


def _first(statement: Statement, grid: Grid) -> str:
    """The setting that is claimed to be smaller, or the first by name."""
    return str(statement.smaller_exponent or statement.smaller or grid.names[0])


def _law(
    frame: pd.DataFrame,
    columns: Columns,
    grid: Grid,
    found: Prediction | None,
    corrections: Sequence[str],
) -> PowerLaw:
    if len(grid.sizes) < 2:
        raise InputError(
            f"one value of {columns.x!r} ({grid.sizes[0]:g}): an exponent needs at least two"
        )
    if found is None:
        parts = [correction(frame, columns, text, grid.sizes) for text in corrections]
    elif corrections:
        raise InputError(f"{found.id} declares its own corrections; leave them out")
    else:
        cells = _cells(frame, columns, grid, found, needed=bool(found.regime.corrections))
        parts = [np.array([p.at(cell) for cell in cells]) for p in found.regime.corrections]
    matrix = np.array(parts).T.reshape(len(grid.sizes), len(parts))
    return PowerLaw(grid.sizes, matrix, columns.x)


def _cells(
    frame: pd.DataFrame, columns: Columns, grid: Grid, found: Prediction, needed: bool
) -> list[Cell]:
    """Widths and depths: x along the prediction's axis, the other one from a column of its name."""
    if not needed:
        return []
    along = found.relation.axis
    (across,) = (axis for axis in Axis if axis is not along)
    others = correction(frame, columns, str(across), grid.sizes)
    pairs = zip(grid.sizes, others, strict=True)
    return [
        Cell(int(size), int(other)) if along is Axis.WIDTH else Cell(int(other), int(size))
        for size, other in pairs
    ]


def _predicted(
    frame: pd.DataFrame,
    columns: Columns,
    grid: Grid,
    found: Prediction | None,
    relation: Relation,
) -> FloatArray:
    if isinstance(relation, OfCurve):
        assert found is not None
        setting = found.setting
        cells = _cells(frame, columns, grid, found, needed=True)
        values = [relation.curve(setting.architecture, setting.parameterization, c) for c in cells]
        return np.array(values)
    assert isinstance(relation, ValueEquals | ValueAtMost)
    return np.full(len(grid.sizes), relation.value)


def _measured(grid: Grid, relation: Relation, statement: Statement) -> Measured:
    if isinstance(relation, BestRateExponentEquals):
        ratios = grid.rates[1:] / grid.rates[:-1]
        if len(grid.rates) < 3 or not np.allclose(ratios, ratios[0], rtol=1e-3):
            raise InputError(
                f"learning rates {listed(f'{rate:g}' for rate in grid.rates)}: expected at least "
                "three in constant ratio"
            )
        absent = np.asarray(grid.missing[0].any(axis=-1))
        return Measured(grid.values[0], rates=grid.rates, missing=absent)
    values, missing = grid.values[..., 0], grid.missing[..., 0]
    if not isinstance(relation, Paired):
        return Measured(values[0], missing=missing[0])
    one = grid.names.index(_first(statement, grid))
    return Measured(values[one], values[1 - one], missing=np.asarray(missing.any(axis=0)))


def _refuse_negative(
    frame: pd.DataFrame, columns: Columns, relation: Relation, measured: Measured
) -> None:
    """Logarithms and ratios need positive values; the first row that has another is named."""
    parts = [measured.values] + ([] if measured.other is None else [measured.other])
    if isinstance(relation, BestRateExponentEquals) or not any((p <= 0).any() for p in parts):
        return
    values = pd.to_numeric(frame[columns.y], errors="coerce")
    place = int((values <= 0).to_numpy().argmax())
    raise InputError(
        f"row {frame.index[place]}: {values.iloc[place]:g} in column {columns.y!r}: "
        f"[{relation}] needs positive values"
    )
