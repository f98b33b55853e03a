"""The distance to a much larger network: what it compares, and the law of claim C8."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from probes.costs import engine_of
from probes.engines import Engine
from probes.trials import network_of, run_group
from theory import (
    Cell,
    Convergence,
    DomainError,
    Observable,
    OneStep,
    Setting,
    depth_mup,
    residual,
)
from theory.exact.propagation import branch_second_moment
from theory.presets import mean_ode

CPU = torch.device("cpu")
SMALL, LARGE = Cell(4, 8), Cell(64, 32)
STREAM = replace(residual(2), stream_width=6)


def setting(steps: int, reference: Cell = LARGE) -> Setting:
    experiment = Convergence(batch=3, steps=steps, rate=Fraction(1, 2), reference=reference)
    return Setting(STREAM, mean_ode(), experiment)


def distances(of: Setting, cell: Cell, replicates: int) -> np.ndarray:
    measured = run_group(of, cell, 5, range(replicates), CPU, torch.float64)
    return measured[Observable.REFERENCE_DISTANCE]


@pytest.mark.parametrize("steps", [0, 3])
def test_a_network_is_at_no_distance_from_itself(steps: int) -> None:
    np.testing.assert_array_equal(distances(setting(steps, SMALL), SMALL, 4), 0.0)


def test_at_initialization_the_distance_is_what_the_branches_add() -> None:
    """Of independent blocks on the same h_0: its square is the sum of both networks' branches.

    With other input weights in the reference it would be of order one.
    """
    squares = distances(setting(0), SMALL, 2000) ** 2
    added = [cell.depth * branch_second_moment(STREAM, mean_ode(), cell) for cell in (SMALL, LARGE)]
    error = squares.std(ddof=1) / np.sqrt(len(squares))
    assert error < 0.04 * sum(added)
    assert abs(squares.mean() - sum(added)) < 4 * error


def test_the_reference_learns_as_well() -> None:
    """If it stayed where it was, eight steps would take them apart by order one."""
    of, cell = setting(8, Cell(64, 64)), Cell(64, 32)
    start = setting(0, Cell(64, 64))
    assert np.median(distances(of, cell, 16) / distances(start, cell, 16)) < 5


def test_a_step_moves_units_by_the_same_at_every_depth_and_inner_width() -> None:
    """(L M)^0, the rates of the complete scale; half-way to the lazy one, (L M)^-1/4."""
    experiment = OneStep(batch=3)
    cells = (Cell(8, 64), Cell(128, 64))
    for excess, exponent in (("0", 0.0), ("1/4", -0.25)):
        found = Setting(STREAM, mean_ode(excess), experiment)
        small, large = (
            np.log(run_group(found, cell, 5, range(256), CPU)[Observable.FIRST_LAYER_OWN_CHANGE])
            for cell in cells
        )
        slopes = (large - small) / np.log(16)
        error = slopes.std(ddof=1) / np.sqrt(len(slopes))
        assert error < 0.03
        assert abs(slopes.mean() - exponent) < 4 * error + 0.03  # terms in 1/M at M = 8


def test_stream_weights_have_the_width_of_the_stream() -> None:
    shapes = network_of(setting(0), Cell(4, 1)).shapes()
    assert list(shapes.values()) == [(6, 32), (4, 6), (6, 4), (1, 6)]


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(DomainError, match=r"stream width 6: expected pre-activation blocks of two"):
        replace(residual(1), stream_width=6)
    with pytest.raises(DomainError, match="stream width 0: expected at least 1"):
        replace(residual(2), stream_width=0)
    with pytest.raises(DomainError, match="give a reference of this width, or a stream_width"):
        distances(Setting(residual(1), depth_mup(), setting(0).experiment), SMALL, 1)
    with pytest.raises(DomainError, match="excess 1: expected 0 to 1/2"):
        mean_ode(1)


def test_networks_that_share_weights_need_matrices() -> None:
    assert engine_of(setting(0), Cell(8, 4), "cpu") is Engine.DENSE
    with pytest.raises(DomainError, match="share weights have no matrix-free"):
        engine_of(setting(0), Cell(8, 4), "cpu", Engine.MATRIX_FREE)
