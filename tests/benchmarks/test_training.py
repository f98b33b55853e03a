"""Batched training against the loops that people write: `tox run -e benchmarks`."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from probes.costs import group_size
from probes.data.batches import batches_of
from probes.data.images import load
from probes.engines import Engine, dense_weights
from probes.network import WeightKey
from probes.trials import network_of, run_sweep
from tests.benchmarks.interleaved import against
from theory import (
    Cell,
    Observable,
    Optimizer,
    Role,
    Setting,
    Training,
    chain,
    depth_mup,
    mup,
    residual,
)

CPU = torch.device("cpu")
DIGITS = load("digits")


# ---- Coordinate check: MLP of three hidden layers, four steps on one batch of digits.

STEPS, BATCH, HIDDEN = 4, 16, 3


class Mlp(nn.Module):
    """What a user of mup writes."""

    def __init__(self, width: int, readout: Callable[..., nn.Module]) -> None:
        super().__init__()
        sizes = [DIGITS.shape.dimension, *[width] * HIDDEN]
        self.layers = nn.ModuleList([nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)])
        self.readout = readout(width, DIGITS.class_count, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        logits: Tensor = self.readout(x)
        return logits


def first_batch() -> tuple[Tensor, Tensor]:
    """Inputs (batch, d) and classes (batch,) of replicate 0."""
    (numbers,) = batches_of(Training(BATCH, 1), 0, 0).training
    inputs, classes = DIGITS.inputs(numbers), DIGITS.classes[numbers]
    return torch.from_numpy(inputs).float(), torch.from_numpy(classes)


def mup_coordinates(widths: Sequence[int], seeds: int, optimizer: str) -> Any:
    """mup's own coordinate check."""
    from mup import MuReadout, set_base_shapes
    from mup.coord_check import get_coord_data

    base, delta = Mlp(8, MuReadout), Mlp(16, MuReadout)
    batch = first_batch()

    def lazy(width: int) -> Callable[[], nn.Module]:
        return lambda: set_base_shapes(Mlp(width, MuReadout), base, delta=delta)

    return get_coord_data(
        {width: lazy(width) for width in widths},
        [batch],
        optimizer=optimizer,
        mup=True,
        nsteps=STEPS,
        nseeds=seeds,
        cuda=False,
        show_progress=False,
    )


def our_coordinates(widths: Sequence[int], seeds: int, optimizer: Optimizer) -> list[Tensor]:
    """Mean absolute activations of every layer before every step: (steps, layers, seeds)."""
    rate = Fraction(1, 10) if optimizer is Optimizer.SGD else Fraction(1, 1000)
    experiment = Training(batch=BATCH, steps=STEPS, rate=rate)
    setting = Setting(chain(), mup(optimizer), experiment)
    found = []
    for width in widths:
        cell = Cell(width, HIDDEN)
        size = group_size(setting, cell, "cpu", Engine.DENSE)
        groups = [range(seeds)[first : first + size] for first in range(0, seeds, size)]
        parts = [_recorded(setting, cell, members) for members in groups]
        found.append(torch.cat(parts, dim=2))
    return found


def _recorded(setting: Setting, cell: Cell, members: Sequence[int]) -> Tensor:
    network = network_of(setting, cell)
    matrices = network.initial_weights(0, members, CPU)
    weights = dense_weights(network, setting.experiment, matrices)
    inputs, labels = first_batch()
    x, classes = inputs.expand(len(members), -1, -1), labels.repeat(len(members))
    for weight in weights.values():
        weight.learns = True
    recorded = []
    for _ in range(STEPS):
        trace = network.forward(weights, x)
        loss = nn.functional.cross_entropy(trace.output.flatten(0, 1), classes, reduction="sum")
        torch.autograd.backward(loss / BATCH)
        layers = [state.detach().abs().mean((1, 2)) for state in (*trace.stream, trace.output)]
        recorded.append(torch.stack(layers))
    return torch.stack(recorded)


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("seeds", [5, 20])
@pytest.mark.parametrize(("widths", "target"), [((64, 128, 256), 4.0), ((512, 1024), 1.1)])
def test_coordinate_check_against_mup(
    benchmark: BenchmarkFixture,
    widths: tuple[int, ...],
    target: float,
    seeds: int,
    optimizer: Optimizer,
) -> None:
    """The same cells, both with statistics of every layer at every step."""
    pytest.importorskip("mup")
    against(
        benchmark,
        lambda: our_coordinates(widths, seeds, optimizer),
        lambda: mup_coordinates(widths, seeds, str(optimizer)),
        rounds=5,
        target=target,
    )
    ours = our_coordinates(widths, seeds, optimizer)
    assert [found.shape for found in ours] == [(STEPS, HIDDEN + 1, seeds)] * len(widths)
    assert all((found[-1] != found[0]).all() for found in ours)


# ---- Sweep: ten rates, eight replicates, five depths, 60 steps on digits.

RATES = tuple(Fraction(2) ** k for k in range(-9, 1))
DEPTHS, REPLICATES = (2, 4, 8, 16, 32), 8
TRAINED = Training(batch=16, steps=60, rate=RATES[0])
SWEEP = Setting(residual(2), depth_mup(), TRAINED)


class Residual(nn.Module):
    """Two-layer blocks as a user writes them, multipliers included."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.width, self.depth = width, depth
        self.enter = nn.Linear(DIGITS.shape.dimension, width, bias=False)
        self.first = nn.ModuleList([nn.Linear(width, width, bias=False) for _ in range(depth)])
        self.last = nn.ModuleList([nn.Linear(width, width, bias=False) for _ in range(depth)])
        self.leave = nn.Linear(width, DIGITS.class_count, bias=False)

    def load(self, matrices: dict[WeightKey, Tensor], member: int) -> None:
        """Start from our weights, so that the losses can be compared."""
        blocks = [layer for pair in zip(self.first, self.last, strict=True) for layer in pair]
        with torch.no_grad():
            for linear, matrix in zip(
                [self.enter, *blocks, self.leave], matrices.values(), strict=True
            ):
                linear.weight.copy_(matrix[member])  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x) / DIGITS.shape.dimension**0.5
        for first, last in zip(self.first, self.last, strict=True):
            branch = last(torch.relu(first(h) / self.width**0.5))
            h = h + branch / (self.width * self.depth) ** 0.5
        logits: Tensor = self.leave(h) / self.width
        return logits


def sequential(width: int, depth: int, prepared: dict[WeightKey, Tensor]) -> np.ndarray:
    """One network after another by torch.optim.SGD: held-out losses (rates, replicates)."""
    losses = np.empty((len(RATES), REPLICATES))
    for place, rate in enumerate(RATES):
        for replicate in range(REPLICATES):
            model = Residual(width, depth)
            model.load(prepared, replicate)
            optimizer = torch.optim.SGD(model.parameters(), lr=float(rate) * width)
            batches = batches_of(TRAINED, 0, replicate)
            inputs = torch.from_numpy(DIGITS.inputs(batches.training)).float()
            labels = torch.from_numpy(DIGITS.classes[batches.training])
            for x, classes in zip(inputs, labels, strict=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(x), classes).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.no_grad():
                logits = model(torch.from_numpy(DIGITS.inputs(batches.held_out)).float())
            classes = torch.from_numpy(DIGITS.classes[batches.held_out])
            losses[place, replicate] = nn.functional.cross_entropy(logits, classes).item()
    return losses


def batched(width: int, depth: int) -> np.ndarray:
    """The same in groups of the size that the cost model says."""
    cell = Cell(width, depth)
    size = max(1, group_size(SWEEP, cell, "cpu", Engine.DENSE))
    together, rates = max(1, size // len(RATES)), max(1, min(size, len(RATES)))
    losses = np.empty((len(RATES), REPLICATES))
    for start in range(0, REPLICATES, together):
        some = range(start, min(start + together, REPLICATES))
        for first in range(0, len(RATES), rates):
            found = run_sweep(SWEEP, RATES[first : first + rates], cell, 0, some, CPU)
            for place, measured in enumerate(found, start=first):
                losses[place, list(some)] = measured[Observable.TRAINED_LOSS]
    return losses


@pytest.mark.parametrize(("width", "target"), [(64, 4.0), (256, 1.5)])
def test_sweep_against_the_sequential_loop(
    benchmark: BenchmarkFixture, width: int, target: float
) -> None:
    """Depth after depth in turns; weights are drawn by ours, and only copied by the loop."""
    prepared = {
        depth: network_of(SWEEP, Cell(width, depth)).initial_weights(0, range(REPLICATES), CPU)
        for depth in DEPTHS
    }
    batched(width, DEPTHS[0]), sequential(width, DEPTHS[0], prepared[DEPTHS[0]])
    times: dict[int, tuple[float, float]] = {}
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def turn(depth: int) -> None:
        started = perf_counter()
        ours = batched(width, depth)
        between = perf_counter()
        peer = sequential(width, depth, prepared[depth])
        times[depth] = (between - started, perf_counter() - between)
        found[depth] = (ours, peer)

    def turns() -> None:
        for depth in DEPTHS:
            turn(depth)

    benchmark.pedantic(turns, rounds=1)  # type: ignore[no-untyped-call]
    ours, peer = (sum(each[side] for each in times.values()) for side in (0, 1))
    ratios = {f"L={depth}": b / a for depth, (a, b) in times.items()}
    benchmark.extra_info |= {"ours s": ours, "peer s": peer, "ratio": peer / ours} | ratios
    benchmark.extra_info["target"] = target
    # The same losses, but for rounding, which training at the largest rates amplifies.
    ours_, theirs = (np.array([pair[side] for pair in found.values()]) for side in (0, 1))
    finite = np.isfinite(ours_) & np.isfinite(theirs)
    differences = abs(ours_ / theirs - 1)[finite]
    benchmark.extra_info["diverged"] = int((~np.isfinite(ours_)).sum())
    benchmark.extra_info["diverged in the loop"] = int((~np.isfinite(theirs)).sum())
    benchmark.extra_info["median difference of losses"] = float(np.median(differences))
    benchmark.extra_info["largest"] = float(differences.max())
    assert np.median(differences) < 1e-5
    assert np.quantile(differences, 0.9) < 1e-3


# ---- The floating-point rate.


@pytest.mark.parametrize("width", [64, 256, 1024])
def test_share_of_the_bmm_peak(benchmark: BenchmarkFixture, width: int) -> None:
    """A step of a group against its three products of every weight, and nothing else.

    Same shapes, same number of matrices, outputs allocated once: forward, backward and update.
    """
    depth, steps = 8, 10
    experiment = Training(batch=16, steps=steps, rate=Fraction(1, 1000))
    setting = Setting(residual(2), depth_mup(), experiment)
    cell = Cell(width, depth)
    members = range(max(1, group_size(setting, cell, "cpu", Engine.DENSE)))
    network = network_of(setting, cell)
    matrices = network.initial_weights(0, members, CPU)
    weights = dense_weights(network, experiment, matrices)
    x = torch.randn(len(members), 16, DIGITS.shape.dimension)
    classes = torch.randint(0, DIGITS.class_count, (16 * len(members),))
    for weight in weights.values():
        weight.learns = True

    def train() -> None:
        for _ in range(steps):
            logits = network.forward(weights, x).output
            torch.autograd.backward(nn.functional.cross_entropy(logits.flatten(0, 1), classes))

    blocks = [m.clone() for key, m in matrices.items() if key.role not in (Role.INPUT, Role.OUTPUT)]
    signal, out = torch.randn(2, len(members), 16, width).unbind()

    def products() -> None:
        for _ in range(steps):
            for matrix in blocks:
                torch.bmm(signal, matrix.mT, out=out)
            for matrix in reversed(blocks):
                torch.bmm(signal, matrix, out=out)
                matrix.baddbmm_(signal.mT, signal, alpha=1e-9)

    ratio = against(benchmark, train, products, rounds=9, target=0.6 if width == 256 else None)
    operations = 6 * 16 * len(members) * 2 * depth * width**2 * steps
    benchmark.extra_info |= {
        "members": len(members),
        "GFLOP/s": operations / benchmark.stats.stats.median / 1e9 if benchmark.stats else 0.0,
    }
    assert ratio < 1.2  # products alone take no longer than the step that they are part of
