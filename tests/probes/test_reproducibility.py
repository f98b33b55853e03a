"""Numbers depend on (seed, replicate, cell) only: not on order, grouping or neighbours."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probes.data.synthetic import SYNTHETIC_DIMENSION, synthetic
from probes.randomness import NormalStream, standard_normals, weight_generator
from probes.trials import resolve_device, run_group
from tests.experiments import EXPERIMENTS, small
from theory import (
    Cell,
    Convergence,
    DomainError,
    Experiment,
    Propagation,
    Setting,
    Training,
    depth_mup,
    mup,
    residual,
)
from theory.presets import mean_ode

CPU = torch.device("cpu")
CELL = Cell(16, 4)
RATE = Fraction(1)


def setting(kind: type[Experiment]) -> Setting:
    if kind is Convergence:
        fixed = replace(residual(2), stream_width=4)
        return Setting(fixed, mean_ode(), Convergence(4, steps=2, rate=RATE, reference=Cell(32, 8)))
    return Setting(residual(2), depth_mup(), small(kind, batch=4, rate=RATE))


@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_group_and_order_do_not_matter(kind: type[Experiment]) -> None:
    together = run_group(setting(kind), CELL, 3, range(6), CPU, torch.float64)
    for order in ([5, 0, 3], [3], [0, 1, 2, 3, 4, 5]):
        apart = run_group(setting(kind), CELL, 3, order, CPU, torch.float64)
        for name, values in apart.items():
            np.testing.assert_allclose(values, together[name][order], rtol=1e-12)


@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_the_same_call_gives_the_same_bits(kind: type[Experiment]) -> None:
    first, second = (run_group(setting(kind), CELL, 3, range(6), CPU) for _ in range(2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def drawn(seed: int, replicate: int, cell: Cell) -> np.ndarray:
    return standard_normals([weight_generator(seed, replicate, cell)], 64)


def test_seeds_replicates_and_cells_have_weights_of_their_own() -> None:
    reference = drawn(1, 0, CELL)
    for other in (
        drawn(2, 0, CELL),
        drawn(1, 1, CELL),
        drawn(1, 0, Cell(16, 8)),
        drawn(1, 0, Cell(4, 16)),
    ):
        assert not np.isclose(reference, other).any()


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_a_stream_yields_the_same_whatever_the_portions(counts: list[int]) -> None:
    def generators() -> list[np.random.Generator]:
        return [weight_generator(1, replicate, CELL) for replicate in range(3)]

    stream = NormalStream(generators())
    stream._portion = 7
    found = np.concatenate([stream.draw(count) for count in counts], axis=1)
    np.testing.assert_array_equal(found, standard_normals(generators(), sum(counts)))


def test_replicates_draw_their_own_data() -> None:
    (first, second), (labels, _) = synthetic(1, [0, 1], 4)
    assert not np.isclose(first, second).any()
    np.testing.assert_allclose(np.square(first).sum(1), SYNTHETIC_DIMENSION)
    assert set(labels) <= {-1.0, 1.0}


def test_parameterizations_share_their_draws() -> None:
    """Common random numbers: at alpha = 0 and L = 1 both parameterizations are one network."""
    experiment = Propagation(batch=2)
    plain, deep = (
        run_group(Setting(residual(1), p(), experiment), Cell(16, 1), 0, [0], CPU)
        for p in (mup, depth_mup)
    )
    for name, values in plain.items():
        np.testing.assert_array_equal(values, deep[name])


def test_divergence_is_returned_and_stays_with_its_replicate() -> None:
    experiment = Training(batch=4, steps=6, rate=Fraction(10**9))
    exploding = Setting(residual(2), mup(), experiment)
    for values in run_group(exploding, CELL, 0, range(3), CPU).values():
        assert not np.isfinite(values).any()


@pytest.mark.parametrize("name", ["tpu", "cuda:7", ""])
def test_unknown_devices_are_named(name: str) -> None:
    with pytest.raises(DomainError, match=f"unknown device '{name}'; choose one of: cpu, cuda"):
        resolve_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_an_absent_device_is_one_clear_line() -> None:
    with pytest.raises(DomainError, match="not available on this machine; use --device cpu"):
        resolve_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_cuda_gives_the_numbers_of_the_cpu(kind: type[Experiment]) -> None:
    device = resolve_device("cuda")
    there = run_group(setting(kind), CELL, 3, range(4), device, torch.float64)
    here = run_group(setting(kind), CELL, 3, range(4), CPU, torch.float64)
    for name, values in here.items():
        np.testing.assert_allclose(values, there[name], rtol=1e-9)
