"""The particle system against exact recursions at initialization and after the first step."""

from fractions import Fraction

import numpy as np
import pytest

from theory import (
    Architecture,
    Axis,
    Cell,
    CurveEquals,
    DomainError,
    Observable,
    chain,
    completep,
    depth_mup,
    residual,
)
from theory.exact.feature_dynamics import FeatureDynamics, Fitted, simulate
from theory.exact.first_step import tangent_kernel
from theory.exact.propagation import propagate

GRAM = np.array([[1.0, 0.4, -0.2], [0.4, 1.0, 0.3], [-0.2, 0.3, 1.0]])
LABELS = np.array([1.0, -1.0, 1.0])
DEPTH = 8


def run(steps: int, rate: float, reused: bool, **options: int) -> FeatureDynamics:
    settings = {"depth": DEPTH, "particles": 8000, "systems": 8} | options
    return simulate(residual(1), GRAM, LABELS, steps, rate, reused, **settings)


@pytest.mark.parametrize("reused", [True, False])
def test_initialization_is_the_exact_recursion(reused: bool) -> None:
    found = run(1, 0.1, reused, particles=16_000)
    exact = propagate(residual(1), depth_mup(), Cell(64, DEPTH), GRAM)
    for measured, expected in (
        (found.stream, exact.stream),
        (found.gradients, exact.gradients),
    ):
        assert measured.error[0].max() < 0.05
        assert (abs(measured.mean[0] - expected) < 5 * measured.error[0] + 0.005).all()


@pytest.mark.parametrize("reused", [True, False])
def test_a_small_first_step_is_the_tangent_kernel(reused: bool) -> None:
    """Reused weights give p_l, independent ones p_L: the response term is what tells them apart."""
    rate = 1e-3
    found = run(1, rate, reused, systems=16, particles=16_000)
    change = (found.outputs.mean[1] - found.outputs.mean[0]) / rate
    chi = LABELS - found.outputs.mean[0]

    def expected(decoupled: bool) -> np.ndarray:
        kernel = tangent_kernel(residual(1), depth_mup(), Cell(64, DEPTH), GRAM, decoupled)
        return kernel.output_change(chi)

    right, wrong = expected(not reused), expected(reused)
    assert abs(change - right).max() < 0.06
    assert abs(change - wrong).max() > 0.15


@pytest.mark.parametrize("reused", [True, False])
def test_the_response_does_not_fade_at_small_rates(reused: bool) -> None:
    changes = []
    for rate in (1e-4, 1e-7):
        outputs = run(1, rate, reused, particles=2000, systems=2).outputs.mean
        changes.append((outputs[1] - outputs[0]) / rate)
    np.testing.assert_allclose(changes[0], changes[1], rtol=1e-3)


def test_no_rate_no_change() -> None:
    found = run(2, 0.0, reused=True, particles=400, systems=2)
    np.testing.assert_allclose(found.outputs.mean[0], found.outputs.mean[2], atol=1e-12)
    np.testing.assert_allclose(found.stream_change.mean, 0.0, atol=1e-12)


def test_training_fits_the_labels() -> None:
    found = run(12, 0.5, reused=True, particles=2000, systems=2)
    assert abs(found.outputs.mean[-1] - LABELS).max() < 0.1
    assert found.stream_change.mean[-1].min() > 0.3


def test_the_same_seed_gives_the_same_particles() -> None:
    first, second, third = (
        run(1, 0.1, reused=True, particles=200, systems=2, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.outputs.mean, second.outputs.mean)
    assert not np.isclose(first.outputs.mean, third.outputs.mean).any()


@pytest.mark.parametrize("architecture", [chain(), residual(2)], ids=str)
def test_only_one_layer_blocks_have_this_limit(architecture: Architecture) -> None:
    with pytest.raises(DomainError, match="residual blocks of one layer"):
        simulate(architecture, GRAM, LABELS, 1, 0.1, reused=True)


def test_labels_must_fit() -> None:
    with pytest.raises(DomainError, match="2 labels"):
        simulate(residual(1), GRAM, LABELS[:2], 1, 0.1, reused=True)


def test_fitted_outputs_tell_the_readings_apart_as_the_tangent_kernel_does() -> None:
    """A step that closes half of the distance: second order counts for a few percent."""
    cell, rate = Cell(64, 4), Fraction(1, 8)
    curves = [Fitted(Observable.FITTED_OUTPUT, 1, rate, reused) for reused in (True, False)]
    found = [curve(residual(1), depth_mup(), cell) for curve in curves]
    kernels = [
        float(tangent_kernel(residual(1), depth_mup(), cell, None, flag).total[0, 0])
        for flag in (False, True)
    ]
    assert found[0] / found[1] == pytest.approx(kernels[0] / kernels[1], rel=0.03)
    assert found[0] == pytest.approx(float(rate) * kernels[0], rel=0.1)
    assert CurveEquals(Axis.DEPTH, curves[1]).origin == (
        "computed by theory.exact.feature_dynamics.fitted_output(steps=1, rate=1/8, "
        "independent weights)"
    )


def test_fitted_outputs_are_those_of_depth_mup_only() -> None:
    with pytest.raises(DomainError, match=r"completep\(1\): the particle system is that of depth"):
        Fitted(Observable.FITTED_OUTPUT, 1, Fraction(1, 8), True)(
            residual(1), completep(1), Cell(64, 4)
        )
