"""The rows of one verdict as a claim with its measurements. Imports numpy and ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from theory.arrays import FloatArray
from theory.errors import InputError
from theory.expectations import Summary
from theory.prediction import Prediction
from theory.quantities import Curve
from theory.relations import Relation
from theory.scaling import Axis, Cell
from theory.verdict import Reason, ReasonKind
from verify.judging.claim import Claim, Measured
from verify.judging.quantities import Column, claim_of, reading
from verify.tables.columns import listed
from verify.tables.frame import EXTREME, Arrangement, Rows, arranged, correction
from verify.tables.groups import Zeros
from verify.tables.subject import Subject


class Task(NamedTuple):
    """Measurements with the claim that is made of them, ready to be weighed.

    ``notes`` are said whatever the verdict.
    """

    claim: Claim
    measured: Measured
    corrections: tuple[str, ...]
    prediction: Prediction | None
    notes: tuple[Reason, ...]


def task_of(rows: Rows, subject: Subject, zeros: Zeros) -> Task:
    """Measurements and claim; ``InputError`` says what is wrong with the table or the claim."""
    relation, prediction, columns = subject.relation, subject.prediction, rows.columns
    grid = arranged(rows)
    sizes, exponent = grid.sizes, relation.summary is Summary.EXPONENT
    if exponent and len(sizes) < 2:
        raise InputError(
            f"one value of {columns.x!r} ({sizes[0]:g}): an exponent needs at least two"
        )
    if not exponent and grid.values.shape[1] < 2:
        raise InputError(
            f"one replicate {_of_replicates(rows)} has no spread; measure at least two"
        )
    if subject.corrections and not exponent:
        raise InputError(f"[{relation}] is no exponent: corrections say nothing; leave them out")
    grid, notes = _without_zeros(rows, grid, relation, zeros)
    _refuse_unfit(rows, relation)

    def curve_values(curve: Curve) -> FloatArray:
        assert prediction is not None
        setting = prediction.setting
        network = (setting.architecture, setting.parameterization)
        return np.array([curve(*network, cell) for cell in _cells(rows, grid, prediction)])

    claim = claim_of(
        relation,
        subject.margin,
        grid.values.shape[1],
        [f"{columns.x} = {size:g}" for size in sizes],
        sizes,
        _corrections(rows, grid, subject),
        curve_values,
    )
    return Task(claim, _measured(grid, relation), subject.corrections, prediction, notes)


def _of_replicates(rows: Rows) -> str:
    if rows.replicates is None:
        return "(rows in order)"
    name = rows.replicates.names[rows.replicates.codes[0]]
    return f"({name!r} in column {rows.columns.replicate!r})"


def _corrections(rows: Rows, grid: Arrangement, subject: Subject) -> FloatArray | None:
    """Declared columns of the regression (sizes, columns), if there are any."""
    if not subject.corrections:
        return None
    if subject.prediction is None:
        parts = [correction(rows, text, grid.sizes) for text in subject.corrections]
    else:
        cells = _cells(rows, grid, subject.prediction)
        powers = subject.prediction.regime.corrections
        parts = [np.array([power.at(cell) for cell in cells]) for power in powers]
    return np.array(parts).T


def _cells(rows: Rows, grid: Arrangement, prediction: Prediction) -> list[Cell]:
    """Widths and depths: x along the prediction's axis, the other one from a column of its name."""
    along = prediction.relation.axis
    (across,) = (axis for axis in Axis if axis is not along)
    others = correction(rows, str(across), grid.sizes)
    pairs = zip(grid.sizes, others, strict=True)
    return [
        Cell(int(size), int(other)) if along is Axis.WIDTH else Cell(int(other), int(size))
        for size, other in pairs
    ]


def _measured(grid: Arrangement, relation: Relation) -> Measured:
    column = reading(relation.quantity).column
    if column is Column.RATE:
        if len(grid.rates) < 3:
            raise InputError(
                f"learning rates {listed(f'{rate:g}' for rate in grid.rates)}: expected at least "
                "three"
            )
        absent = np.asarray(grid.missing[0].all(axis=-1))
        # A run that is not there is nan; one that diverged is infinite.
        losses = np.where(np.isfinite(grid.values[0]), grid.values[0], np.inf)
        losses[grid.missing[0]] = np.nan
        return Measured(losses, rates=grid.rates, missing=absent)
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


def _without_zeros(
    rows: Rows, grid: Arrangement, relation: Relation, zeros: Zeros
) -> tuple[Arrangement, tuple[Reason, ...]]:
    """Exact zeros, where a logarithm is taken, as missing; or refused, with their cells."""
    zero = (grid.values == 0) & np.logical_not(grid.missing)
    if not (reading(relation.quantity).positive and zero.any()):
        return grid, ()
    count, x = int(zero.sum()), rows.columns.x
    at = zero.sum(axis=(0, 1, 3))
    places = tuple(
        f"{x} = {size:g}: {number}" for size, number in zip(grid.sizes, at, strict=True) if number
    )
    if zeros is Zeros.REFUSE:
        place = int((rows.values == 0).argmax())
        raise InputError(
            f"row {rows.row(place)}: 0 in column {rows.columns.y!r}: [{relation}] needs positive "
            f"values, and {count} of {grid.values.size} are exactly zero "
            f"({listed(places)}); --zeros missing leaves their replicates out"
        )
    note = Reason(ReasonKind.ZEROS_MISSING, places, {"zeros": count})
    values = np.where(zero, np.nan, grid.values)
    return replace(grid, values=values, missing=grid.missing | zero), (note,)


def _refuse_unfit(rows: Rows, relation: Relation) -> None:
    """Logarithms and ratios need positive values; the first row that has another is named."""
    if not reading(relation.quantity).positive:
        return
    wrong = rows.values < 0
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(
            f"row {rows.row(place)}: {rows.values[place]:g} in column {rows.columns.y!r}: "
            f"[{relation}] needs positive values"
        )
    number = getattr(relation.quantity, "value", 1.0)
    far = np.isfinite(rows.values) & (rows.values / EXTREME > number)
    if relation.summary is Summary.RATIO and far.any():
        place = int(far.argmax())
        raise InputError(
            f"row {rows.row(place)}: {rows.values[place]:g} in column {rows.columns.y!r} is more "
            f"than {EXTREME:g} times the value; expected one that can be compared with it"
        )
