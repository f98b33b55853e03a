"""The best learning rate of mean curves: where it is, how well it is known, and what spoils it."""

import numpy as np
import pytest

from theory import BestRateExponentEquals, Verdict
from theory.arrays import FloatArray
from verify.judging.claim import Measured
from verify.judging.evidence import Unjudged
from verify.judging.quantities import claim_of
from verify.judging.sweeps import weigh_sweep
from verify.judging.verdict import Judgement, conclude
from verify.statistics.regression import PowerLaw
from verify.statistics.sweeps import Sweeps

SIZES = np.array([64.0, 128.0, 256.0, 512.0])
OCTAVES: FloatArray = np.exp2(np.arange(-12.0, -1.0))
HALF_DECADES = np.array([1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1])
LAW = PowerLaw(SIZES, np.empty((4, 0)), "width")


def losses(
    rates: FloatArray, exponent: float = 0.0, seeds: int = 4, noise: float = 0.05
) -> FloatArray:
    """Sweeps whose best rate is 2^-7 at width 181, and goes as width^exponent."""
    best = -7 * np.log(2) + exponent * (np.log(SIZES) - np.log(SIZES).mean())
    curve = 0.2 * (np.log(rates) - best[:, None]) ** 2
    drawn = np.random.default_rng(4).standard_normal((seeds, len(SIZES), len(rates)))
    return np.asarray(np.exp(curve + noise * drawn))


def judged(
    values: FloatArray, rates: FloatArray, exponent: str = "0", margin: float = 0.3
) -> Judgement:
    relation = BestRateExponentEquals("width", exponent)
    labels = [f"width = {size:g}" for size in SIZES]
    claim = claim_of(relation, margin, len(values), labels, SIZES)
    return conclude(weigh_sweep(claim, Measured(values, rates=rates)), 0.05)


@pytest.mark.parametrize("exponent", [0.0, -0.5, -1.0])
@pytest.mark.parametrize("rates", [OCTAVES, HALF_DECADES], ids=["octaves", "half decades"])
def test_a_parabola_is_read_exactly_on_any_grid(exponent: float, rates: FloatArray) -> None:
    drift = Sweeps.of(losses(rates, exponent, seeds=1, noise=0.0), rates).drift(LAW)
    assert drift.estimate == pytest.approx(exponent, abs=1e-3)
    assert np.exp(drift.best.log_rates).prod() ** 0.25 == pytest.approx(2.0**-7, rel=1e-2)


def test_an_interval_is_never_shorter_than_the_grid_allows() -> None:
    """Half a step at either end of the sizes: log 2 / 2 over log 8."""
    judgement = judged(losses(OCTAVES, noise=1e-6), OCTAVES)
    assert judgement.verdict is Verdict.ACCEPTED
    assert judgement.interval is not None
    assert judgement.interval.high - judgement.interval.low == pytest.approx(1 / 3, abs=1e-6)
    assert "allows no interval shorter than ±0.167" in judgement.reason
    assert judged(losses(OCTAVES, noise=1e-6), OCTAVES, margin=0.1).replicates_needed is None
    best = Sweeps.of(losses(OCTAVES, noise=1e-6), OCTAVES).drift(LAW).best
    assert (np.ptp(best.ends, axis=0) >= np.log(2) * (1 - 1e-9)).all()


def test_single_seeds_may_have_their_minimum_at_an_end() -> None:
    """A plateau that reaches the end: the mean curve has a minimum where single ones have none."""
    rates = np.exp2(np.arange(-12.0, -4.0))
    values = losses(rates, noise=0.4, seeds=8)
    _, at_end = Sweeps.of(values, rates).single_minima()
    assert at_end > 0
    judgement = judged(values, rates)
    assert judgement.verdict is not Verdict.INVALID
    assert f"{at_end} of 32 single sweeps have their minimum at an end" in judgement.reason


def test_a_best_rate_beyond_the_grid_is_said_with_its_end() -> None:
    rates = OCTAVES[:5]
    judgement = judged(losses(rates, -1.0), rates)
    assert judgement.verdict is Verdict.INVALID
    assert "lies at an end of its grid: width = 64: highest" in judgement.reason
    few = losses(OCTAVES)
    few[:, 2, 2:] = np.nan
    assert "width = 256: fewer than three rates" in judged(few, OCTAVES).reason


def test_other_windows_at_other_sizes() -> None:
    values = losses(OCTAVES, -0.5)
    for size, window in enumerate([(2, 10), (2, 9), (1, 8), (0, 8)]):
        outside = np.ones(len(OCTAVES), dtype=bool)
        outside[slice(*window)] = False
        values[:, size, outside] = np.nan
    drift = Sweeps.of(values, OCTAVES).drift(LAW)
    assert drift.estimate == pytest.approx(-0.5, abs=0.1)


def test_what_diverges_counts_as_the_worst_of_its_sweep_and_is_said() -> None:
    calm = losses(OCTAVES, -0.5)
    stormy = calm.copy()
    stormy[:, :, -2:] = np.inf
    stormy[0, 1, -3] = 1e30
    quiet, loud = (Sweeps.of(v, OCTAVES).drift(LAW).estimate for v in (calm, stormy))
    assert loud == pytest.approx(quiet, abs=0.05)
    judgement = judged(stormy, OCTAVES)
    assert "32 of 176 runs diverged and count as worse than all of their sweep" in judgement.reason
    stormy[:, 2] = np.inf
    dead = judged(stormy, OCTAVES)
    assert dead.verdict is Verdict.INVALID
    assert "diverged: width = 256: every rate" in dead.reason


def test_a_plateau_is_said_and_leaves_the_exponent_open() -> None:
    rates = np.exp2(np.arange(-14.0, 2.0))
    away = np.abs(np.log2(rates) + 7)
    curve = np.maximum(away - 3.5, 0.0) * 0.4
    drawn = np.random.default_rng(5).standard_normal((3, 4, len(rates)))
    judgement = judged(np.exp(curve + 0.3 * drawn), rates, margin=0.2)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "a plateau, on which losses differ by less than noise: width = " in judgement.reason


def test_one_seed_decides_nothing() -> None:
    judgement = judged(losses(OCTAVES, seeds=1), OCTAVES)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.interval is not None
    assert "one seed decides nothing" in judgement.reason


def test_losses_that_are_not_positive_are_taken_as_they_are() -> None:
    values = np.log(losses(OCTAVES, -0.5)) - 3.0
    assert Sweeps.of(values, OCTAVES).drift(LAW).estimate == pytest.approx(-0.5, abs=0.1)


def test_results_depend_on_the_measurements_only() -> None:
    relation = BestRateExponentEquals("width", 0)
    claim = claim_of(relation, 0.25, 4, list("abcd"), SIZES)
    found = [weigh_sweep(claim, Measured(losses(OCTAVES), rates=OCTAVES)).p_value for _ in range(2)]
    assert found[0] == found[1]
    assert not isinstance(weigh_sweep(claim, Measured(losses(OCTAVES), rates=OCTAVES)), Unjudged)


def test_copies_of_one_sweep_are_no_seeds() -> None:
    one = losses(OCTAVES, seeds=1)
    judgement = judged(np.repeat(one, 3, axis=0), OCTAVES)
    assert judgement.verdict is Verdict.INVALID
    assert "the replicates are copies of one another" in judgement.reason


def test_a_seed_with_gaps_is_no_seed() -> None:
    """One row of a second seed decided what one seed does not."""
    values = losses(OCTAVES, seeds=2)
    values[1, :, 1:] = np.nan
    judgement = judged(values, OCTAVES)
    assert judgement.verdict is Verdict.INVALID
    assert "1 of 2 replicates miss a trial" in judgement.reason
    many = losses(OCTAVES, seeds=20)
    whole = judged(many[1:], OCTAVES)
    many[0, 0, 0] = np.nan
    left = judged(many, OCTAVES)
    assert left.replicates == whole.replicates == 19
    assert left.interval == whole.interval
