"""Training against the loop that a user would write with nn.Module and torch.optim."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from probes import data
from probes.architectures import Network, WeightKey
from probes.dense import DenseWeight
from probes.trials import run_group, run_sweep
from theory import (
    Cell,
    DomainError,
    Experiment,
    Observable,
    Protocol,
    Role,
    Setting,
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


def test_training_is_sgd_with_the_rates_of_the_parameterization() -> None:
    cell, seed, replicate, rate = Cell(12, 3), 7, 2, Fraction(1, 4)
    protocol = Protocol(Experiment.TRAINING, batch=8, steps=3, rate=rate)
    setting = Setting(residual(2), depth_mup_corrected(), protocol)
    measured = run_group(setting, cell, seed, [0, replicate], CPU, torch.float64)

    network = Network(residual(2), depth_mup_corrected(), cell, data.DIGIT_DIMENSION, 10)
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
    batches = data.digits(seed, replicate, 8, 3)
    held_out = torch.from_numpy(batches.held_out)
    before = model.stream(held_out).detach()
    for x, classes in zip(batches.inputs, batches.classes, strict=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(classes))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    change = (model.stream(held_out).detach() - before).square().mean().sqrt().item()
    classes = torch.from_numpy(batches.held_out_classes)
    after = nn.functional.cross_entropy(model(held_out), classes).item()
    assert measured[Observable.TRAINED_LOSS][1] == pytest.approx(after, rel=1e-10)
    assert measured[Observable.TRAINED_STREAM_CHANGE][1] == pytest.approx(change, rel=1e-10)
    assert change > 0.01
    assert len(list(model.parameters())) == 2 * 3 + 2
    assert Role.BRANCH_FIRST in {key.role for key in weights}


def test_a_sweep_is_its_rates_one_by_one_and_divergence_stays_where_it_is() -> None:
    """All rates start from the same weights; the last one explodes, and only that one."""
    rates = [Fraction(1, 8), Fraction(1), Fraction(10**12)]
    protocol = Protocol(Experiment.TRAINING, batch=8, steps=5)
    setting = Setting(residual(2), depth_mup_corrected(), protocol)
    together = run_sweep(setting, rates, Cell(12, 3), 7, [4, 1], CPU, torch.float64)
    for rate, measured in zip(rates, together, strict=True):
        single = replace(setting, protocol=replace(protocol, rate=rate))
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
    protocol = Protocol(Experiment.TRAINING, batch=8, steps=12)
    setting = Setting(residual(2), depth_mup_corrected(), protocol)
    measured = run_sweep(setting, rates, Cell(12, 3), 7, [0, 1], CPU)
    assert sizes[0] == 16
    assert sizes[-1] == 2
    assert np.isfinite(measured[0][Observable.TRAINED_LOSS]).all()


def test_digits_are_real_normalised_and_never_shared_between_batches_and_held_out() -> None:
    batches = data.digits(0, 0, batch=16, steps=4)
    assert batches.inputs.shape == (4, 16, 64)
    assert set(batches.classes.flatten()) <= set(range(10))
    rows = torch.from_numpy(batches.inputs).flatten(0, 1)
    torch.testing.assert_close(rows.square().sum(1), torch.full((64,), 64.0, dtype=torch.float64))
    images = torch.cat([rows, torch.from_numpy(batches.held_out)])
    assert len(np.unique(images.numpy(), axis=0)) == 64 + data.HELD_OUT


def test_more_images_than_there_are_is_one_clear_line() -> None:
    with pytest.raises(DomainError, match=r"200 steps of batch 16: expected at most 1541 images"):
        data.digits(0, 0, batch=16, steps=200)
