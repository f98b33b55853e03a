"""How intervals become a verdict, by hand: which cell tells most, at which level, what spoils it.

Bands lie above zero and below it, because a wrong sign beside an end of the band shows on one side.
"""

import math

import numpy as np
import pytest

from tests.verify.claims import claimed
from theory import Axis, Setting, SettingsEqual, ValueEquals, Verdict, depth_mup, residual
from theory.arrays import FloatArray
from theory.expectations import Band
from theory.experiments import Propagation
from theory.prediction import product
from theory.verdict import Reason, ReasonKind
from verify.judging.claim import Claim
from verify.judging.evidence import Evidence, Exponents, InCells, Unjudged
from verify.judging.verdict import (
    MOST_SKEWNESS_ERROR,
    _overall,
    _skewed,
    conclude,
    fit_levels_of,
)
from verify.statistics.equivalence import Intervals
from verify.statistics.fit_checks import FitChecks
from verify.statistics.regression import PowerLaw
from verify.statistics.sample_size import replicates_to_decide

ACCEPTED, REJECTED, OPEN = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.INCONCLUSIVE
OTHER = Setting(residual(1), depth_mup(), Propagation(batch=2))
THREE = product((64,), (4, 8, 16))
RATIO = claimed(ValueEquals(Axis.DEPTH, 1.0, "a test"), margin=0.5, replicates=3, cells=THREE)
LOGARITHM = claimed(SettingsEqual(Axis.DEPTH, OTHER, "a test"), margin=0.5, cells=THREE)


def intervals(*ends: tuple[float, float]) -> Intervals:
    low, high = (np.array(column, dtype=np.float64) for column in zip(*ends, strict=True))
    return Intervals((low + high) / 2, low, high, 0 * low)


@pytest.mark.parametrize("shift", [0.0, 100.0, -100.0])
@pytest.mark.parametrize(
    ("ends", "verdict", "telling"),
    [
        # The band is [0, 10]. All inside: the one that comes nearest to an end.
        ([(1.0, 9.0), (2.0, 9.5), (3.0, 4.0)], ACCEPTED, 1),
        ([(0.2, 3.0), (2.0, 9.5), (3.0, 4.0)], ACCEPTED, 0),
        ([(3.0, 4.0), (4.0, 6.0), (5.0, 8.0)], ACCEPTED, 2),
        # One that rejects is enough; the clearest one tells, on whichever side.
        ([(11.0, 30.0), (12.0, 13.0), (1.0, 9.0)], REJECTED, 1),
        ([(-30.0, -1.0), (-3.0, -2.0), (1.0, 9.0)], REJECTED, 1),
        ([(12.0, 13.0), (1.0, 9.0), (-9.0, -3.0)], REJECTED, 2),
        ([(14.0, 15.0), (1.0, 9.0), (-9.0, -3.0)], REJECTED, 0),
        ([(-50.0, 50.0), (11.0, 12.0), (1.0, 9.0)], REJECTED, 1),
        ([(1.0, 9.0), (1.0, 9.0), (-0.5, -0.25)], REJECTED, 2),
        # One that is open leaves open; the one that reaches farthest out tells.
        ([(-1.0, 5.0), (5.0, 13.0), (1.0, 9.0)], OPEN, 1),
        ([(-4.0, 5.0), (5.0, 13.0), (1.0, 9.0)], OPEN, 0),
        ([(1.0, 9.0), (2.0, 8.0), (-0.5, 5.0)], OPEN, 2),
    ],
)
def test_the_cell_that_tells_most_is_the_clearest_rejection_or_comes_nearest_to_one(
    ends: list[tuple[float, float]], verdict: Verdict, telling: int, shift: float
) -> None:
    moved = intervals(*((low + shift, high + shift) for low, high in ends))
    assert _overall(moved, Band(shift, 10.0 + shift)) == (verdict, telling)


@pytest.mark.parametrize(
    ("ends", "verdict", "telling"),
    [
        ([(-9.0, -5.0), (-3.0, -2.0)], ACCEPTED, 1),
        ([(-9.0, 1.0), (-3.0, 4.0)], OPEN, 1),
        ([(2.0, 3.0), (-3.0, 4.0)], REJECTED, 0),
    ],
)
def test_a_bound_has_one_end_only(
    ends: list[tuple[float, float]], verdict: Verdict, telling: int
) -> None:
    assert _overall(intervals(*ends), Band(-math.inf, 0.0)) == (verdict, telling)


def in_cells(means: list[float], spread: float, claim: Claim = RATIO) -> InCells:
    """Three replicates in every cell: the mean, and one spread to either side."""
    samples = np.array([-spread, 0.0, spread])[:, None] + np.array(means)
    return InCells(claim, samples, 0.5, (Reason(ReasonKind.LEFT_OUT),))


def test_a_verdict_has_the_interval_of_its_cell_at_its_share_of_the_level() -> None:
    """Two cells share the level 0.04; t(0.99, 2) is 6.965, the standard error s / root 3."""
    claim = claimed(ValueEquals(Axis.DEPTH, 1.0, "a test"), 0.5, 3, cells=THREE[:2])
    judgement = conclude(in_cells([1.0, 1.25], 0.05, claim), 0.04)
    half_width = 6.964557 * 0.05 / math.sqrt(3)
    assert judgement.verdict is Verdict.ACCEPTED
    assert judgement.interval is not None
    assert judgement.interval.level == pytest.approx(0.02)
    assert (judgement.interval.low, judgement.interval.high) == pytest.approx(
        (1.25 - half_width, 1.25 + half_width)
    )
    assert judgement.replicates == 3
    kinds = [reason.kind for reason in judgement.reasons]
    assert kinds == [ReasonKind.INSIDE, ReasonKind.LEFT_OUT]
    assert judgement.reasons[0].places == (str(THREE[1]),)


def test_a_rejection_names_its_cell() -> None:
    judgement = conclude(in_cells([1.0, 1.1, 2.5], spread=0.05), 0.05)
    assert judgement.verdict is Verdict.REJECTED
    assert judgement.reasons[0] == Reason(ReasonKind.DISJOINT, (str(THREE[2]),))


def test_one_cell_is_not_named() -> None:
    claim = claimed(ValueEquals(Axis.DEPTH, 1.0, "a test"), 0.5, 3, cells=THREE[:1])
    judgement = conclude(in_cells([1.0], 0.05, claim), 0.05)
    assert judgement.reasons[0] == Reason(ReasonKind.INSIDE)


def test_what_is_open_says_how_many_replicates_would_decide_every_open_cell() -> None:
    """The cell at 1.4 is a tenth from the end, that at 1.3 two tenths; that at 1 is decided."""
    evidence = in_cells([1.0, 1.3, 1.4], spread=0.12)
    judgement = conclude(evidence, 0.3)
    counts = [replicates_to_decide(evidence.samples[:, i], RATIO.band, 0.1) for i in (1, 2)]
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert counts[0] is not None
    assert counts[1] is not None
    assert 3 < counts[0] < counts[1] == judgement.replicates_needed
    across, left_out = judgement.reasons
    assert across == Reason(ReasonKind.ACROSS, (str(THREE[2]),), {"replicates": counts[1]})
    assert left_out.kind is ReasonKind.LEFT_OUT


def test_a_cell_on_the_edge_is_decided_by_no_number_of_replicates() -> None:
    judgement = conclude(in_cells([1.0, 1.4, 1.5], spread=0.3), 0.05)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.replicates_needed is None
    assert judgement.reasons[0].numbers == {}


@pytest.mark.parametrize(
    ("verdict", "p_value", "expected"),
    [
        (Verdict.REJECTED, 0.04, Verdict.REJECTED),
        (Verdict.REJECTED, 0.05, Verdict.REJECTED),
        (Verdict.REJECTED, 0.06, Verdict.INCONCLUSIVE),
        (Verdict.INVALID, 1.0, Verdict.INVALID),
        (Verdict.INCONCLUSIVE, 1.0, Verdict.INCONCLUSIVE),
    ],
)
def test_what_cannot_be_summed_up_keeps_its_verdict_and_a_rejection_waits_for_its_level(
    verdict: Verdict, p_value: float, expected: Verdict
) -> None:
    reasons = (Reason(ReasonKind.NO_SPREAD),)
    judgement = conclude(Unjudged(RATIO, 7, reasons, verdict, p_value), 0.05)
    assert judgement.verdict is expected
    assert (judgement.reasons, judgement.replicates) == (reasons, 7)
    assert judgement.interval is None


def of_which(share: int, sign: float = 1.0) -> FloatArray:
    """A hundred values of which so many are one, the others zero: skewness (1 - 2p) / root(pq)."""
    return np.where(np.arange(100) < share, sign, 0.0)


def error_of(share: int) -> float:
    """(skewness - 2 root(6 / R)) / (6 root R), R = 100."""
    p = share / 100
    return ((1 - 2 * p) / math.sqrt(p * (1 - p)) - 2 * math.sqrt(0.06)) / 60


def test_a_skewed_mean_is_one_whose_interval_errs_by_half_its_level() -> None:
    """At 23 of a hundred it errs by 0.0132, at 25 by 0.0111; a mirror image errs as much."""
    assert error_of(25) < MOST_SKEWNESS_ERROR == 0.0125 < error_of(23)
    for sign in (1.0, -1.0):
        columns = np.stack([of_which(50), of_which(23, sign), of_which(25, sign)], axis=1)
        reason = _skewed(RATIO, columns, [0, 1, 2])
        assert reason is not None
        assert (reason.kind, reason.places) == (ReasonKind.SKEWED, (str(THREE[1]),))
        assert reason.numbers == pytest.approx({"replicates": 100, "error": error_of(23)})
        assert _skewed(RATIO, columns, [0, 2]) is None


def test_the_most_skewed_of_the_cells_that_count_is_named() -> None:
    columns = np.stack([of_which(2), of_which(10), of_which(5)], axis=1)
    reason = _skewed(RATIO, columns, [1, 2])
    assert reason is not None
    assert reason.places == (str(THREE[2]),)
    assert reason.numbers["error"] == pytest.approx(error_of(5))


def test_logarithms_may_be_skewed_and_constants_are_not() -> None:
    skewed = np.stack([of_which(2)] * 3, axis=1)
    assert _skewed(LOGARITHM, skewed, [0, 1, 2]) is None
    assert _skewed(RATIO, np.zeros((100, 3)), [0, 1, 2]) is None


def test_skewness_of_any_cell_spoils_an_acceptance_and_of_the_telling_one_a_rejection() -> None:
    """Values are 1 and a few at 1.2; the last cell of a rejection lies at 3."""
    calm, wild = 1 + 0.01 * of_which(50), 1 + 0.2 * of_which(3)
    for samples, verdict in (
        ([calm, calm, wild], Verdict.INVALID),
        ([wild, calm, 2 + calm], Verdict.REJECTED),
        ([calm, calm, 2 + wild], Verdict.INVALID),
        ([calm, calm, calm], Verdict.ACCEPTED),
    ):
        evidence = InCells(RATIO, np.stack(samples, axis=1), 0.5, ())
        judgement = conclude(evidence, 0.05)
        assert judgement.verdict is verdict
        if verdict is Verdict.INVALID:
            assert judgement.reasons[0].kind is ReasonKind.SKEWED
            assert judgement.reasons[0].places == (str(THREE[2]),)


def exponents(misfit: float = 1.0, exponent: float = 1.0, trimmed: float = 1.0) -> Exponents:
    """Evidence of an exponent for the band [0.5, 1.5], with checks that are written down."""
    law = PowerLaw(np.array([1.0, 2.0, 4.0]), np.empty((3, 0)), "depth")
    p_value = np.array([misfit])
    checks = FitChecks(None, None, p_value, p_value, np.array([trimmed]))
    samples = exponent + 0.01 * np.array([[-1.0], [0.0], [1.0]])
    return Exponents(RATIO, samples, 1.0, (), law, np.zeros((3, 3)), checks)


@pytest.mark.parametrize(
    ("exponent", "trimmed", "verdict", "kind"),
    [
        (1.0, 1.0, Verdict.ACCEPTED, ReasonKind.INSIDE),
        (1.0, 2.0, Verdict.INVALID, ReasonKind.HEAVY_TAILS),
        (2.0, 2.0, Verdict.REJECTED, ReasonKind.DISJOINT),
        (2.0, 1.0, Verdict.INVALID, ReasonKind.HEAVY_TAILS),
    ],
)
def test_a_fit_spoils_an_acceptance_by_its_rules_and_a_rejection_by_others(
    exponent: float, trimmed: float, verdict: Verdict, kind: ReasonKind
) -> None:
    judgement = conclude(exponents(1.0, exponent, trimmed), 0.05)
    assert judgement.verdict is verdict
    assert [reason.kind for reason in judgement.reasons] == [kind]


def test_a_misfit_on_which_nothing_hangs_is_said_at_the_level_of_its_family() -> None:
    for fit_level, kind in ((0.03, ReasonKind.MISFIT), (0.01, ReasonKind.MISFIT_ALONE)):
        judgement = conclude(exponents(misfit=0.02), 0.05, fit_level)
        assert judgement.verdict is Verdict.ACCEPTED
        assert [reason.kind for reason in judgement.reasons] == [ReasonKind.INSIDE, kind]


def test_levels_of_misfits_are_shared_by_those_that_have_a_fit() -> None:
    """Three of five have one; two of these are discovered, at 2/3 of the share."""
    family: list[Evidence] = [
        exponents(0.001),
        in_cells([1.0], 0.1),
        exponents(0.02),
        Unjudged(RATIO, 3, ()),
        exponents(0.9),
    ]
    levels = fit_levels_of(family, 0.03)
    np.testing.assert_allclose(levels[[0, 2, 4]], 0.02)
