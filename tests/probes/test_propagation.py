"""Measured second moments against the exact recursion: the positive twin of the controls."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from probes.trials import run_group
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Experiment,
    Family,
    Observable,
    Protocol,
    Setting,
    am_mup,
    depth_mup,
    ntk,
    residual,
)
from theory.propagation import backward_second_moment, chain_log_variance, forward_second_moment

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
    ],
    ids=str,
)
def test_both_passes_have_the_second_moments_of_the_theory(architecture, parameterization) -> None:  # type: ignore[no-untyped-def]
    """Within four standard errors, and 1/n per unit of depth for what finite width adds."""
    cell = Cell(48, 4)
    setting = Setting(architecture, parameterization, Protocol(Experiment.PROPAGATION, batch=2))
    measured = run_group(setting, cell, 5, range(REPLICATES), torch.device("cpu"))
    for observable, exact in (
        (Observable.FORWARD_SECOND_MOMENT, forward_second_moment),
        (Observable.BACKWARD_SECOND_MOMENT, backward_second_moment),
    ):
        ratios = measured[observable] / exact(architecture, parameterization, cell)
        error = ratios.std(ddof=1) / np.sqrt(REPLICATES)
        assert error < 0.015
        assert abs(ratios.mean() - 1) < 4 * error + 1 / cell.width


def test_logarithms_of_relu_chains_spread_as_five_layers_over_width() -> None:
    """Plus 2/n for the coordinates of the last layer; four standard errors, and L/n relative."""
    cell, replicates = Cell(128, 5), 2000
    setting = Setting(CHAIN, am_mup(), Protocol(Experiment.PROPAGATION, batch=1))
    measured = run_group(setting, cell, 5, range(replicates), torch.device("cpu"))
    spread = np.log(measured[Observable.FORWARD_SECOND_MOMENT]).var(ddof=1)
    exact = chain_log_variance(Activation.RELU, cell) + 2 / cell.width
    relative = 4 * np.sqrt(2 / replicates) + cell.depth / cell.width
    assert spread == pytest.approx(exact, rel=relative)
