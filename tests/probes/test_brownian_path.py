"""Networks of several depths along one Brownian path (``Learning.finest``)."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from probes.costs import engine_of, operations
from probes.engines import Engine
from probes.network import Network, WeightKey
from probes.trials import network_of, run_group
from theory import (
    Activation,
    Cell,
    Convergence,
    DomainError,
    Fitting,
    Observable,
    Profile,
    Setting,
    Training,
    am_mup,
    chain,
    depth_mup,
    depth_mup_corrected,
    residual,
)
from theory.catalogue import PREDICTIONS

CPU = torch.device("cpu")
FINEST = 24
DIVISORS = [depth for depth in range(1, FINEST + 1) if FINEST % depth == 0]
TRAINING = Training(batch=16, steps=10, rate=Fraction(1, 4), finest=FINEST)
COUPLED = Setting(residual(1), depth_mup(), TRAINING)


def network(depth: int, finest: int | None = FINEST, layers: int = 1) -> Network:
    # Under the corrected parameterization weights have standard deviations other than one.
    return Network(residual(layers), depth_mup_corrected(), Cell(8, depth), 4, 2, finest)


def weights(depth: int, finest: int | None = FINEST, layers: int = 1) -> dict[WeightKey, Tensor]:
    drawn = network(depth, finest, layers).initial_weights(3, range(2), CPU, torch.float64)
    return {
        key: weight / network(depth, finest, layers).std(key.role) for key, weight in drawn.items()
    }


@given(st.sampled_from(DIVISORS), st.sampled_from(DIVISORS), st.sampled_from([1, 2]))
def test_the_path_ends_at_one_point_whatever_the_depth(one: int, other: int, layers: int) -> None:
    """L^-1/2 times the sum over blocks does not depend on L; nor do the ends of the network."""
    first, second = (weights(depth, layers=layers) for depth in (one, other))
    for key in first:
        if not key.block:
            torch.testing.assert_close(first[key], second[key])
    for layer in range(1, layers + 1):
        ends = [
            sum(w for key, w in each.items() if key.block and key.layer == layer) / depth**0.5
            for each, depth in ((first, one), (second, other))
        ]
        torch.testing.assert_close(*ends)


def test_a_block_is_the_sum_of_neighbouring_blocks_over_the_root_of_their_number() -> None:
    fine, coarse = weights(FINEST), weights(FINEST // 3)
    for key, found in coarse.items():
        if key.block:
            parts = [fine[key._replace(block=3 * key.block - back)] for back in range(3)]
            torch.testing.assert_close(found, sum(parts) / 3**0.5)


def test_the_finest_network_is_the_one_that_is_drawn_alone() -> None:
    alone = weights(FINEST, finest=None)
    for key, found in weights(FINEST).items():
        assert torch.equal(found, alone[key])


def test_every_network_has_the_law_that_it_has_alone() -> None:
    """Standard normal and uncorrelated: mean, variance, kurtosis and neighbouring blocks."""
    wide = replace(network(6), cell=Cell(64, 6))
    drawn = wide.initial_weights(0, range(8), CPU, torch.float64)
    blocks = torch.stack([weight.flatten() for key, weight in drawn.items() if key.block])
    blocks /= wide.std(next(key for key in drawn if key.block).role)
    count = blocks.numel()
    assert abs(blocks.mean().item()) < 4 / count**0.5
    assert blocks.square().mean().item() == pytest.approx(1, abs=4 * (2 / count) ** 0.5)
    assert blocks.pow(4).mean().item() == pytest.approx(3, abs=4 * (96 / count) ** 0.5)
    between = (blocks[:-1] * blocks[1:]).mean().item()
    assert abs(between) < 4 / (count * 5 / 6) ** 0.5


def trained(setting: Setting, depth: int) -> np.ndarray:
    return run_group(setting, Cell(16, depth), 1, range(48), CPU)[Observable.TRAINED_LOSS]


def test_differences_of_depths_spread_less_than_with_weights_of_their_own() -> None:
    """To less than a fifth; the losses themselves spread as before."""
    alone = replace(COUPLED, experiment=replace(TRAINING, finest=None))
    spread = {
        setting.experiment.finest: (trained(setting, 12) - trained(setting, 24)).std()
        for setting in (COUPLED, alone)
    }
    assert 5 * spread[FINEST] < spread[None]
    assert trained(COUPLED, 12).std() == pytest.approx(trained(alone, 12).std(), rel=0.4)


def approaching(steps: int, independent: bool, finest: int | None = FINEST) -> Setting:
    """Distances to the network of ``FINEST`` blocks, on its path or with weights of their own."""
    experiment = Convergence(
        batch=3,
        steps=steps,
        rate=Fraction(1, 8),
        independent_backward=independent,
        reference=Cell(16, FINEST),
        finest=finest,
    )
    return Setting(residual(1, activation=Activation.GELU), depth_mup(), experiment)


def squares(setting: Setting, depth: int, replicates: int = 96) -> np.ndarray:
    measured = run_group(setting, Cell(16, depth), 1, range(replicates), CPU, torch.float64)
    return measured[Observable.REFERENCE_DISTANCE] ** 2


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("steps", [0, 3])
def test_the_end_of_the_path_is_at_no_distance_from_itself(steps: int, independent: bool) -> None:
    """Of the copies of an independent backward pass, too; without a path they are far apart."""
    np.testing.assert_array_equal(squares(approaching(steps, independent), FINEST, 4), 0.0)
    assert squares(approaching(steps, independent, None), FINEST // 2, 4).min() > 0.1


@pytest.mark.parametrize("independent", [False, True])
def test_the_mean_square_distance_along_a_path_is_of_the_order_of_a_step(independent: bool) -> None:
    """As 1/L - 1/24: the strong order of Euler's scheme is 1/2."""
    setting = approaching(2, independent)
    shallow, deep = (squares(setting, depth, 1000) for depth in (6, 12))
    expected = (1 / 6 - 1 / FINEST) / (1 / 12 - 1 / FINEST)
    ratio, relative = shallow.mean() / deep.mean(), shallow / shallow.mean() - deep / deep.mean()
    error = relative.std(ddof=1) / np.sqrt(len(relative))  # of log ratio, by the delta method
    assert error < 0.02
    assert abs(np.log(ratio / expected)) < 4 * error + 0.05  # order 1/4 would be off by 0.3


def test_a_backward_pass_of_its_own_learns_something_else() -> None:
    reused, own = (squares(approaching(2, independent), 6, 8) for independent in (False, True))
    assert not np.isclose(reused, own, rtol=1e-3).any()
    before, same = (squares(approaching(0, independent), 6, 8) for independent in (False, True))
    np.testing.assert_allclose(before, same, rtol=1e-12)


def fitted(depth: int, independent: bool, observable: Observable) -> np.ndarray:
    experiment = Fitting(
        batch=8,
        steps=2,
        rate=Fraction(1, 2),
        independent_backward=independent,
        finest=FINEST,
    )
    setting = Setting(residual(1), depth_mup(), experiment)
    return run_group(setting, Cell(16, depth), 1, range(3000), CPU)[observable]


@pytest.mark.parametrize("independent", [False, True])
def test_means_along_a_path_differ_by_a_term_in_one_over_depth(independent: bool) -> None:
    """Networks that fit one batch: the weak order of Euler's scheme is 1."""
    moment = Observable.FITTED_SECOND_MOMENT
    deepest = fitted(FINEST, independent, moment)
    missing = [deepest - fitted(depth, independent, moment) for depth in (3, 12)]
    expected = (1 / 3 - 1 / FINEST) / (1 / 12 - 1 / FINEST)
    relative = missing[0] / missing[0].mean() - missing[1] / missing[1].mean()
    error = relative.std(ddof=1) / np.sqrt(len(relative))
    assert error < 0.07
    ratio = missing[0].mean() / missing[1].mean()
    # Of order 1/2 it would be off by 0.46; terms of the next order are more than a tenth here.
    assert abs(np.log(ratio / expected)) < 2 * error + 0.2


def test_what_is_drawn_is_counted() -> None:
    shallow = network_of(COUPLED, Cell(16, 2))
    counted = operations(Engine.DENSE, shallow, COUPLED.experiment).work
    assert counted["draw"] == network_of(COUPLED, Cell(16, FINEST)).size
    assert counted["read"] == shallow.size * (2 + 3 * TRAINING.steps)
    setting = approaching(2, independent=True)
    network, large = (network_of(setting, Cell(16, depth)) for depth in (2, FINEST))
    counted = operations(Engine.DENSE, network, setting.experiment).work
    assert counted["draw"] == 2 * 2 * large.size
    assert counted["read"] == (network.size + large.size) * (2 * (1 + 1 + 2) + 1)


@pytest.mark.parametrize("profile", [Profile.STANDARD, Profile.FULL])
def test_every_depth_of_the_catalogue_lies_on_its_path(profile: Profile) -> None:
    coupled = [p for p in PREDICTIONS if p.setting.experiment.finest]
    assert coupled
    for prediction in coupled:
        if not prediction.regime.is_tried(profile):
            continue
        for cell in prediction.regime.grid(profile).cells:
            assert network_of(prediction.setting, cell).drawn.cell.depth % cell.depth == 0


def test_a_depth_that_does_not_divide_the_finest_is_refused() -> None:
    with pytest.raises(DomainError, match="depth 5: expected a divisor of the 24 blocks"):
        network_of(COUPLED, Cell(16, 5))


def test_a_path_has_blocks_and_the_reference_is_the_deepest_on_it() -> None:
    with pytest.raises(DomainError, match="finest 0: expected at least one block"):
        replace(TRAINING, finest=0)
    with pytest.raises(DomainError, match="finest 24 and a reference of depth 12: expected the"):
        Convergence(batch=1, reference=Cell(16, 12), finest=24)


def test_chains_have_no_increments() -> None:
    with pytest.raises(DomainError, match="only blocks are sums of smaller ones"):
        Setting(chain(), am_mup(), TRAINING)


def test_sums_have_no_answers_without_matrices() -> None:
    assert engine_of(COUPLED, Cell(16, 4), "cpu") is Engine.DENSE
    with pytest.raises(DomainError, match="networks that share weights have no matrix-free"):
        engine_of(COUPLED, Cell(16, 4), "cpu", Engine.MATRIX_FREE)


def test_an_experiment_says_it() -> None:
    assert str(TRAINING).endswith("base rate 1/4, blocks summed from 24")
    assert str(approaching(2, independent=True).experiment).endswith(
        "independent backward weights, against a network at n=16, L=24, blocks summed from 24"
    )
