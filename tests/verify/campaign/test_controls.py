"""Negative controls at a small size: each must be rejected at the margin of its prediction."""

from dataclasses import replace
from pathlib import Path

import pytest

from theory import (
    Cell,
    Control,
    Grid,
    Prediction,
    Profile,
    Regime,
    Relation,
    Verdict,
)
from theory.catalogue import PREDICTIONS
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign
from verify.measuring.loop import measure
from verify.measuring.store import Store

CASES = [
    (prediction, relation, control)
    for prediction in PREDICTIONS
    for relation, controls in (
        (prediction.relation, prediction.controls),
        *([(prediction.rival.relation, (prediction.rival.control,))] if prediction.rival else []),
    )
    for control in controls
]


# Some of each experiment but training; the others take minutes.
QUICK = {
    "A1.forward.depth",
    "A1.forward.value",
    "A6.own.depth",
    "A8.stream.depth.horizon-4",
    "A12.coupling.width.one-layer-blocks",
    "A14.ratio.output.alpha-1/2",
    "A17.increments.value",
    "C1.rate.depth",
    "C3.stream.depth.adam",
}


def small(prediction: Prediction) -> Regime:
    """The cells of the first profile at half their width, with the replicates of a control.

    Networks that share their ends with a reference have its width, unless the stream has one.
    """
    least, setting = prediction.regime.grid(prediction.regime.least), prediction.setting
    cells = least.cells
    if setting.experiment.reference is None or setting.architecture.stream_width is not None:
        cells = tuple(Cell(max(cell.width // 2, 16), cell.depth) for cell in cells)
    grid = Grid(cells, least.control_replicates, least.control_replicates, looks=1)
    return Regime(quick=grid, standard=grid, corrections=prediction.regime.corrections)


@pytest.mark.parametrize(
    ("prediction", "relation", "control"),
    [pytest.param(*case, marks=() if case[0].id in QUICK else pytest.mark.slow) for case in CASES],
    ids=[f"{p.id}-{r.expected:g}-{c.name}" for p, r, c in CASES],
)
def test_control_is_rejected(
    prediction: Prediction, relation: Relation, control: Control, tmp_path: Path
) -> None:
    tried = replace(
        prediction, relation=relation, regime=small(prediction), controls=(control,), rival=None
    )
    campaign = Campaign((tried,), Profile.QUICK, seed=4)
    store = Store(tmp_path / "measurements.sqlite")
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.controls[0].verdict is Verdict.REJECTED, answer.controls[0].reason
