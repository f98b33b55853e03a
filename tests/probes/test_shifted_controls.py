"""Controls that are the claim's own measurement times a known power: measured, and found to be."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from probes.trials import run_group
from theory import Cell, Control, Observable, Power, Prediction, Role, Setting, Training
from theory.catalogue import PREDICTIONS
from theory.scaling import ONE

CPU = torch.device("cpu")
# Depths of which floats know the square root; every power that is not of a sweep is one of depth.
CELLS = (Cell(8, 4), Cell(8, 16))

Case = tuple[Prediction, Control]


def of_sweep(prediction: Prediction) -> bool:
    """Whether a best learning rate is chosen."""
    return prediction.relation.quantity.swept_rates() is not None


CASES: list[Case] = [
    (prediction, control)
    for prediction in PREDICTIONS
    for control in (
        *prediction.controls,
        *([prediction.rival.control] if prediction.rival else []),
    )
]
SHIFTED = [case for case in CASES if case[1].shifted is not None]
MEASURED = [case for case in SHIFTED if not of_sweep(case[0])]
RELABELLED = [case for case in SHIFTED if of_sweep(case[0])]


def once_each(cases: list[Case]) -> list[Case]:
    """One case for all that measure the same, of the same networks."""
    keys = {(p.setting.key(), p.observable, c.setting.key()): (p, c) for p, c in cases}
    return list(keys.values())


def names(case: object) -> str:
    return case.id if isinstance(case, Prediction) else str(getattr(case, "name", ""))


def measured(setting: Setting, observable: Observable, cell: Cell) -> np.ndarray:
    return run_group(setting, cell, 5, (0, 1), CPU, torch.float64)[observable]


def with_idle_ends(setting: Setting) -> Setting:
    """Inputs and outputs that learn so slowly that rounding hides it."""
    usual = setting.parameterization
    idle = {
        role: replace(usual[role], rate=usual[role].rate * Power(depth=-60))
        for role in (Role.INPUT, Role.OUTPUT)
    }
    return replace(setting, parameterization=usual.changed(usual.name, idle))


def test_how_many_there_are() -> None:
    """54, and 19 best rates; one more, C2's, is another claim's training relabelled."""
    of_sweeps = [
        of_sweep(prediction)
        for prediction in PREDICTIONS
        for control in prediction.controls
        if control.shifted is not None
    ]
    assert (of_sweeps.count(False), of_sweeps.count(True)) == (54, 19)


@pytest.mark.parametrize(("prediction", "control"), once_each(MEASURED), ids=names)
def test_the_control_is_the_claims_measurement_times_its_power(
    prediction: Prediction, control: Control
) -> None:
    assert control.shifted is not None
    claim, other = prediction.setting, control.setting
    if prediction.id.startswith("C4.phase."):  # but for what the ends add, which learn at L^-4
        claim, other = with_idle_ends(claim), with_idle_ends(other)
    for cell in CELLS:
        expected = measured(claim, prediction.observable, cell) * control.shifted.at(cell)
        found = measured(other, prediction.observable, cell)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("prediction", "control"),
    [case for case in MEASURED if case[0].id.startswith("C4.phase.")],
    ids=names,
)
def test_the_ends_of_the_phase_diagram_add_less_than_a_hundredth(
    prediction: Prediction, control: Control
) -> None:
    """A rejection is arithmetic all the same: at the smallest depth of any grid, 8."""
    assert control.shifted is not None
    cell = Cell(8, 8)
    expected = measured(prediction.setting, prediction.observable, cell)
    found = measured(control.setting, prediction.observable, cell) / control.shifted.at(cell)
    np.testing.assert_allclose(found, expected, rtol=1e-2)


@pytest.mark.parametrize(("prediction", "control"), once_each(RELABELLED), ids=names)
def test_the_control_of_a_best_rate_is_the_claims_training_relabelled(
    prediction: Prediction, control: Control
) -> None:
    """Its loss at base rate r is the claim's at r times the power."""
    assert control.shifted is not None
    cell, training = Cell(16, 4), prediction.setting.experiment
    assert isinstance(training, Training)
    factor = control.shifted.at(cell)
    assert factor != 1
    slow = replace(training, steps=2, rate=training.rate * 16)
    fast = replace(slow, rate=slow.rate * Fraction(factor))
    expected = measured(replace(prediction.setting, experiment=fast), prediction.observable, cell)
    found = measured(replace(control.setting, experiment=slow), prediction.observable, cell)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def rates_apart(claim: Setting, other: Setting) -> bool:
    """Whether two settings differ in learning rates alone."""
    same = claim.architecture == other.architecture and claim.experiment == other.experiment
    a, b = claim.parameterization, other.parameterization
    stripped = [[(role, replace(scaling, rate=ONE)) for role, scaling in p.roles] for p in (a, b)]
    return same and a.residual == b.residual and stripped[0] == stripped[1] and a != b


@pytest.mark.parametrize(
    ("prediction", "control"),
    [c for c in CASES if c[1].shifted is None and rates_apart(c[0].setting, c[1].setting)],
    ids=names,
)
def test_a_control_that_says_nothing_is_no_multiple(
    prediction: Prediction, control: Control
) -> None:
    """Where rates alone differ, and the measurement is linear in none of them."""
    claim, other = (
        replace(setting, experiment=replace(setting.experiment, steps=2))
        if isinstance(setting.experiment, Training)
        else setting
        for setting in (prediction.setting, control.setting)
    )
    cell = CELLS[1]
    ratio = measured(other, prediction.observable, cell) / measured(
        claim, prediction.observable, cell
    )
    assert abs(np.log(ratio[0] / ratio[1])) > 1e-9
