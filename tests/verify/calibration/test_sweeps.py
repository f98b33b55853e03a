"""Intervals of best learning rates are right as often as they say, on synthetic sweeps."""

from collections import Counter

import pytest
from scipy import stats

from theory import Verdict
from verify.calibration.sweeps import (
    PAGE,
    Noise,
    Rates,
    Shape,
    SweepCalibration,
    SweepScenario,
    calibrate_sweeps,
    document,
    scenarios,
)


def check(found: SweepCalibration) -> None:
    """Coverage and decisions against their nominal rates, with a 99.9 percent binomial bound."""
    missed = found.sweeps - found.covered
    assert missed <= stats.binom.ppf(0.999, found.sweeps, 0.05), found
    assert found.wrong <= stats.binom.ppf(0.999, found.sweeps, 0.05), found
    if found.scenario.seeds == 1:
        assert found.verdicts[Verdict.ACCEPTED] == found.verdicts[Verdict.REJECTED] == 0


@pytest.mark.parametrize("seeds", [1, 3, 8])
def test_a_few_tables_of_every_number_of_seeds(seeds: int) -> None:
    check(calibrate_sweeps(SweepScenario(Shape.STEEP, Rates.WINDOWS, seeds, 0.5), 25))


@pytest.mark.parametrize("noise", [Noise.BEST_RATES, Noise.DRIFTS])
@pytest.mark.parametrize("seeds", [2, 3])
def test_few_seeds_whose_points_move_together(noise: Noise, seeds: int) -> None:
    """Each seed is one observation of the drift, however many rates it ran."""
    for drift in (0.0, 0.25):
        check(
            calibrate_sweeps(SweepScenario(Shape.PARABOLA, Rates.OCTAVES, seeds, drift, noise), 40)
        )


def test_drifts_are_told_apart_by_eight_seeds() -> None:
    flat, drifting = (
        calibrate_sweeps(SweepScenario(Shape.PARABOLA, Rates.OCTAVES, 8, drift), 20).verdicts
        for drift in (0.0, 1.0)
    )
    assert flat[Verdict.ACCEPTED] >= 15
    assert drifting[Verdict.REJECTED] >= 15


def test_the_page_is_about_every_setting() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    few = [SweepCalibration(scenario, 1) for scenario in scenarios()]
    made = [line for line in document(few).splitlines() if line.startswith("| ")]
    made = [line for line in made if "---" not in line]
    names = Counter(tuple(line.split(" | ")[:2]) for line in rows)
    assert names == Counter(tuple(line.split(" | ")[:2]) for line in made)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", list(scenarios()), ids=str)
def test_every_setting_is_calibrated(scenario: SweepScenario) -> None:
    check(calibrate_sweeps(scenario, 60))
