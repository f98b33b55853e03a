"""Training against the loop that a user would write with nn.Module and torch.optim."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from probes.data.batches import HELD_OUT, batches_of
from probes.data.images import load
from probes.network import Network, WeightKey
from probes.randomness import data_generator
from probes.trials import run_group, run_sweep
from probes.weights.dense import DenseWeight
from theory import (
    Cell,
    DomainError,
    Observable,
    Role,
    Setting,
    Training,
    depth_mup_corrected,
    residual,
)

CPU = torch.device("cpu")


class PlainResidual(nn.Module):
    """Two-layer blocks with the multipliers written into the forward pass by hand."""

    def __init__(self, weights: dict[WeightKey, torch.Tensor], width: int, depth: int) -> None:
        super().__init__()
        self.width, self.depth = width, depth
        self.matrices = nn.ParameterDict(
            {f"{key.role.replace('.', '_')}_{key.block}": w[0] for key, w in weights.items()}
        )

    def stream(self, x: torch.Tensor) -> torch.Tensor:
        h = x @ self.matrices["input_0"].T / x.shape[-1] ** 0.5
        for block in range(1, self.depth + 1):
            u = h @ self.matrices[f"branch_first_{block}"].T / self.width**0.5
            branch = torch.relu(u) @ self.matrices[f"branch_last_{block}"].T / self.width**0.5
            h = h + branch / self.depth**0.5
        assert isinstance(h, torch.Tensor)
        return h

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output = self.stream(x) @ self.matrices["output_0"].T / self.width
        assert isinstance(output, torch.Tensor)
        return output


@pytest.mark.parametrize(("batch", "steps", "passes"), [(8, 3, 1), (600, 4, 2)])
def test_training_is_sgd_with_the_rates_of_the_parameterization(
    batch: int, steps: int, passes: int
) -> None:
    cell, seed, replicate, rate = Cell(12, 3), 7, 2, Fraction(1, 4)
    experiment = Training(batch, steps, rate, passes=passes)
    setting = Setting(residual(2), depth_mup_corrected(), experiment)
    measured = run_group(setting, cell, seed, [0, replicate], CPU, torch.float64)

    network = Network(residual(2), depth_mup_corrected(), cell, 64, 10)
    weights = network.initial_weights(seed, [replicate], CPU, torch.float64)
    model = PlainResidual({k: w.detach().clone() for k, w in weights.items()}, 12, 3)
    groups = [
        {
            "params": [matrix],
            "lr": float(rate) * 12 * (3**0.5 if name.startswith("branch_first") else 1),
        }
        for name, matrix in model.matrices.items()
    ]
    optimizer = torch.optim.SGD(groups)
    batches, digits = batches_of(experiment, seed, replicate), load("digits")
    held_out = torch.from_numpy(digits.inputs(batches.held_out))
    before = model.stream(held_out).detach()
    losses = []
    for numbers in batches.training:
        x, classes = digits.inputs(numbers), digits.classes[numbers]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(classes))
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    change = (model.stream(held_out).detach() - before).square().mean().sqrt().item()
    asked = torch.from_numpy(digits.classes[batches.held_out])
    after = nn.functional.cross_entropy(model(held_out), asked).item()
    assert measured[Observable.TRAINED_LOSS][1] == pytest.approx(after, rel=1e-10)
    last = losses[-math.ceil(steps / 4) :]
    assert measured[Observable.TRAINING_LOSS][1] == pytest.approx(np.mean(last), rel=1e-10)
    assert measured[Observable.TRAINED_STREAM_CHANGE][1] == pytest.approx(change, rel=1e-10)
    assert change > 0.01
    assert len(list(model.parameters())) == 2 * 3 + 2
    assert Role.BRANCH_FIRST in {key.role for key in weights}


def test_a_sweep_is_its_rates_one_by_one_and_divergence_stays_where_it_is() -> None:
    """All rates start from the same weights; the last one explodes, and only that one."""
    rates = [Fraction(1, 8), Fraction(1), Fraction(10**12)]
    experiment = Training(batch=8, steps=5)
    setting = Setting(residual(2), depth_mup_corrected(), experiment)
    together = run_sweep(setting, rates, Cell(12, 3), 7, [4, 1], CPU, torch.float64)
    for rate, measured in zip(rates, together, strict=True):
        single = replace(setting, experiment=replace(experiment, rate=rate))
        alone = run_group(single, Cell(12, 3), 7, [4, 1], CPU, torch.float64)
        for name, values in alone.items():
            np.testing.assert_allclose(measured[name], values, rtol=1e-10)
            assert np.isnan(values).all() == (rate == rates[-1])


def test_what_diverged_costs_nothing_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members in the products of each step: seven of eight rates explode, and leave."""
    sizes = []
    times = DenseWeight.transposed_times

    def seen(self: DenseWeight, g: torch.Tensor, scale: float) -> torch.Tensor:
        sizes.append(len(g))
        return times(self, g, scale)

    monkeypatch.setattr(DenseWeight, "transposed_times", seen)
    rates = [Fraction(1, 100), *(Fraction(10) ** k for k in range(9, 16))]
    experiment = Training(batch=8, steps=12)
    setting = Setting(residual(2), depth_mup_corrected(), experiment)
    measured = run_sweep(setting, rates, Cell(12, 3), 7, [0, 1], CPU)
    assert sizes[0] == 16
    assert sizes[-1] == 2
    assert np.isfinite(measured[0][Observable.TRAINED_LOSS]).all()


def test_one_replicate_that_leaves_a_sweep_takes_no_other_one_along() -> None:
    """The others are still compared with their own initial states.

    At these rates the first replicate diverges at the second one, and the second does not.
    """
    rates = [Fraction(1, 8), Fraction(2)]
    experiment = Training(batch=8, steps=12)
    setting = Setting(residual(2), depth_mup_corrected(), experiment)
    together = run_sweep(setting, rates, Cell(12, 3), 7, [0, 1], CPU, torch.float64)
    gone = [np.isnan(measured[Observable.TRAINED_STREAM_CHANGE]) for measured in together]
    assert np.array_equal(gone, [[False, False], [True, False]])
    for replicate in (0, 1):
        alone = run_sweep(setting, rates, Cell(12, 3), 7, [replicate], CPU, torch.float64)
        for one, both in zip(alone, together, strict=True):
            for name, values in one.items():
                np.testing.assert_allclose(both[name][replicate], values[0], rtol=1e-10)


def test_batches_are_those_with_which_everything_on_record_was_measured() -> None:
    batches = batches_of(Training(batch=16, steps=4), 5, 3)
    order = data_generator(5, 3).permutation(1797)
    np.testing.assert_array_equal(batches.held_out, order[:256])
    np.testing.assert_array_equal(batches.training.ravel(), order[256 : 256 + 64])


@pytest.mark.parametrize("passes", [1, 2])
def test_batches_and_held_out_images_share_none(passes: int) -> None:
    experiment = Training(batch=16, steps=4, passes=passes)
    batches = batches_of(experiment, 0, 0)
    assert batches.training.shape == (4, 16)
    assert batches.held_out.shape == (HELD_OUT,)
    assert len({*batches.training.flat, *batches.held_out}) == 64 + HELD_OUT


def test_more_images_than_there_are_is_one_clear_line() -> None:
    experiment = Training(batch=16, steps=200)
    with pytest.raises(
        DomainError, match=r"200 steps of batch 16: expected at most 1541 images .* once"
    ):
        batches_of(experiment, 0, 0)
    with pytest.raises(DomainError, match=r"expected at most 3082 images .* more than 2 times"):
        batches_of(replace(experiment, steps=193, passes=2), 0, 0)


def test_every_pass_shows_every_image_once_in_an_order_of_its_own() -> None:
    """Of 1541 images, in 134 steps of 23: two whole passes, of which the first is that of one."""
    one = Training(batch=23, steps=67)
    single = batches_of(one, 0, 3)
    twice = batches_of(replace(one, steps=134, passes=2), 0, 3)
    np.testing.assert_array_equal(twice.training[:67], single.training)
    np.testing.assert_array_equal(twice.held_out, single.held_out)
    first, second = twice.training.reshape(2, -1)
    np.testing.assert_array_equal(np.sort(first), np.sort(second))
    assert (first == second).mean() < 0.01
    assert not set(second) & set(twice.held_out)
    np.testing.assert_array_equal(
        batches_of(replace(one, passes=2), 0, 3).training, first.reshape(67, 23)
    )
