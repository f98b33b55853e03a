"""Quadrature, propagation, particles and the import of theory: `tox run -e benchmarks`."""

import subprocess
import sys

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from theory import Activation, Cell, depth_mup, residual
from theory.exact.feature_dynamics import simulate
from theory.exact.gaussian import MOMENTS, Moment
from theory.exact.high_precision import HIGH_PRECISION, reference_moment
from theory.exact.propagation import propagate


@pytest.mark.parametrize("which", Moment)
@pytest.mark.parametrize("activation", [Activation.TANH, Activation.SILU, Activation.GELU])
def test_reference_quadrature(
    benchmark: BenchmarkFixture, activation: Activation, which: Moment
) -> None:
    """One activation and variance by mpmath; budget 50 ms."""
    exact = HIGH_PRECISION[activation]
    value = benchmark(reference_moment, exact, which, 1.7)
    fast = float(MOMENTS[activation].moment(which, 1.7))
    assert float(value) == pytest.approx(fast, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.TANH])
def test_propagation_through_1000_layers(
    benchmark: BenchmarkFixture, activation: Activation
) -> None:
    """Budget for an activation without closed form: 0.5 s."""
    result = benchmark(propagate, residual(1, activation), depth_mup(), Cell(64, 1000))
    assert len(result.stream) == 1001


def test_neural_feature_dynamics(benchmark: BenchmarkFixture) -> None:
    """20,000 particles, 64 depth steps, four inputs, four SGD steps; budget 10 s."""
    gram, labels = 0.7 * np.eye(4) + 0.3, np.array([1.0, -1.0, 1.0, -1.0])
    arguments = (residual(1), gram, labels, 4, 0.3, True)
    found = benchmark.pedantic(simulate, arguments, rounds=3)  # type: ignore[no-untyped-call]
    assert found.outputs.mean.shape == (5, 4)


def test_import_of_theory(benchmark: BenchmarkFixture) -> None:
    """A fresh interpreter; budget 0.5 s."""
    command = [sys.executable, "-c", "import theory"]
    done = benchmark(subprocess.run, command, check=True)
    assert done.returncode == 0
