"""What is claimed of a table, and what of it fits the table. Imports ``theory`` and ``verify``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from theory.errors import InputError
from theory.prediction import Prediction
from theory.quantities import OverNumber
from theory.relations import Relation
from theory.scaling import Axis
from verify.judging.quantities import Column, reading
from verify.tables.columns import Columns
from verify.tables.frame import EXTREME

_LEAST_MARGIN, _MOST_MARGIN = 1e-12, 1e6


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

    def check_columns(self, columns: Columns) -> None:
        """Raise ``InputError`` unless there are the further columns that the relation needs."""
        needs = reading(self.relation.quantity).column
        if (needs is Column.PAIR) != (columns.pair is not None):
            raise InputError(
                "a comparison needs a pairing column, and a pairing column a comparison of "
                "exponents or settings"
            )
        if (needs is Column.RATE) != (columns.rate is not None):
            raise InputError(
                "a best learning rate needs a column of learning rates, and only it: give both"
            )


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
    number = relation.quantity
    if isinstance(number, OverNumber) and not 1 / EXTREME <= number.value <= EXTREME:
        raise InputError(
            f"value {number.value:g}: expected one from {1 / EXTREME:g} to {EXTREME:g}; give it, "
            "and y, in another unit"
        )


def _margin(margin: float | Fraction | None) -> float:
    if margin is None:
        raise InputError("no margin; say before judging how far off is still right")
    wrong = isinstance(margin, bool) or not isinstance(margin, int | float | Fraction)
    if wrong or not (margin > 0 and math.isfinite(margin)):
        raise InputError(f"margin {margin!r}: expected a positive number")
    if not _LEAST_MARGIN <= margin <= _MOST_MARGIN:
        raise InputError(
            f"margin {float(margin):g}: expected one from {_LEAST_MARGIN:g} to {_MOST_MARGIN:g}"
        )
    return float(margin)
