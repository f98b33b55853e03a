"""Exponents come back from synthetic data, and agree with pooled least squares."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import Axis, Cell, DomainError, Power
from theory.prediction import product
from verify.statistics.regression import PowerLaw

DEPTHS = (4, 8, 16, 32, 64)
CELLS = product((128,), DEPTHS)
PER_LAYER = (Power(depth=-1),)
exponents = st.fractions(-3, 3, max_denominator=10)


@given(exponents, st.floats(-5, 5), st.floats(-4, 4), st.sampled_from(Axis))
def test_a_noiseless_power_law_is_recovered_exactly(
    exponent: Fraction, intercept: float, correction: float, axis: Axis
) -> None:
    cells = CELLS if axis is Axis.DEPTH else product((64, 128, 256, 512, 1024), (8,))
    column = Power(width=-1) if axis is Axis.WIDTH else Power(depth=-1)
    law = PowerLaw.of_cells(cells, axis, (column,))
    sizes = np.array([cell.along(axis) for cell in cells], dtype=float)
    logs = intercept + float(exponent) * np.log(sizes)
    logs = logs + correction * np.array([column.at(cell) for cell in cells])
    assert law.exponents(logs[None, :])[0] == pytest.approx(float(exponent), abs=1e-9)
    for movement in (law.without_smallest(logs[None, :]), law.curvature(logs[None, :])):
        assert movement is not None
        assert movement[0] == pytest.approx(0.0, abs=1e-8)


@given(exponents, st.integers(0, 1000))
def test_noise_moves_the_estimate_by_a_few_standard_errors_only(
    exponent: Fraction, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    law = PowerLaw.of_cells(CELLS, Axis.DEPTH)
    noise = generator.normal(0, 0.1, (64, 5)) + generator.normal(0, 1, (64, 1))
    estimates = law.exponents(float(exponent) * law.log_size + noise)
    error = 0.1 * np.linalg.norm(np.linalg.pinv(law.design_matrix)[1]) / 8
    assert abs(estimates.mean() - float(exponent)) < 5 * error


def test_pooled_least_squares_with_clustered_errors_agrees() -> None:
    generator = np.random.default_rng(0)
    law = PowerLaw.of_cells(CELLS, Axis.DEPTH, PER_LAYER)
    logs = -1.5 * law.log_size + generator.normal(0, 0.2, (40, 5)) + generator.normal(0, 1, (40, 1))
    pooled = law.cluster_robust(logs, 0.05)
    estimate, low, high = pooled.estimate, pooled.low, pooled.high
    slopes = law.exponents(logs)
    assert estimate == pytest.approx(slopes.mean(), rel=1e-10)
    half_width = 2.0227 * slopes.std(ddof=1) / np.sqrt(40)  # t(0.975, 39)
    assert (high - low) / 2 == pytest.approx(half_width, rel=0.03)


def test_curvature_is_the_movement_of_the_local_exponent() -> None:
    law = PowerLaw.of_cells(CELLS, Axis.DEPTH)
    logs = 0.1 * law.log_size**2
    local = 0.2 * law.log_size
    curvature = law.curvature(logs[None, :])
    assert curvature is not None
    assert curvature[0] == pytest.approx((local[-1] - local[0]) / 2)


def test_checks_without_a_degree_of_freedom_are_not_made() -> None:
    law = PowerLaw.of_cells(product((128,), (4, 8, 16)), Axis.DEPTH)
    assert law.curvature(np.zeros((2, 3))) is None
    assert law.without_smallest(np.zeros((2, 3))) is None


@pytest.mark.parametrize(
    ("cells", "axis", "corrections"),
    [
        (product((128,), (8,)), Axis.DEPTH, ()),
        (CELLS, Axis.WIDTH, ()),
        (product((128,), (8, 16)), Axis.DEPTH, PER_LAYER),
    ],
)
def test_cells_that_identify_nothing_are_refused(
    cells: tuple[Cell, ...], axis: Axis, corrections: tuple[Power, ...]
) -> None:
    with pytest.raises(DomainError, match="cannot identify"):
        PowerLaw.of_cells(cells, axis, corrections)
