"""Normalized blocks and transformers against torch's own attention and norm, on both engines."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention

from probes.costs import operations
from probes.data.images import load
from probes.data.synthetic import sequences as drawn_sequences
from probes.data.views import image_tokens
from probes.engines import Engine, dense_weights
from probes.experiments.one_step import first_order_change
from probes.network import Network, WeightKey
from probes.trials import network_of, run_group
from tests.experiments import EXPERIMENTS, small
from tests.probes import plain
from tests.probes.test_engines import assert_engines_agree, trainings
from tests.probes.test_networks import CPU, PRESETS, trained
from theory import (
    Activation,
    Architecture,
    Axis,
    Cell,
    Convergence,
    Coupling,
    DomainError,
    Experiment,
    Family,
    Normalization,
    Observable,
    OneStep,
    Optimizer,
    Parameterization,
    Propagation,
    Role,
    Setting,
    Training,
    completep,
    depth_mup,
    mup,
    residual,
    transformer,
)
from theory.counted_observables import predicted_exponent
from theory.exact.propagation import backward_second_moment, forward_second_moment

CELL = Cell(8, 3)
activations = {Activation.RELU: torch.relu, Activation.TANH: torch.tanh}
ONE_STEP = OneStep(batch=2)


def written_out(network: Network, weights: plain.Tensors, x: Tensor) -> Tensor:
    """f of one replicate's sequences (B, tokens, d), by torch's attention and norm."""
    batch, tokens, _ = x.shape
    width, phi = network.cell.width, activations[network.architecture.activation]

    def times(rows: Tensor, role: Role, block: int = 0, layer: int = 0) -> Tensor:
        return network.multiplier(role) * rows @ weights[WeightKey(role, block, layer)][0].T

    h = times(x, Role.INPUT)
    for block in range(1, network.cell.depth + 1):
        z = rms_norm(h, (width,))
        query, key, value = (
            times(z, role, block, layer).reshape(batch, tokens, 4, width // 4).transpose(1, 2)
            for layer, role in enumerate((Role.QUERY, Role.KEY, Role.BRANCH_FIRST), start=1)
        )
        mixed = scaled_dot_product_attention(query, key, value, scale=4 / width)
        h = h + times(mixed.transpose(1, 2).flatten(2), Role.BRANCH_LAST, block, 4)
        inner = times(rms_norm(h, (width,)), Role.BRANCH_FIRST, block, 5)
        h = h + times(phi(inner), Role.BRANCH_LAST, block, 6)
    return times(rms_norm(h, (width,)).mean(1), Role.OUTPUT)


def sequences(batch: int = 3, tokens: int = 5) -> Tensor:
    """(1, batch, tokens, 3)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, batch, tokens, 3, dtype=torch.float64, generator=generator)


def network(
    parameterization: Parameterization = depth_mup(),  # noqa: B008
    activation: Activation = Activation.RELU,
    outputs: int = 1,
) -> Network:
    return Network(transformer(activation), parameterization, CELL, inputs=3, outputs=outputs)


@pytest.mark.parametrize(
    "parameterization",
    [p for p in PRESETS if p.optimizer in (Optimizer.SGD, Optimizer.ADAM)],
    ids=lambda p: f"{p.name}-{p.optimizer}",
)
@pytest.mark.parametrize("activation", activations)
def test_output_and_gradients_are_those_of_torchs_attention(
    parameterization: Parameterization, activation: Activation
) -> None:
    net, x = network(parameterization, activation, outputs=2), sequences()
    weights = plain.parameters(net.initial_weights(3, [0], CPU, torch.float64))
    found, wanted = net.forward(weights, x).output[0], written_out(net, weights, x[0])
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    leaves = list(weights.values())
    ours, theirs = (torch.autograd.grad(f.square().sum(), leaves) for f in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10 * float(other.abs().max()))


def test_the_derivative_along_the_step_is_that_of_torchs_attention() -> None:
    """A central difference of the independent network, along the dense engine's step."""
    net, x, y = network(activation=Activation.TANH), sequences(), torch.tensor([[1.0, -1.0, 1.0]])
    weights = net.initial_weights(3, [0], CPU, torch.float64)
    _, change, direction = plain.dense_step(net, weights, x, y.double())

    def output(eta: float) -> Tensor:
        return written_out(net, {k: w + eta * direction[k] for k, w in weights.items()}, x[0])

    step = 1e-6
    difference = (output(step) - output(-step)) / (2 * step)
    torch.testing.assert_close(change.output[0], difference, rtol=1e-6, atol=1e-9)


@given(trained, st.integers(1, 3), trainings, st.integers(0, 2**32))
@settings(max_examples=20)
def test_both_engines_train_the_transformer_that_autograd_trains(
    parameterization: Parameterization, depth: int, experiment: Training, seed: int
) -> None:
    """Trajectories and the derivative at the end, with matrices that explain every answer."""
    net = Network(transformer(), parameterization, Cell(8, depth), inputs=3, outputs=1)
    generator = torch.Generator().manual_seed(1)
    shape = (2, experiment.steps + 1, experiment.batch)
    x = torch.randn(*shape, 4, 3, dtype=torch.float64, generator=generator)
    y = torch.randn(shape, dtype=torch.float64, generator=generator).sign()
    assert_engines_agree(net, experiment, seed, x, y)


def test_tokens_without_places_may_be_permuted() -> None:
    net, x = network(), sequences()
    weights = net.initial_weights(3, [0], CPU, torch.float64)
    usual = net.forward(weights, x).output
    permuted = net.forward(weights, x[:, :, [3, 0, 4, 1, 2]]).output
    torch.testing.assert_close(permuted, usual, rtol=1e-10, atol=0)
    other = net.forward(weights, x[:, [1, 0, 2]]).output  # of inputs, not of tokens
    assert not torch.allclose(other, usual)


@pytest.mark.parametrize(
    "architecture", [residual(1, normalization=Normalization.RMS), transformer()], ids=str
)
def test_normalized_branches_do_not_see_the_size_of_the_stream(architecture: Architecture) -> None:
    """Nor does the readout; attention alone, for the branch behind it sees the sum."""
    net = Network(architecture, depth_mup(), Cell(8, 1), inputs=3, outputs=1)
    weights = net.initial_weights(3, [0], CPU, torch.float64)
    if architecture == transformer():
        weights[WeightKey(Role.BRANCH_LAST, 1, 6)] *= 0
    x = sequences() if architecture == transformer() else sequences()[:, 0]
    one, ten = (net.forward(weights, scale * x).stream for scale in (1, 10))
    torch.testing.assert_close(ten[1] - ten[0], one[1] - one[0], rtol=1e-9, atol=1e-12)
    empty = {key: 0 * weight if key.block else weight for key, weight in weights.items()}
    once, tenfold = (net.forward(empty, scale * x).output for scale in (1, 10))
    torch.testing.assert_close(once, tenfold)


@pytest.mark.parametrize(
    "architecture",
    [
        residual(2, normalization=Normalization.RMS),
        residual(1, Activation.TANH, normalization=Normalization.RMS),
    ],
    ids=str,
)
@pytest.mark.parametrize("parameterization", [depth_mup(), mup()], ids=lambda p: p.name)
def test_normalized_blocks_have_the_second_moments_of_the_theory(
    architecture: Architecture, parameterization: Parameterization
) -> None:
    """Four standard errors, and 1/n; the size of h_0, that gradients meet, has E 1/q = n/(n-2)."""
    cell, replicates = Cell(96, 4), 600
    setting = Setting(architecture, parameterization, Propagation(batch=2))
    measured = run_group(setting, cell, 5, range(replicates), CPU)
    for observable, exact, at_width in (
        (Observable.FORWARD_SECOND_MOMENT, forward_second_moment, 1.0),
        (Observable.BACKWARD_SECOND_MOMENT, backward_second_moment, 96 / 94),
    ):
        ratios = measured[observable] / exact(architecture, parameterization, cell)
        error = ratios.std(ddof=1) / math.sqrt(replicates)
        assert abs(ratios.mean() - at_width) < 4 * error + 1 / cell.width
        assert error < 0.015


@pytest.mark.parametrize(
    ("parameterization", "observable"),
    [
        (depth_mup(), Observable.FIRST_LAYER_OWN_CHANGE),
        (depth_mup(), Observable.STREAM_CHANGE),
        (completep(1), Observable.FIRST_LAYER_OWN_CHANGE),
        (completep(1), Observable.BRANCH_SECOND_MOMENT),
    ],
)
def test_measured_exponents_are_the_counted_ones(
    parameterization: Parameterization, observable: Observable
) -> None:
    """Between L = 8 and 32 at a small width, where a term in 1/L may be as large as a tenth."""
    setting = Setting(transformer(), parameterization, observable.experiment(batch=1))
    sizes = [
        np.log2(run_group(setting, Cell(64, depth), 5, range(24), CPU)[observable]).mean()
        for depth in (8, 32)
    ]
    counted = float(predicted_exponent(setting, observable, Axis.DEPTH))
    assert (sizes[1] - sizes[0]) / 2 == pytest.approx(counted, abs=0.15)


def test_queries_do_not_move_at_first_in_wide_networks() -> None:
    """Their own change relative to that of values goes as n^-1/2, as counted."""
    ratios = []
    for width in (64, 256):
        net = network_of(Setting(transformer(), mup(), ONE_STEP), Cell(width, 1))
        weights = dense_weights(net, ONE_STEP, net.initial_weights(5, range(24), CPU))
        x, y = (torch.from_numpy(part).float() for part in drawn_sequences(5, range(24), 2))
        first_order_change(net, weights, x, y)
        own = {}
        for role in (Role.QUERY, Role.BRANCH_FIRST):
            key = WeightKey(role, 1, 1 if role is Role.QUERY else 3)
            gradient = weights[key].gradient
            assert gradient is not None
            own[role] = float(weights[key].change_times(gradient[1]).square().mean().sqrt())
        ratios.append(own[Role.QUERY] / own[Role.BRANCH_FIRST])
    assert math.log(ratios[1] / ratios[0], 4) == pytest.approx(-0.5, abs=0.2)


def test_sequences_are_data_of_the_replicate() -> None:
    inputs, labels = drawn_sequences(3, [0, 1], 6)
    assert inputs.shape == (2, 6, 4, 32)
    assert labels.shape == (2, 6)
    np.testing.assert_allclose(np.square(inputs).sum(-1), 32)
    np.testing.assert_array_equal(drawn_sequences(3, [1], 6)[0][0], inputs[1])
    assert not np.isclose(inputs[0], inputs[1]).any()


def test_images_are_sequences_of_bands_of_rows_with_their_places() -> None:
    """Images of 12 rows, 5 columns and 2 channels: a token is three rows, and its place."""
    images = np.random.default_rng(0).normal(size=(6, 12, 5, 2))
    tokens = image_tokens(images.reshape(6, -1))
    assert tokens.shape == (6, 4, 30 + 4)
    np.testing.assert_array_equal(tokens[:, 1, :30], images[:, 3:6].reshape(6, -1))
    np.testing.assert_array_equal(tokens[0, :, 30:], 2 * np.eye(4))
    digits = load("digits")
    tokens = image_tokens(digits.inputs(np.arange(32)))
    assert np.square(tokens).sum(-1).mean() == pytest.approx(20)


@pytest.mark.parametrize("engine", Engine)
def test_tokens_are_counted_as_inputs(engine: Engine) -> None:
    cell, longer = Cell(16, 4), replace(ONE_STEP, batch=4 * ONE_STEP.batch)
    counted = operations(
        engine, network_of(Setting(transformer(), mup(), ONE_STEP), cell), ONE_STEP
    )
    blocks = network_of(Setting(residual(6), mup(), longer), cell)
    wanted = operations(engine, blocks, longer)
    assert counted.calls == wanted.calls
    assert {k: v for k, v in counted.work.items() if k != "mix"} == {
        k: v for k, v in wanted.work.items() if k != "mix"
    }
    assert counted.work["mix"] > 0 == wanted.work["mix"]


@pytest.mark.parametrize(
    "kind", [kind for kind in EXPERIMENTS if kind not in (Coupling, Convergence)]
)
def test_every_experiment_runs_and_groups_do_not_matter(kind: type[Experiment]) -> None:
    experiment = small(kind, batch=2, rate=Fraction(1, 4))
    setting = Setting(transformer(), depth_mup(), experiment)
    together = run_group(setting, Cell(8, 2), 3, range(4), CPU, torch.float64)
    assert not {Observable.LIMIT_DISTANCE, Observable.RECURSION_ERROR} & set(together)
    for name, values in run_group(setting, Cell(8, 2), 3, [2], CPU, torch.float64).items():
        np.testing.assert_allclose(values, together[name][2:3], rtol=1e-9)


def test_what_makes_no_transformer_is_refused_in_one_line() -> None:
    with pytest.raises(DomainError, match="width 6 of a transformer: expected a multiple of 4"):
        Network(transformer(), depth_mup(), Cell(6, 2), inputs=3, outputs=1)
    with pytest.raises(DomainError, match=r"use transformer\(\)"):
        Architecture(Family.TRANSFORMER)
