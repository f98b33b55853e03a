"""The excess over a limit that is not known: logarithms, sizes, and what becomes of no excess."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from theory import (
    Axis,
    Cell,
    DomainError,
    ExcessExponentAtMost,
    ExcessExponentEquals,
    Grid,
    Prediction,
    Profile,
    Regime,
    Verdict,
    rational,
)
from theory.catalogue import find
from theory.prediction import product
from theory.relations import Relation
from verify.documents.entries import plot_fields
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import Exponents, weigh
from verify.judging.quantities import claim_of
from verify.judging.verdict import Judgement, conclude
from verify.statistics.excess import Continuation, Excess
from verify.tables.judge import judge

CELLS = product((16, 24, 32, 48, 192), (4,))
MARGIN = 0.1
SIZES = np.array([float(cell.width) for cell in CELLS])
PREDICTION = find("A16.excess.width")


def claim(replicates: int, relation: Relation = PREDICTION.relation) -> Claim:
    return claim_of(relation, MARGIN, replicates, [str(cell) for cell in CELLS], SIZES)


def losses(exponent: float, replicates: int, seed: int = 0, scale: float = 5.0) -> np.ndarray:
    """Around 0.3 + (scale / 5) 5 n^exponent, with what a replicate's data add to every cell."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(0, 0.05, (replicates, 1))
    noise = generator.normal(0, 0.05, (replicates, len(CELLS)))
    return 0.5 + scale * SIZES**exponent + shared + noise


def judged(values: np.ndarray, level: float = 0.05) -> Judgement:
    return conclude(weigh(claim(len(values)), Measured(values)), level)


@pytest.mark.parametrize(
    ("true", "within"), [(-1.0, 1e-12), (-0.9, 0.003), (-1.1, 0.003), (-0.75, 0.02), (-0.5, 0.1)]
)
def test_the_slope_is_the_exponent_for_a_reference_of_finite_size(
    true: float, within: float
) -> None:
    """Exactly where the claim is true; over plain sizes it would be off by a tenth and more."""
    logs = np.log(5 * (SIZES[:-1] ** true - SIZES[-1] ** true))
    continued = Continuation.of(SIZES, -1.0)
    slope = np.polyfit(np.log(continued.sizes), logs + continued.factors, 1)[0]
    assert slope == pytest.approx(true, abs=within)
    assert np.polyfit(np.log(SIZES[:-1]), logs, 1)[0] < true - 0.1


def test_the_parts_of_a_logarithm_have_its_mean_and_its_spread() -> None:
    """The standard error of log mean over 4000 experiments is the one that each of them states."""
    generator = np.random.default_rng(1)
    stated, found = [], []
    for _ in range(4000):
        values = 1 + 0.1 + generator.normal(0, 0.1, (100, 1))
        logs = Excess.over(values, np.ones(100)).logs()
        found.append(np.log(values.mean() - 1))
        assert logs.mean() == pytest.approx(found[-1])
        stated.append(logs.std(ddof=1) / 10)
    assert np.mean(stated) == pytest.approx(np.std(found), rel=0.05)


def test_a_power_is_accepted_and_another_one_rejected() -> None:
    accepted, rejected = (judged(losses(power, 800)) for power in (-1.0, -0.75))
    assert accepted.verdict is Verdict.ACCEPTED, accepted.reason
    assert rejected.verdict is Verdict.REJECTED, rejected.reason
    assert accepted.replicates == 800


def test_verdicts_at_the_margin_are_wrong_as_rarely_as_they_say() -> None:
    """An excess that falls as n^-0.9 toward its true limit, which no cell shows."""
    wrong = 0
    for seed in range(400):
        found = judged(losses(-0.9, 400, seed))
        wrong += found.verdict in (Verdict.ACCEPTED, Verdict.REJECTED)
    assert 0 < wrong <= stats.binom.ppf(0.999, 400, 0.1)


def test_a_loss_that_grows_with_size_rejects_and_waits_for_its_level() -> None:
    growing = losses(-1.0, 100, scale=-0.5)
    evidence = weigh(claim(100), Measured(growing))
    judgement = conclude(evidence, 0.05)
    assert judgement.verdict is Verdict.REJECTED
    assert "there is less than at the largest size" in judgement.reason
    assert conclude(evidence, evidence.p_value / 2).verdict is Verdict.INCONCLUSIVE


def test_a_bound_is_kept_by_what_falls_faster_and_broken_by_what_falls_more_slowly() -> None:
    bound = ExcessExponentAtMost(Axis.WIDTH, rational("-1/2"), "a test")
    at_most = claim(3200, bound)
    np.testing.assert_array_equal(at_most.judged_sizes, Continuation.of(SIZES, -0.5).sizes)
    verdicts = {
        power: conclude(weigh(at_most, Measured(losses(power, 3200))), 0.05).verdict
        for power in (-1.0, -0.5, -0.2)
    }
    assert verdicts == {
        -1.0: Verdict.ACCEPTED,
        -0.5: Verdict.ACCEPTED,
        -0.2: Verdict.REJECTED,
    }
    assert str(bound) == "exponent of n of the excess over the limit <= -1/2"


def test_what_rises_to_its_limit_is_judged_by_what_it_lacks() -> None:
    """The same numbers upside down, below zero as well; and from the wrong side a rejection."""
    values = losses(-1.0, 800)
    excess = claim(800)
    rising = ExcessExponentEquals(Axis.WIDTH, rational(-1), "a test", from_below=True)
    missing = claim(800, rising)
    above, below = (
        weigh(each, Measured(sign * values)) for each, sign in ((excess, 1.0), (missing, -1.0))
    )
    assert isinstance(above, Exponents)
    assert isinstance(below, Exponents)
    np.testing.assert_array_equal(above.samples, below.samples)
    assert conclude(below, 0.05).verdict is Verdict.ACCEPTED
    wrong = conclude(weigh(missing, Measured(values)), 0.05)
    assert wrong.verdict is Verdict.REJECTED
    assert "there is more than at the largest size" in wrong.reason
    assert str(missing.relation) == "exponent of n of what is missing to the limit = -1"


def test_an_excess_that_is_not_resolved_is_inconclusive() -> None:
    for scale in (0.0, 0.2):
        judgement = judged(losses(-1.0, 50, seed=4, scale=scale))
        assert judgement.verdict is Verdict.INCONCLUSIVE
        assert "is not known to 20%" in judgement.reason


def test_no_excess_at_all_is_rarely_rejected() -> None:
    """Half of the level: the other half is for acceptances. All cells share it."""
    found = [judged(losses(-1.0, 50, seed, scale=0.0)).verdict for seed in range(500)]
    rejected = found.count(Verdict.REJECTED)
    assert 0 < rejected <= stats.binom.ppf(0.999, 500, 0.025)
    assert found.count(Verdict.ACCEPTED) == 0


def test_a_diverged_trial_is_invalid() -> None:
    values = losses(-1.0, 800)
    values[3, -1] = np.inf
    assert judged(values).verdict is Verdict.INVALID


def test_cells_are_those_that_have_an_excess() -> None:
    measured = Measured(losses(-1.0, 800))
    evidence = weigh(claim(800), measured)
    entries = plot_fields(evidence.claim, evidence)["cells"]
    assert [entry.label for entry in entries] == [str(cell) for cell in CELLS[:-1]]
    continued = Continuation.of(SIZES, -1.0)
    assert [entry.size for entry in entries] == pytest.approx(continued.sizes)
    for entry in entries:
        assert entry.low < 5 / entry.size < entry.high


def test_an_excess_does_not_grow() -> None:
    with pytest.raises(DomainError, match="needs a negative one"):
        ExcessExponentEquals(Axis.WIDTH, rational(0), "a test")


def test_no_table_is_judged_by_an_excess() -> None:
    import pandas as pd

    frame = pd.DataFrame({"width": [1.0], "r": [0], "loss": [1.0]})
    with pytest.raises(DomainError, match="an excess over a limit"):
        judge(frame, PREDICTION, y="loss", replicate="r")


def test_a_campaign_measures_and_judges_an_excess(tmp_path: Path) -> None:
    from verify import Campaign, Store, judge_campaign, measure

    cells = (Cell(8, 2), Cell(12, 2), Cell(16, 2), Cell(64, 2))
    grid = Grid(cells, 24, 24, looks=1)
    margin = rational("3/4")
    tried: Prediction = replace(PREDICTION, regime=Regime(quick=grid, standard=grid), margin=margin)
    campaign, store = Campaign((tried,), Profile.QUICK, 5), Store(tmp_path / "m.sqlite")
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.measured.values.shape == (24, 4)
    assert answer.claim.labels == tuple(map(str, cells[:-1]))
    assert answer.judgement.interval is not None
    assert -2 < answer.judgement.interval.estimate < -0.5
