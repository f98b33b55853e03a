"""Networks with parts, against the formulas written out, and their first step against autograd."""

from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from probes.engines import dense_weights
from probes.network import Network, WeightKey
from probes.trials import run_group
from probes.weights.base import learning
from tests.probes.plain import ONE_STEP, Tensors, dense_step, first_step, gradients
from theory import (
    Architecture,
    Cell,
    InputError,
    Normalization,
    Observable,
    OneStep,
    Optimizer,
    Parameterization,
    Parts,
    Power,
    Role,
    Setting,
    Training,
    completep,
    residual,
    transformer,
)

CPU = torch.device("cpu")
CELL = Cell(8, 2)
NORMALIZED = residual(2, normalization=Normalization.RMS)


def with_parts(architecture: Architecture, *names: str) -> Architecture:
    return replace(architecture, parts=Parts(**dict.fromkeys(names, True)))


NETWORKS = [
    with_parts(residual(2), "biases"),
    with_parts(residual(1), "biases", "tied"),
    with_parts(NORMALIZED, "gains", "biases"),
    with_parts(NORMALIZED, "gated", "biases"),
    with_parts(residual(2), "gated"),
    with_parts(NORMALIZED, "post_norm"),
    with_parts(transformer(), "parallel", "gains"),
    with_parts(transformer(), "grouped", "biases"),
    with_parts(transformer(), "post_norm", "gated"),
    with_parts(transformer(), "tied", "gated", "parallel"),
]
networks = pytest.mark.parametrize("architecture", NETWORKS, ids=str)


def built(architecture: Architecture, parameterization: Parameterization) -> Network:
    return Network(architecture, parameterization, CELL, 3, 3 if architecture.parts.tied else 1)


def drawn(network: Network) -> Tensors:
    """Weights of two replicates in which no vector is zero."""
    weights = network.initial_weights(3, [0, 1], CPU, torch.float64)
    generator = torch.Generator().manual_seed(2)
    for key, weight in weights.items():
        if key.role in (Role.BIAS, Role.GAIN):
            weight += torch.randn(weight.shape, dtype=torch.float64, generator=generator) / 3
    return weights


def batch(network: Network) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    tokens = (4,) if attends(network) else ()
    shape = (2, 3, *tokens, network.inputs)
    x = torch.randn(shape, dtype=torch.float64, generator=generator)
    return x, torch.tensor([[1.0, -1.0, 1.0]] * 2, dtype=torch.float64)


def attends(network: Network) -> bool:
    return Role.QUERY in network.architecture.block_roles


def rms(h: np.ndarray) -> np.ndarray:
    normalized: np.ndarray = h / np.sqrt((h**2).mean(-1, keepdims=True))
    return normalized


def relu(x: np.ndarray) -> np.ndarray:
    positive: np.ndarray = np.maximum(x, 0)
    return positive


class WrittenOut:
    """f of one replicate and one input, a matrix at a time, as ``theory.parts`` says it."""

    def __init__(self, network: Network, weights: dict[WeightKey, np.ndarray]) -> None:
        self.network, self.weights = network, weights
        self.parts = network.architecture.parts
        self.branch = network.parameterization.residual_multiplier(network.cell)

    def layer(self, role: Role, block: int, layer: int, x: np.ndarray) -> np.ndarray:
        scale = self.network.parameterization.multiplier(role, CELL)
        product: np.ndarray = scale * x @ self.weights[WeightKey(role, block, layer)].T
        bias = self.weights.get(WeightKey(Role.BIAS, block, layer))
        if bias is not None:
            scale = self.network.parameterization.multiplier(Role.BIAS, CELL)
            product = product + scale * bias[:, 0]
        return self.branch * product if role is Role.BRANCH_LAST else product

    def seen(self, h: np.ndarray, block: int, layer: int) -> np.ndarray:
        x: np.ndarray = h
        if self.network.architecture.normalized and not self.parts.post_norm:
            x = rms(h)
        gain = self.weights.get(WeightKey(Role.GAIN, block, layer))
        scale = self.network.parameterization.multiplier(Role.GAIN, CELL)
        return x if gain is None else x * (1 + scale * gain[:, 0])

    def behind(self, h: np.ndarray) -> np.ndarray:
        return rms(h) if self.parts.post_norm else h

    def mlp(self, block: int, first: int, z: np.ndarray) -> np.ndarray:
        u = self.layer(Role.BRANCH_FIRST, block, first, z)
        if self.parts.gated:
            u = u * relu(self.layer(Role.BRANCH_GATE, block, first + 1, z))
            return self.layer(Role.BRANCH_LAST, block, first + 2, u)
        return self.layer(Role.BRANCH_LAST, block, first + 1, relu(u))

    def attention(self, block: int, z: np.ndarray) -> np.ndarray:
        q = self.layer(Role.QUERY, block, 1, z)
        k = self.layer(Role.KEY, block, 2, z)
        v = self.layer(Role.BRANCH_FIRST, block, 3, z)
        head = CELL.width // 4
        mixed = np.empty_like(q)
        for i in range(4):
            j = i // 2 if self.parts.grouped else i
            own, read = slice(i * head, (i + 1) * head), slice(j * head, (j + 1) * head)
            scores = q[:, own] @ k[:, read].T / head
            weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
            mixed[:, own] = weights @ v[:, read]
        return self.layer(Role.BRANCH_LAST, block, 4, mixed)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """x is (tokens, d): a vector is one token."""
        scale = self.network.parameterization.multiplier(Role.INPUT, CELL) / np.sqrt(3)
        embedding = self.weights[WeightKey(Role.INPUT)]
        h = self.behind(scale * x @ embedding.T)
        for block in (1, 2):
            if attends(self.network):
                added = self.attention(block, self.seen(h, block, 1))
                middle = self.behind(h + added)
                read = h if self.parts.parallel else middle
                h = self.behind(middle + self.mlp(block, 5, self.seen(read, block, 5)))
            elif self.network.architecture.layers_per_block == 1:
                h = h + self.layer(Role.BRANCH_LAST, block, 1, relu(h))
            else:
                h = self.behind(h + self.mlp(block, 1, self.seen(h, block, 1)))
        last = (rms(h) if self.network.architecture.normalized else h).mean(0)
        readout = embedding.T if self.parts.tied else self.weights[WeightKey(Role.OUTPUT)]
        out: np.ndarray = (
            self.network.parameterization.multiplier(Role.OUTPUT, CELL) * readout @ last
        )
        return out


@networks
def test_forward_pass_is_the_formula(architecture: Architecture) -> None:
    network = built(architecture, completep())
    weights = drawn(network)
    x, _ = batch(network)
    engine = dense_weights(network, ONE_STEP, {k: w.clone() for k, w in weights.items()})
    for output in (network.forward(weights, x).output, network.forward(engine, x).output):
        for replicate in range(2):
            own = {key: weight[replicate].numpy() for key, weight in weights.items()}
            for index in range(3):
                wanted = WrittenOut(network, own)(np.atleast_2d(x[replicate, index].numpy()))
                found = output[replicate, index].detach()
                np.testing.assert_allclose(found, wanted, rtol=1e-10)


@networks
@pytest.mark.parametrize("optimizer", Optimizer)
def test_first_step_is_that_of_autograd(architecture: Architecture, optimizer: Optimizer) -> None:
    """A tied weight gets the gradients of both of its uses."""
    network = built(architecture, completep(1, optimizer))
    weights = drawn(network)
    x, y = batch(network)
    trace, change, _ = dense_step(network, weights, x, y)
    wanted, moved, _ = first_step(network, weights, x, y)
    torch.testing.assert_close(trace.output, wanted.output)
    torch.testing.assert_close(change.output, moved.output, rtol=1e-6, atol=1e-9)
    for found, expected in zip(change.stream, moved.stream, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_a_tied_weight_takes_one_step_for_both_uses() -> None:
    network = built(with_parts(residual(2), "tied"), completep())
    weights = drawn(network)
    x, y = batch(network)
    wanted = gradients(network, weights, x, y)
    engine = dense_weights(network, ONE_STEP, {k: w.clone() for k, w in weights.items()})
    with learning(engine.values()):
        residuals = network.forward(engine, x).output[..., 0] - y
        (residuals.square().mean(1).sum() / 2).backward()  # type: ignore[no-untyped-call]
    key = WeightKey(Role.INPUT)
    step = weights[key] - engine[key].matrix  # type: ignore[attr-defined]
    torch.testing.assert_close(step, network.rate(Role.INPUT) * wanted[key])


@pytest.mark.parametrize(("role", "own"), [(Role.BRANCH_FIRST, (2, 1)), (Role.OUTPUT, (0, 0))])
def test_a_factor_of_the_way_back_changes_gradients_alone(role: Role, own: tuple[int, int]) -> None:
    plain = built(residual(2), completep())
    item = replace(plain.parameterization[role], backward=Power(width=1))
    other = replace(plain, parameterization=plain.parameterization.changed("back", {role: item}))
    weights = drawn(plain)
    x, y = batch(plain)
    torch.testing.assert_close(
        plain.forward(weights, x).output, other.forward(weights, x).output, rtol=0, atol=0
    )
    before, after = (gradients(network, weights, x, y) for network in (plain, other))
    ratio = other.back(role) / plain.multiplier(role)
    assert ratio > 1
    torch.testing.assert_close(after[WeightKey(role, *own)], ratio * before[WeightKey(role, *own)])
    last = WeightKey(Role.BRANCH_LAST, 2, 2)  # behind the one, before the other
    expected = before[last] * (ratio if role is Role.OUTPUT else 1)
    torch.testing.assert_close(after[last], expected)
    _, change, _ = dense_step(other, weights, x, y)
    _, moved, _ = first_step(other, weights, x, y)
    torch.testing.assert_close(change.output, moved.output)


FACTORS = {
    role: Power(width=Fraction(1 + k % 3, 4), depth=Fraction(1 - k % 2, 3))
    for k, role in enumerate(Role)
}


def measured(
    architecture: Architecture, parameterization: Parameterization
) -> dict[Observable, np.ndarray]:
    """Everything of the first step."""
    setting = Setting(architecture, parameterization, OneStep(4))
    return dict(run_group(setting, CELL, 0, [0, 1], CPU, torch.float64))


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("architecture", [one for one in NETWORKS if not one.parts.tied], ids=str)
def test_a_factor_may_move_between_multiplier_and_weight(
    architecture: Architecture, optimizer: Optimizer
) -> None:
    """The symmetry of abc-parametrizations, in every role and with a way back of its own."""
    base = completep(1, optimizer)
    back = replace(base[Role.OUTPUT], backward=Power(width="-1/4"))
    base = base.changed("with a factor of the way back", {Role.OUTPUT: back})
    before = measured(architecture, base)
    after = measured(architecture, base.moved(FACTORS, "moved"))
    for observable, values in before.items():
        np.testing.assert_allclose(after[observable], values, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("optimizer", Optimizer)
def test_a_tied_weight_moves_its_factor_in_both_of_its_uses(optimizer: Optimizer) -> None:
    architecture, base = with_parts(residual(2), "tied"), completep(1, optimizer)
    factor = FACTORS[Role.INPUT]
    last = replace(base[Role.OUTPUT], multiplier=base[Role.OUTPUT].multiplier / factor)
    moved = base.moved({Role.INPUT: factor}, "moved").changed("moved", {Role.OUTPUT: last})
    before, after = (measured(architecture, each) for each in (base, moved))
    for observable, values in before.items():
        np.testing.assert_allclose(after[observable], values, rtol=1e-7)
    one_use = measured(architecture, base.moved({Role.INPUT: factor}, "moved"))
    assert not np.allclose(one_use[Observable.STREAM_CHANGE], before[Observable.STREAM_CHANGE])


@pytest.mark.parametrize("optimizer", Optimizer)
def test_an_attention_scale_is_a_multiplier_of_queries(optimizer: Optimizer) -> None:
    factor, base = Power(depth="1/2"), completep(1, optimizer)
    query = replace(base[Role.QUERY], multiplier=base[Role.QUERY].multiplier * factor)
    one = measured(transformer(), replace(base, attention=base.attention * factor))
    other = measured(transformer(), base.changed("queries", {Role.QUERY: query}))
    for observable, values in one.items():
        np.testing.assert_allclose(other[observable], values, rtol=1e-9)


def test_what_starts_at_zero_is_zero_and_what_is_frozen_stays() -> None:
    base = completep()
    zero = replace(base[Role.OUTPUT], starts_at_zero=True)
    frozen = replace(base[Role.INPUT], frozen=True)
    made = base.changed("made", {Role.OUTPUT: zero, Role.INPUT: frozen})
    network = built(residual(2), made)
    assert not network.initial_weights(0, [0], CPU)[WeightKey(Role.OUTPUT)].any()
    assert network.rate(Role.INPUT) == 0.0
    measured = run_group(Setting(residual(2), made, OneStep(4)), CELL, 0, [0], CPU)
    assert measured[Observable.INPUT_CHANGE][0] == 0.0
    assert measured[Observable.OUTPUT_CHANGE][0] > 0.0


def test_the_attention_scale_is_that_of_a_head() -> None:
    parameterization = replace(completep(), attention=Power(width="-1/2"))
    assert parameterization.attention_scale(Cell(64, 2), 4) == pytest.approx(1 / 4)
    based = parameterization.from_base(Cell(16, 2))
    assert based.attention_scale(Cell(16, 2), 4) == pytest.approx(1 / 4)
    assert based.attention_scale(Cell(64, 2), 4) == pytest.approx(1 / 8)


def test_a_tied_readout_has_as_many_outputs_as_inputs() -> None:
    with pytest.raises(InputError, match="3 inputs and 1 outputs"):
        Network(with_parts(residual(2), "tied"), completep(), CELL, 3, 1)


def test_networks_with_parts_are_trained() -> None:
    """Every part learns in training, too: with it frozen, the outcome is another one."""
    experiment = Training(batch=4, steps=2, rate=Fraction(1, 20))
    for role, part in ((Role.BIAS, "biases"), (Role.GAIN, "gains"), (Role.BRANCH_GATE, "gated")):
        architecture = with_parts(NORMALIZED, part)
        still = replace(completep()[role], frozen=True)
        outcomes = [
            run_group(Setting(architecture, each, experiment), CELL, 0, [0], CPU, torch.float64)
            for each in (completep(), completep().changed("still", {role: still}))
        ]
        losses = [outcome[Observable.TRAINED_LOSS][0] for outcome in outcomes]
        assert losses[0] != losses[1], part


def test_every_part_is_tried_here() -> None:
    tried = {name for network in NETWORKS for name in network.parts.names}
    assert tried == {part.name for part in fields(Parts)}
