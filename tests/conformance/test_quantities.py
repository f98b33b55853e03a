"""What every quantity does that is registered in ``verify.judging.quantities``."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from theory import (
    Axis,
    Cell,
    Propagation,
    Relation,
    Setting,
    Training,
    Verdict,
    depth_mup,
    mup,
    residual,
)
from theory.exact.propagation import forward_second_moment
from theory.expectations import Equals, Expectation, Smaller, Summary
from theory.quantities import (
    BestRate,
    Curve,
    Excess,
    Observed,
    OverCurve,
    OverNumber,
    OverSetting,
    Quantity,
    Regret,
    TunedOverSetting,
)
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import Exponents, InCells, weigh
from verify.judging.quantities import Part, Reading, Samples, claim_of, reading
from verify.judging.verdict import conclude

CELLS = tuple(Cell(16, depth) for depth in (4, 8, 16, 32, 64))
SIZES = np.array([float(cell.depth) for cell in CELLS])
RATES = tuple(Fraction(2) ** k for k in range(-6, 7))
GRID = np.array([float(rate) for rate in RATES])
PLAIN = Setting(residual(1), depth_mup(), Propagation(batch=2))
TRAINED = Setting(residual(1), depth_mup(), Training(batch=2, steps=1))
OTHER = Setting(residual(1), mup(), Training(batch=2, steps=1))
HALF = Fraction(-1, 2)

# One of each kind, with the summaries in which it is used; those of the excess over 1 are its own.
EXAMPLES: dict[type[Quantity], tuple[Quantity, tuple[Summary, ...]]] = {
    Observed: (Observed(), (Summary.EXPONENT,)),
    Excess: (Excess(), (Summary.EXPONENT,)),
    OverNumber: (OverNumber(2.0), (Summary.RATIO,)),
    OverCurve: (OverCurve(Curve.of(forward_second_moment)), tuple(Summary)),
    OverSetting: (OverSetting(PLAIN), (Summary.EXPONENT, Summary.LOGARITHM)),
    BestRate: (BestRate(RATES), (Summary.EXPONENT,)),
    TunedOverSetting: (TunedOverSetting(RATES, OTHER), (Summary.LOGARITHM,)),
    Regret: (Regret(RATES, HALF), (Summary.LOGARITHM,)),
}
every_example = pytest.mark.parametrize(
    ("quantity", "summary"),
    [(quantity, summary) for quantity, summaries in EXAMPLES.values() for summary in summaries],
    ids=lambda value: type(value).__name__ if isinstance(value, Quantity) else str(value),
)


def expectation_of(quantity: Quantity, summary: Summary) -> Expectation:
    if isinstance(quantity, TunedOverSetting):
        return Smaller()
    if summary is Summary.RATIO:
        return Equals(1.0)
    return Equals(Fraction(-1) if isinstance(quantity, Excess) else Fraction(0))


def claim(quantity: Quantity, summary: Summary, replicates: int) -> Claim:
    expectation = expectation_of(quantity, summary)
    relation = Relation(quantity, summary, expectation, Axis.DEPTH, "a test")
    return claim_of(
        relation,
        0.5,
        replicates,
        [str(cell) for cell in CELLS],
        SIZES,
        curve_values=lambda curve: np.array([curve(residual(1), depth_mup(), c) for c in CELLS]),
    )


def values(quantity: Quantity, part: Part, replicates: int) -> np.ndarray:
    """Measurements (replicates, cells) of one part: losses of a sweep, or something over 1."""
    generator = np.random.default_rng([len(part.cells), part.cells[-1].depth])
    noise = generator.normal(0, 0.01, (replicates, len(part.cells)))
    if quantity.swept_rates() is not None:
        distance = np.log(float(part.setting.experiment.rate))
        return np.asarray(np.exp(0.1 * (distance - 0.1) ** 2 + noise))
    depths = np.array([cell.depth for cell in part.cells])
    return np.asarray((1.0 + 4.0 / depths) * np.exp(0.01 * noise))


def test_every_registered_quantity_has_an_example_here() -> None:
    assert set(reading.registry) - {object} == EXAMPLES.keys()


@every_example
def test_what_it_measures_becomes_samples_and_a_verdict(
    quantity: Quantity, summary: Summary
) -> None:
    read, setting = reading(quantity), TRAINED if quantity.swept_rates() else PLAIN
    parts = read.parts(setting, CELLS, quantity.swept_rates() or ())
    assert parts
    assert all(part.cells for part in parts)
    measured = read.arranged([values(quantity, part, 24) for part in parts], GRID)
    tried = claim(quantity, summary, 24)
    evidence = weigh(tried, measured)
    assert isinstance(evidence, Exponents if summary is Summary.EXPONENT else InCells)
    columns = 1 if summary is Summary.EXPONENT else len(tried.labels)
    assert evidence.samples.shape == (24, columns)
    assert np.isfinite(evidence.samples).all()
    assert conclude(evidence, 0.05).interval is not None
    assert len(tried.labels) == len(tried.judged_sizes) == len(CELLS[read.judged])


@every_example
def test_divergence_of_everything_is_no_acceptance(quantity: Quantity, summary: Summary) -> None:
    read, setting = reading(quantity), TRAINED if quantity.swept_rates() else PLAIN
    parts = read.parts(setting, CELLS, quantity.swept_rates() or ())
    nothing = [np.full((24, len(part.cells)), np.nan) for part in parts]
    judgement = conclude(weigh(claim(quantity, summary, 24), read.arranged(nothing, GRID)), 0.05)
    assert judgement.verdict in (Verdict.INVALID, Verdict.REJECTED)
    assert "diverged" in judgement.reason


@every_example
def test_it_says_what_it_is_and_what_a_plot_of_it_holds(
    quantity: Quantity, summary: Summary
) -> None:
    relation = claim(quantity, summary, 24).relation
    assert str(relation)
    assert "a_name" in reading(quantity).plotted("a_name", summary)


def test_a_quantity_without_a_reading_is_named() -> None:
    class Unread(Quantity):
        pass

    with pytest.raises(TypeError, match="Unread has no reading"):
        reading(Unread())


def test_a_new_quantity_is_a_class_and_a_registration() -> None:
    """The square of the observable: its exponent is twice the observable's."""

    @dataclass(frozen=True, slots=True)
    class Squared(Quantity):
        def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
            return f"{summary} of {symbol} of the square {expectation}"

    class SquaredReading(Reading[Squared]):
        def samples(self, claim: Claim, measured: Measured) -> Samples:
            return Samples(2 * np.log(measured.values))

    reading.register(Squared)(SquaredReading)
    relation = Relation(Squared(), Summary.EXPONENT, Equals(Fraction(-3)), Axis.DEPTH, "a test")
    noise = np.random.default_rng(0).normal(0, 0.05, (24, len(CELLS)))
    measured = Measured(SIZES**-1.5 * np.exp(noise))
    tried = claim_of(relation, 0.1, 24, [str(cell) for cell in CELLS], SIZES)
    judgement = conclude(weigh(tried, measured), 0.05)
    assert judgement.verdict is Verdict.ACCEPTED, judgement.reason
    assert str(relation) == "exponent of L of the square = -3"


def test_arranged_values_keep_their_order() -> None:
    """Both settings of a pair; all rates of a setting, then those of the other."""

    def numbered(parts: Sequence[Part]) -> list[np.ndarray]:
        return [np.full((2, len(part.cells)), float(i)) for i, part in enumerate(parts)]

    pair = reading(OverSetting(PLAIN))
    measured = pair.arranged(numbered(pair.parts(PLAIN, CELLS, ())), GRID)
    assert measured.other is not None
    assert (measured.values[0, 0], measured.other[0, 0]) == (0.0, 1.0)
    tuned = reading(TunedOverSetting(RATES, OTHER))
    measured = tuned.arranged(numbered(tuned.parts(TRAINED, CELLS, RATES)), GRID)
    assert measured.other is not None
    assert measured.values[0, 0].tolist() == list(range(len(RATES)))
    assert measured.other[0, 0].tolist() == list(range(len(RATES), 2 * len(RATES)))
