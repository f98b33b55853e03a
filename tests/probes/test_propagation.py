"""Measured second moments against the exact recursion: the positive twin of the controls."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from probes.engines import dense_weights
from probes.experiments.propagation import propagation
from probes.network import Network
from probes.trials import run_group
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Family,
    Observable,
    Propagation,
    Setting,
    am_mup,
    depth_mup,
    ntk,
    residual,
)
from theory.exact.propagation import (
    backward_second_moment,
    chain_log_variance,
    depth_limit,
    forward_second_moment,
)
from theory.presets import mean_ode

CPU = torch.device("cpu")
REPLICATES = 1500
CHAIN = Architecture(Family.CHAIN, variance_factor=Fraction(2))


@pytest.mark.parametrize(
    ("architecture", "parameterization"),
    [
        (residual(1), depth_mup()),
        (residual(2), depth_mup()),
        (residual(3), depth_mup()),
        (residual(2, Activation.GELU), depth_mup()),
        (residual(2, Activation.TANH), depth_mup()),
        (residual(1, Activation.SILU), am_mup()),
        (residual(2), ntk()),
        (residual(1, form=BlockForm.POST_ACTIVATION), depth_mup()),
        (residual(2, Activation.GELU, BlockForm.POST_ACTIVATION_CENTRED), depth_mup()),
        (CHAIN, am_mup()),
        (replace(residual(2), stream_width=96), mean_ode()),
        (replace(residual(3), stream_width=96), mean_ode()),
    ],
    ids=str,
)
def test_both_passes_have_the_second_moments_of_the_theory(architecture, parameterization) -> None:  # type: ignore[no-untyped-def]
    """Within four standard errors, and 1/n per unit of depth for what finite width adds."""
    cell = Cell(48, 4)
    setting = Setting(architecture, parameterization, Propagation(batch=2))
    measured = run_group(setting, cell, 5, range(REPLICATES), torch.device("cpu"))
    for observable, exact in (
        (Observable.FORWARD_SECOND_MOMENT, forward_second_moment),
        (Observable.BACKWARD_SECOND_MOMENT, backward_second_moment),
    ):
        ratios = measured[observable] / exact(architecture, parameterization, cell)
        error = ratios.std(ddof=1) / np.sqrt(REPLICATES)
        assert error < 0.015
        assert abs(ratios.mean() - 1) < 4 * error + 1 / cell.width


@pytest.mark.parametrize("architecture", [residual(1), residual(2), CHAIN], ids=str)
def test_observables_of_the_stream_are_what_they_say(architecture: Architecture) -> None:
    """Coordinate by coordinate, by numpy."""
    network = Network(architecture, depth_mup(), Cell(6, 5), inputs=3, outputs=1)
    matrices = network.initial_weights(2, [0, 1, 2], CPU, torch.float64)
    x = torch.randn(3, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    experiment = Propagation(batch=2)
    measured = propagation(network, dense_weights(network, experiment, matrices), x)
    states = np.array([state.numpy() for state in network.forward(matrices, x).stream])
    last = states[-1]
    kurtosis = [[(h**4).mean() / (h**2).mean() ** 2 for h in inputs] for inputs in last]
    exact = forward_second_moment(architecture, depth_mup(), network.cell)
    expected = {
        Observable.KURTOSIS: np.mean(kurtosis, axis=1),
        Observable.RECURSION_ERROR: ((np.square(last).mean(2) / exact - 1) ** 2).mean(1),
    }
    if architecture is not CHAIN:
        added = np.square(np.diff(states, axis=0))
        halves = np.square(states[2] - states[0]) + np.square(last - states[2])
        whole = np.square(last - states[0]).mean((1, 2))
        limit = depth_limit(architecture).forward
        expected |= {
            Observable.BRANCH_SECOND_MOMENT: added.mean((0, 2, 3)),
            Observable.INCREMENT_RATIO: whole / halves.mean((1, 2)),
            Observable.LIMIT_DISTANCE: abs(np.square(last).mean((1, 2)) / limit - 1),
        }
    new = set(measured) - {
        Observable.FORWARD_SECOND_MOMENT,
        Observable.BACKWARD_SECOND_MOMENT,
    }
    assert new == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(measured[name].numpy(), value, rtol=1e-12)


def test_logarithms_of_relu_chains_spread_as_five_layers_over_width() -> None:
    """Plus 2/n for the coordinates of the last layer; four standard errors, and L/n relative."""
    cell, replicates = Cell(128, 5), 2000
    setting = Setting(CHAIN, am_mup(), Propagation(batch=1))
    measured = run_group(setting, cell, 5, range(replicates), torch.device("cpu"))
    spread = np.log(measured[Observable.FORWARD_SECOND_MOMENT]).var(ddof=1)
    exact = chain_log_variance(Activation.RELU, cell) + 2 / cell.width
    relative = 4 * np.sqrt(2 / replicates) + cell.depth / cell.width
    assert spread == pytest.approx(exact, rel=relative)
