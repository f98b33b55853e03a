"""What a campaign asks, and what is fixed about it before the run. Imports ``theory``, ``verify``.

A campaign looks at its measurements up to three times, as its grids announce. At every look, the
relations that are still open form one family, judged by Holm's procedure at an equal share of the
family-wise error rate; what is decided stays, and what is not gets twice the replicates. The chance
of any wrong decision at a look is at most its share, whatever earlier looks decided, so that the
shares add up to the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from theory.arrays import FloatArray
from theory.errors import InputError
from theory.expectations import Expectation
from theory.experiments import Setting
from theory.prediction import Control, Grid, Prediction, Profile, Rival
from theory.quantities import Curve, Quantity
from theory.relations import Relation
from theory.scaling import Axis
from verify.judging.claim import Claim
from verify.judging.quantities import claim_of


@dataclass(frozen=True)
class Campaign:
    """Which predictions are tried, how thoroughly, from which seed, on which device and engine.

    ``engine`` forces one upon every trial; ``None`` takes the cheaper one that can run it.
    """

    predictions: tuple[Prediction, ...]
    profile: Profile
    seed: int
    device: str = "cpu"
    engine: str | None = None

    def grid(self, prediction: Prediction) -> Grid:
        """The grid of a prediction in this campaign's profile."""
        return prediction.regime.grid(self.profile)

    @property
    def looks(self) -> int:
        """The largest number of looks that a grid announces."""
        return max((self.grid(prediction).looks for prediction in self.predictions), default=0)

    @cached_property
    def designs(self) -> dict[str, str]:
        """For each prediction by id, a digest of what is fixed about it but for the family."""
        return {each.id: _design(each, self.grid(each)) for each in self.predictions}

    @cached_property
    def key(self) -> str:
        """A digest of everything that is fixed before the run but for code and images."""
        machinery = f"{self.device}|{self.engine or 'auto'}"
        family = [f"{id}: {design}" for id, design in sorted(self.designs.items())]
        return _digest(str(self.profile), str(self.seed), machinery, *family)


def _design(prediction: Prediction, grid: Grid) -> str:
    """Everything about a prediction that a verdict depends on: another one is another design.

    Words are no part of it, nor who says so. Images are told apart by what they are, in the plan.
    """
    asked = [(prediction.relation, prediction.controls)]
    if prediction.rival is not None:
        asked.append((prediction.rival.relation, (prediction.rival.control,)))
    cells = "; ".join(map(str, grid.cells))
    parts = [prediction.setting.key(), f"{prediction.observable}", f"{prediction.margin}"]
    parts += [cells, f"{grid.replicates} {grid.control_replicates} {grid.looks}"]
    parts += [str(power) for power in prediction.regime.corrections]
    for relation, controls in asked:
        parts += [_relation_key(relation), *(control.setting.key() for control in controls)]
    return _digest(*parts)


def _relation_key(relation: Relation) -> str:
    """A relation with every number to its last digit, and a curve by its name."""
    quantity, expectation = relation.quantity, relation.expectation
    return "; ".join(
        [f"{relation.axis}", f"{relation.summary}", _fields(quantity), _fields(expectation)]
    )


def _fields(part: Quantity | Expectation) -> str:
    """The class and the fields of a part of a relation."""
    values = [_value(getattr(part, each.name)) for each in fields(part)]  # type: ignore[arg-type]
    return f"{type(part).__name__}({', '.join(values)})"


def _value(value: object) -> str:
    if isinstance(value, Setting):
        return value.key()
    return value.name if isinstance(value, Curve) else repr(value)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Question:
    """One relation put to the measurements of a prediction: its own or, with ``rival``, that one's.

    ``controls`` are those that have to be looked at.
    """

    prediction: Prediction
    controls: tuple[Control, ...]
    rival: Rival | None = None

    @property
    def id(self) -> str:
        """The prediction's, and whether it is about its rival."""
        return self.prediction.id if self.rival is None else f"{self.prediction.id}, rival"

    @property
    def relation(self) -> Relation:
        """What is claimed."""
        return self.prediction.relation if self.rival is None else self.rival.relation

    def claim(self, grid: Grid, replicates: int) -> Claim:
        """The claim about the prediction's setting, with everything that is fixed before the run.

        The same claim (its predicted values too) is to be contradicted by a control's trials.
        Raises ``InputError`` for cells from which it cannot be read.
        """
        prediction, cells, axis = self.prediction, grid.cells, self.relation.axis
        assert isinstance(axis, Axis)
        powers = prediction.regime.corrections
        corrections = np.array([[power.at(cell) for power in powers] for cell in cells])
        network = (prediction.setting.architecture, prediction.setting.parameterization)

        def curve_values(curve: Curve) -> FloatArray:
            return np.array([curve(*network, cell) for cell in cells])

        try:
            return claim_of(
                self.relation,
                float(prediction.margin),
                replicates,
                [str(cell) for cell in cells],
                np.array([float(cell.along(axis)) for cell in cells]),
                corrections.reshape(len(cells), len(powers)),
                curve_values,
            )
        except InputError as error:
            raise InputError(f"{self.id}: {error}") from None


def settings_of(campaign: Campaign) -> Iterator[Setting]:
    """Every setting that a campaign measures: claims', controls' and those compared with."""
    for question in questions(campaign):
        yield question.prediction.setting
        yield from (control.setting for control in question.controls)
        other = question.relation.quantity.compared_with()
        if isinstance(other, Setting):
            yield other


def questions(campaign: Campaign) -> list[Question]:
    """The family of a campaign: every prediction, each followed by its rival."""
    family = []
    for prediction in campaign.predictions:
        family.append(Question(prediction, prediction.controls))
        if prediction.rival is not None:
            rival = prediction.rival
            family.append(Question(prediction, (rival.control,), rival))
    return family
