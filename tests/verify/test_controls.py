"""Negative controls at a small size: each must be rejected at the margin of its prediction."""

from dataclasses import replace
from pathlib import Path

import pytest

from theory import Cell, Control, Grid, Prediction, Profile, Regime, Relation, Verdict
from theory.catalogue import PREDICTIONS
from verify.campaign import Campaign, judge_campaign
from verify.measuring import measure
from verify.store import Store

CASES = [
    (prediction, relation, control)
    for prediction in PREDICTIONS
    for relation, controls in (
        (prediction.relation, prediction.controls),
        *([(prediction.rival.relation, (prediction.rival.control,))] if prediction.rival else []),
    )
    for control in controls
]


def small(prediction: Prediction) -> Regime:
    """The cells of the quick profile at half their width, with the replicates of a control."""
    quick = prediction.regime.grid(Profile.QUICK)
    cells = tuple(Cell(max(cell.width // 2, 16), cell.depth) for cell in quick.cells)
    grid = Grid(cells, quick.control_replicates, quick.control_replicates, looks=1)
    return Regime(grid, grid, prediction.regime.corrections)


@pytest.mark.parametrize(
    ("prediction", "relation", "control"),
    CASES,
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
