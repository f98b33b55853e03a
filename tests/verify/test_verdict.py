"""Every verdict can be reached, and each for its own reason."""

from dataclasses import replace

import numpy as np
import pytest

from theory import (
    Axis,
    Cell,
    CurveEquals,
    Experiment,
    ExponentEquals,
    Protocol,
    Setting,
    ValueAtMost,
    ValueEquals,
    Verdict,
    depth_mup,
    rational,
    residual,
)
from theory.prediction import product
from theory.propagation import forward_second_moment
from theory.relations import Band, Exponent, Relation
from verify.statistics.regression import PowerLaw
from verify.verdict import Claim, Judgement, Measured, conclude, weigh

CELLS = product((64,), (4, 8, 16, 32, 64))
LOG_DEPTHS = np.log([cell.depth for cell in CELLS])
SETTING = Setting(residual(1), depth_mup(), Protocol(Experiment.PROPAGATION, batch=2))
ZERO = rational(0)


def claimed(
    relation: Relation, margin: float = 0.1, replicates: int = 32, cells: tuple[Cell, ...] = CELLS
) -> Claim:
    """A claim about a setting along depth."""
    sizes = np.array([float(cell.depth) for cell in cells])
    law, predicted = None, None
    if isinstance(relation, Exponent):
        law = PowerLaw.of_cells(cells, Axis.DEPTH)
    elif isinstance(relation, CurveEquals):
        predicted = exact_curve()
    elif isinstance(relation, ValueEquals | ValueAtMost):
        predicted = np.full(len(cells), relation.value)
    return Claim(relation, margin, replicates, tuple(map(str, cells)), sizes, law, predicted)


def exact_curve() -> np.ndarray:
    return np.array([forward_second_moment(residual(1), depth_mup(), cell) for cell in CELLS])


CLAIM = claimed(ExponentEquals(Axis.DEPTH, ZERO, "a test"))
CURVE = claimed(CurveEquals(Axis.DEPTH, forward_second_moment), margin=0.03)


def judged(claim: Claim, values: np.ndarray, level: float = 0.05) -> Judgement:
    return conclude(weigh(claim, Measured(values)), level)


def measurements(logs: np.ndarray, spread: float = 0.05, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, (32, len(CELLS)))
    return np.exp(logs + noise)


def test_a_flat_observable_is_accepted_and_a_growing_one_rejected() -> None:
    assert judged(CLAIM, measurements(0 * LOG_DEPTHS)).verdict is Verdict.ACCEPTED
    grown = judged(CLAIM, measurements(0.5 * LOG_DEPTHS))
    assert grown.verdict is Verdict.REJECTED
    assert "disjoint" in grown.reason


def test_an_exponent_on_the_edge_is_inconclusive_and_says_what_would_decide() -> None:
    judgement = judged(CLAIM, measurements(0.09 * LOG_DEPTHS, spread=0.3))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.replicates_needed is not None
    assert judgement.replicates_needed > 32
    assert str(judgement.replicates_needed) in judgement.reason


@pytest.mark.parametrize("bad", [np.inf, np.nan, 0.0])
def test_diverged_trials_make_a_verdict_invalid(bad: float) -> None:
    values = measurements(0 * LOG_DEPTHS)
    values[3, 2] = bad
    judgement = judged(CLAIM, values)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.reason == "1 of 160 trials diverged"
    assert judgement.interval is None


def test_missing_replicates_are_inconclusive_however_clear_the_rest() -> None:
    judgement = judged(CLAIM, measurements(0.5 * LOG_DEPTHS)[:20])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == "interrupted after 20 of 32 replicates"


def test_a_bent_curve_is_not_accepted_as_a_power_law() -> None:
    """The mean slope is 0, the local one moves from -0.8 to 0.8."""
    bent = 0.3 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    judgement = judged(CLAIM, measurements(bent))
    assert judgement.verdict is Verdict.INVALID
    assert "no power law" in judgement.reason


def test_curvature_alone_invalidates_an_acceptance() -> None:
    """Symmetric in log size: leaving out the smallest moves nothing that curvature does not."""
    cells = product((64,), tuple(2**k for k in range(1, 10)))
    logs = np.log([cell.depth for cell in cells])
    bent = 0.06 * (logs - logs.mean()) ** 2
    values = np.exp(bent + np.random.default_rng(0).normal(0, 0.02, (32, len(cells))))
    evidence = weigh(claimed(CLAIM.relation, cells=cells), Measured(values))
    assert evidence.checks is not None
    assert evidence.checks.without_smallest is not None
    assert abs(evidence.checks.without_smallest.estimate[0]) < CLAIM.margin
    judgement = conclude(evidence, 0.05)
    assert judgement.verdict is Verdict.INVALID
    assert "from mid-range" in judgement.reason


def test_an_unresolved_movement_is_said() -> None:
    bent = 0.08 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    values = np.concatenate([measurements(bent, spread=0.9, seed=seed) for seed in range(3)])
    judgement = judged(replace(CLAIM, replicates=96, margin=0.2), values)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "not resolved: from mid-range to its end the exponent moves by +0.3" in judgement.reason


def test_one_small_size_cannot_cause_a_rejection() -> None:
    logs = np.where(np.arange(5) == 0, -1.0, 0.0)
    assert judged(CLAIM, measurements(logs)).verdict is Verdict.INVALID
    assert judged(CLAIM, measurements(0.5 * LOG_DEPTHS + logs)).verdict is Verdict.REJECTED


def test_the_level_widens_the_interval() -> None:
    values = measurements(0 * LOG_DEPTHS)
    wide, narrow = (judged(CLAIM, values, level).interval for level in (0.001, 0.05))
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_curve_is_accepted_when_every_cell_agrees() -> None:
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.02)
    judgement = judged(CURVE, values)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "worst cell" in judgement.reason


@pytest.mark.parametrize("cell", range(5))
def test_one_cell_that_disagrees_rejects_the_curve(cell: int) -> None:
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.02)
    values[:, cell] *= 1.06
    judgement = judged(CURVE, values)
    assert judgement.verdict is Verdict.REJECTED
    assert str(CELLS[cell]) in judgement.reason


def test_cells_of_a_curve_are_tested_simultaneously() -> None:
    """The interval shown is at level / cells, and p <= level exactly when the curve is decided."""
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.05)
    evidence = weigh(CURVE, Measured(values))
    for level in (0.05, 0.5):
        judgement = conclude(evidence, level)
        assert judgement.interval is not None
        assert judgement.interval.level == pytest.approx(level / len(CELLS))
    for factor, spread in ((1.0, 0.03), (1.0, 0.06), (1.05, 0.03), (1.04, 0.05)):
        for seed in range(20):
            noise = measurements(0 * LOG_DEPTHS, spread, seed)
            noise[:, 2] *= factor
            evidence = weigh(CURVE, Measured(exact_curve() * noise))
            decided = conclude(evidence, 0.05).verdict is not Verdict.INCONCLUSIVE
            assert decided == (evidence.p_value <= 0.05)


def test_the_cell_that_is_shown_is_one_that_rejects() -> None:
    """One tight cell at +6 percent decides; a noisy one at +8 percent does not."""
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.01)
    values[:, 1] *= 1.06
    values[:, 3] *= 1.08 * measurements(0 * LOG_DEPTHS, spread=0.5, seed=1)[:, 3]
    judgement = judged(CURVE, values)
    assert judgement.verdict is Verdict.REJECTED
    assert judgement.interval is not None
    assert judgement.interval.disjoint_from(Band(0.97, 1.03))
    assert str(CELLS[1]) in judgement.reason


def test_a_noisy_cell_leaves_the_curve_inconclusive() -> None:
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.02)
    values[:, 2] *= measurements(0 * LOG_DEPTHS, spread=0.3, seed=1)[:, 2]
    assert judged(CURVE, values).verdict is Verdict.INCONCLUSIVE
