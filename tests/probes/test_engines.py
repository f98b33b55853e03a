"""Both engines compute the network that torch's autograd computes, step after step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from probes.engines import Engine, dense_weights, matrix_free_weights, rule_of
from probes.experiments.one_step import first_order_change
from probes.experiments.training import Lessons, training
from probes.network import Network, Trace, WeightKey
from probes.trials import run_group
from probes.weights.base import UpdateRule, Weight
from probes.weights.dense import DenseWeight
from probes.weights.gaussian_matrix import ConditionedProduct
from probes.weights.matrix_free import Side
from tests.experiments import EXPERIMENTS, small
from tests.probes import plain
from tests.probes.test_networks import architectures, cells, parameterizations, trained
from theory import (
    Architecture,
    Cell,
    Convergence,
    DomainError,
    Experiment,
    Observable,
    OneStep,
    Optimizer,
    Parameterization,
    Role,
    Setting,
    Training,
    am_mup,
    chain,
    depth_mup,
    residual,
)

CPU = torch.device("cpu")
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}

Trajectory = tuple[list[Tensor], Trace, Trace]

trainings = st.builds(
    Training,
    batch=st.integers(1, 3),
    steps=st.integers(0, 3),
    rate=st.sampled_from([Fraction(1, 50), Fraction(1, 10)]),
    momentum=st.sampled_from([Fraction(0), Fraction(9, 10)]),
    weight_decay=st.sampled_from([Fraction(0), Fraction(1, 10)]),
)
under_sgd = parameterizations.filter(lambda p: p.optimizer is Optimizer.SGD)
dtypes = st.sampled_from([torch.float64, torch.float32])


def lessons(experiment: Experiment, members: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Inputs (R, steps + 1, B, 3), the last ones held out, and labels."""
    generator = torch.Generator().manual_seed(1)
    steps = experiment.steps if isinstance(experiment, Training) else 0
    shape = (members, steps + 1, experiment.batch)
    x = torch.randn(*shape, 3, dtype=torch.float64, generator=generator)
    y = torch.randn(shape, dtype=torch.float64, generator=generator).sign()
    return x.to(dtype), y.to(dtype)


def run(network: Network, weights: Mapping[WeightKey, Weight], x: Tensor, y: Tensor) -> Trajectory:
    """Train on all batches but the last; outputs before every step, then the next step's change."""
    outputs = []
    for weight in weights.values():
        weight.learns = True
    for step in range(x.shape[1] - 1):
        output = network.forward(weights, x[:, step]).output
        torch.autograd.backward((output.squeeze(-1) - y[:, step]).square().mean(1).sum() / 2)
        outputs.append(output.detach())
    for weight in weights.values():
        weight.learns = False
    return outputs, *first_order_change(network, weights, x[:, -1], y[:, -1])


def expected(
    network: Network,
    matrices: plain.Tensors,
    experiment: Training,
    rates: Sequence[Fraction],
    x: Tensor,
    y: Tensor,
) -> Trajectory:
    """The same by autograd, torch.optim and torch.func.jvp."""
    each = [float(rate) for rate in rates]
    trained = plain.train(network, matrices, experiment, each, x[:, :-1], y[:, :-1], x[:, -1])
    return trained.outputs, *plain.first_step(network, trained.weights, x[:, -1], y[:, -1])[:2]


def difference(found: Trajectory, wanted: Trajectory) -> float:
    """Largest over outputs, states of every layer and their derivatives, each by its norm."""
    parts = [*zip(found[0], wanted[0], strict=True)]
    for ours, theirs in zip(found[1:], wanted[1:], strict=True):
        parts += [*zip(ours.stream, theirs.stream, strict=True)]
        parts += [*zip(ours.inner, theirs.inner, strict=True), (ours.output, theirs.output)]
    return max(float((a.double() - b.double()).norm() / b.double().norm()) for a, b in parts)


def is_tame(wanted: Trajectory) -> bool:
    """Neither exploding nor vanishing: there, the network loses digits, whoever computes it."""
    traces = [*wanted[0], *(h for trace in wanted[1:] for h in (*trace.stream, trace.output))]
    sizes = torch.stack([state.abs().amax() for state in traces])
    return bool((sizes < 1e3).all() and (sizes > 1e-3).all())


def assert_engines_agree(
    network: Network, experiment: Training, seed: int, x: Tensor, y: Tensor
) -> None:
    """Both engines train what autograd trains, in float64, from matrices that explain every answer.

    Momentum and the matrix-free engine are left out under Adam.
    """
    adam = network.parameterization.optimizer is Optimizer.ADAM
    experiment = replace(experiment, momentum=Fraction(0)) if adam else experiment
    members = list(range(len(x)))
    free = {} if adam else matrix_free_weights(network, experiment, seed, members, CPU, x.dtype)
    found = run(network, free, x, y) if free else None
    matrices = {key: weight.materialise() for key, weight in free.items()}
    matrices = matrices or network.initial_weights(seed, members, CPU, x.dtype)
    wanted = expected(network, matrices, experiment, [experiment.rate] * len(x), x, y)
    assume(is_tame(wanted))
    # Adam divides by |g| + epsilon: where g is rounding, so is the step.
    tolerance = 1e-6 if adam else TOLERANCE[x.dtype]
    assert difference(run(network, dense_weights(network, experiment, matrices), x, y), wanted) <= (
        tolerance
    )
    if found is not None:
        assert difference(found, wanted) <= tolerance


def amplification(
    network: Network, matrices: plain.Tensors, experiment: Training, x: Tensor, y: Tensor
) -> float:
    """By how much training amplifies small relative changes of the weights, such as roundings."""
    nudge, rates = 1e-6, [experiment.rate] * len(x)
    exact = {key: matrix.double() for key, matrix in matrices.items()}
    generator = torch.Generator().manual_seed(2)
    nudged = {
        key: matrix * (1 + nudge * torch.randn(matrix.shape, generator=generator))
        for key, matrix in exact.items()
    }
    found = (
        expected(network, each, experiment, rates, x.double(), y.double())
        for each in (nudged, exact)
    )
    return difference(*found) / nudge


@given(architectures, under_sgd, cells, trainings, dtypes, st.integers(0, 2**32))
@settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much])
def test_matrix_free_trajectories_are_those_of_the_materialised_network(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    experiment: Training,
    dtype: torch.dtype,
    seed: int,
) -> None:
    """Whole trajectories: training, every layer, and the exact derivative at the end."""
    network = Network(architecture, parameterization, cell, inputs=3, outputs=1)
    x, y = lessons(experiment, 2, dtype)
    free = matrix_free_weights(network, experiment, seed, [0, 1], CPU, dtype)
    found = run(network, free, x, y)
    matrices = {key: weight.materialise() for key, weight in free.items()}
    twice = [experiment.rate] * 2
    wanted = expected(network, matrices, experiment, twice, x, y)
    assume(is_tame(wanted))
    if dtype is torch.float32:
        assume(amplification(network, matrices, experiment, x, y) < 15)
    assert difference(found, wanted) <= TOLERANCE[dtype]
    dense = dense_weights(network, experiment, matrices)
    assert difference(run(network, dense, x, y), wanted) <= TOLERANCE[dtype]


@given(architectures, trained, cells, trainings, st.integers(0, 2**32))
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_dense_engine_trains_every_rate_of_a_sweep_like_torch_optim(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    experiment: Training,
    seed: int,
) -> None:
    """SGD with momentum and weight decay, and AdamW: two replicates at three rates in one group."""
    if parameterization.optimizer is Optimizer.ADAM:
        experiment = replace(experiment, momentum=Fraction(0))
    network = Network(architecture, parameterization, cell, inputs=3, outputs=1)
    rates = [Fraction(1, 100), Fraction(1, 20), Fraction(1, 7)]
    x, y = (
        part.repeat(3, *[1] * (part.ndim - 1)) for part in lessons(experiment, 2, torch.float64)
    )
    matrices = network.initial_weights(seed, [0, 1], CPU, torch.float64)
    repeated = {key: matrix.repeat(3, 1, 1) for key, matrix in matrices.items()}
    each = [rate for rate in rates for _ in range(2)]
    wanted = expected(network, repeated, experiment, each, x, y)
    assume(is_tame(wanted))
    dense = dense_weights(network, experiment, matrices, rates)
    # Adam divides by |g| + epsilon: where g is rounding, so is the step.
    tolerance = 1e-6 if parameterization.optimizer is Optimizer.ADAM else 1e-10
    assert difference(run(network, dense, x, y), wanted) <= tolerance


def test_weights_under_adam_decay_as_those_of_adamw_at_every_step() -> None:
    """Two members at two rates, held against torch.optim.AdamW step by step.

    Decay that was added to the gradient (torch.optim.Adam) would leave them far away.
    """
    generator = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    rates, factor, decay, start = (0.05, 0.2), 0.5, 0.3, normal(2, 4, 3)
    base = torch.tensor(rates, dtype=torch.float64)[:, None, None]
    rule = UpdateRule(Optimizer.ADAM, base, factor, weight_decay=decay, epsilon=1e-8)
    ours = DenseWeight(start.clone(), rule)

    def theirs(optimizer: type[torch.optim.Adam]) -> tuple[list[Tensor], torch.optim.Optimizer]:
        leaves = [matrix.clone().requires_grad_() for matrix in start]
        groups = [
            {"params": [leaf], "lr": r * factor} for leaf, r in zip(leaves, rates, strict=True)
        ]
        return leaves, optimizer(groups, weight_decay=decay)

    decoupled, coupled = theirs(torch.optim.AdamW), theirs(torch.optim.Adam)
    for _ in range(6):
        g, x = normal(2, 5, 4), normal(2, 5, 3)
        ours.descend(g, x, scale=0.7)
        for leaves, optimizer in (decoupled, coupled):
            for leaf, signals, inputs in zip(leaves, g, x, strict=True):
                leaf.grad = 0.7 * signals.T @ inputs
            optimizer.step()
        torch.testing.assert_close(
            ours.matrix, torch.stack(decoupled[0]).detach(), rtol=1e-10, atol=0
        )
    assert not torch.allclose(ours.matrix, torch.stack(coupled[0]), rtol=0.05)


def by_definition(optimizer: Optimizer, gradients: list[Tensor], decay: float) -> Tensor:
    """How far steps at rate 0.1 move a matrix (4, 3) of ones, written out."""
    weight = torch.ones(4, 3, dtype=torch.float64)
    average = torch.zeros_like(weight)
    for gradient in gradients:
        if optimizer is Optimizer.LION:
            direction = (0.9 * average + 0.1 * gradient).sign()
            average = 0.99 * average + 0.01 * gradient
        else:
            average = 0.95 * average + gradient
            ahead = gradient + 0.95 * average
            values, vectors = torch.linalg.eigh(ahead.T @ ahead)
            direction = ahead @ vectors @ torch.diag(values.rsqrt()) @ vectors.T
        weight = weight * (1 - 0.1 * decay) - 0.1 * direction
    return weight


@pytest.mark.parametrize("optimizer", [Optimizer.LION, Optimizer.MUON])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_steps_of_lion_and_muon_are_those_of_their_definition(
    optimizer: Optimizer, decay: float
) -> None:
    generator = torch.Generator().manual_seed(3)
    factors = [
        tuple(torch.randn(1, 5, n, dtype=torch.float64, generator=generator) for n in (4, 3))
        for _ in range(5)
    ]
    base = torch.full((1, 1, 1), 0.2, dtype=torch.float64)
    rule = UpdateRule(optimizer, base, factor=0.5, weight_decay=decay)
    ours = DenseWeight(torch.ones(1, 4, 3, dtype=torch.float64), rule)
    for g, x in factors:
        ours.descend(g, x, scale=0.7)
    wanted = by_definition(optimizer, [0.7 * g[0].T @ x[0] for g, x in factors], decay)
    torch.testing.assert_close(ours.matrix[0], wanted, rtol=1e-9, atol=1e-9)


def test_muon_leaves_out_directions_that_a_gradient_does_not_have() -> None:
    """One input makes a gradient of rank one: the step has one singular value, which is 1."""
    rule = UpdateRule(Optimizer.MUON, torch.ones(1, 1, 1, dtype=torch.float64), factor=1.0)
    ours = DenseWeight(torch.zeros(1, 4, 3, dtype=torch.float64), rule)
    g, x = torch.arange(1.0, 5.0).double()[None, None], torch.arange(3.0).double()[None, None]
    ours.descend(g, x, scale=1.0)
    step = -ours.matrix[0]
    torch.testing.assert_close(
        torch.linalg.svdvals(step), torch.tensor([1.0, 0.0, 0.0]).double(), rtol=0, atol=1e-12
    )
    ours.gradient = (g, x)
    torch.testing.assert_close(-ours.change_times(x), x @ step.T[None])


def test_momentum_is_sgd_with_nine_tenths() -> None:
    network = Network(residual(2), depth_mup(Optimizer.MOMENTUM), Cell(4, 2), inputs=3, outputs=1)
    rule = rule_of(network, Training(batch=2), Role.BRANCH_LAST, torch.ones(1))
    assert rule.momentum == 0.9
    other = replace(network, parameterization=depth_mup())
    plain = rule_of(other, Training(batch=2), Role.BRANCH_LAST, torch.ones(1))
    assert plain.momentum == 0.0
    assert replace(rule, momentum=0.0, optimizer=Optimizer.SGD).factor == plain.factor


def moments(values: Tensor) -> np.ndarray:
    """Second moment over inputs and coordinates, of every member."""
    return values.double().square().mean((1, 2)).numpy()


@pytest.mark.parametrize(
    ("architecture", "parameterization"),
    [(residual(2), depth_mup()), (chain(), am_mup())],
    ids=["residual", "chain"],
)
def test_narrow_networks_have_the_law_of_dense_ones(architecture, parameterization) -> None:  # type: ignore[no-untyped-def]
    """Width 6, where conditioning is everything: three steps of training, 2000 networks each."""
    experiment = Training(batch=2, steps=3, rate=Fraction(1, 8))
    network = Network(architecture, parameterization, Cell(6, 3), inputs=3, outputs=1)
    members = range(2000)
    x, y = lessons(experiment, 1, torch.float32)
    x, y = x.expand(2000, -1, -1, -1), y.expand(2000, -1, -1)
    free = matrix_free_weights(network, experiment, 0, members, CPU)
    dense = dense_weights(network, experiment, network.initial_weights(0, members, CPU))
    ours, theirs = run(network, free, x, y), run(network, dense, x, y)
    outputs = zip(ours[0], theirs[0], strict=True)
    p_values = [stats.ks_2samp(a[:, 0, 0], b[:, 0, 0]).pvalue for a, b in outputs]
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        states = [*zip(a.stream, b.stream, strict=True), (a.output, b.output)]
        p_values += [stats.ks_2samp(moments(p), moments(q)).pvalue for p, q in states]
    assert min(p_values) > 0.001 / len(p_values)


def test_every_answer_is_seen_as_coupled_and_fresh() -> None:
    """At initialization nothing is coupled going up; coming back, what went up is."""
    seen: dict[tuple[WeightKey, Side], list[ConditionedProduct]] = {}
    network = Network(residual(2), depth_mup(), Cell(8, 3), inputs=3, outputs=1)
    experiment = OneStep(batch=2)
    weights = matrix_free_weights(
        network,
        experiment,
        0,
        [0, 1],
        CPU,
        torch.float64,
        observer=lambda key, side, product: seen.setdefault((key, side), []).append(product),
    )
    x, y = lessons(experiment, 2, torch.float64)
    first_order_change(network, weights, x[:, 0], y[:, 0])
    for key in weights:
        up, *derivative = seen[key, Side.FORWARD]
        assert float(up.coupled.abs().max()) == 0.0
        if key.role is Role.INPUT:
            assert (key, Side.BACKWARD) not in seen
            assert not derivative  # its input does not move
            continue
        (down,) = seen[key, Side.BACKWARD]
        assert len(derivative) == 1
        assert float(derivative[0].coupled.abs().max()) > 0.0
        # W^T g is coupled along the inputs x that went up, and fresh across them.
        assert float(down.coupled.abs().max()) > 0.0
        assert float(torch.bmm(down.coupled, down.fresh.mT).abs().max()) < 1e-12


@pytest.mark.parametrize("kind", [kind for kind in EXPERIMENTS if kind is not Convergence])
def test_matrix_free_groups_do_not_matter(kind: type[Experiment]) -> None:
    setting = Setting(residual(2), depth_mup(), small(kind, batch=4, rate=Fraction(1)))

    def measured(replicates: Sequence[int]) -> dict[Observable, np.ndarray]:
        return run_group(
            setting, Cell(16, 4), 3, replicates, CPU, torch.float64, Engine.MATRIX_FREE
        )

    together = measured(range(6))
    for order in ([5, 0, 3], [3]):
        for name, values in measured(order).items():
            np.testing.assert_allclose(values, together[name][order], rtol=1e-11)


def test_adam_has_no_matrix_free_weights_and_says_so() -> None:
    network = Network(residual(2), depth_mup(Optimizer.ADAM), Cell(4, 2), inputs=3, outputs=1)
    with pytest.raises(DomainError, match="adam has no matrix-free weights"):
        matrix_free_weights(network, OneStep(batch=2), 0, [0], CPU)


@pytest.mark.parametrize("engine", Engine)
def test_a_member_that_diverges_leaves_its_neighbours_alone(engine: Engine) -> None:
    """One huge input: that replicate becomes nan, and the other trains as it does alone."""
    experiment = Training(batch=2, steps=3, rate=Fraction(1, 10))
    network = Network(residual(2), depth_mup(), Cell(8, 3), inputs=3, outputs=4)

    def trained(members: list[int], spoiled: bool) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(22, 3, generator=generator)
        classes = torch.randint(0, 4, (22,), generator=generator)
        batches, held_out = np.arange(12).reshape(2, 3, 2), np.arange(12, 22).reshape(2, 5)
        images[:2] *= 1e30 if spoiled else 1
        if engine is Engine.DENSE:
            matrices = network.initial_weights(0, members, CPU)
            weights = dense_weights(network, experiment, matrices)
        else:
            free = matrix_free_weights(network, experiment, 0, members, CPU)
            weights = dict(free)
        lessons = Lessons(
            lambda numbers: images[numbers],
            lambda numbers: classes[numbers],
            batches,
            held_out,
            torch.tensor(members),
        )
        found = training(network, weights, lessons)
        sizes = {len(weight.rule.base_rate) for weight in weights.values()}
        assert sizes == {len(members) - spoiled}
        return torch.stack([*found.values()])

    together, alone = trained([0, 1], spoiled=True), trained([1], spoiled=False)
    assert together[:, 0].isnan().all()
    torch.testing.assert_close(together[:, 1:], alone, rtol=1e-5, atol=0)
    assert trained([0, 1], spoiled=False).isfinite().all()


@pytest.mark.parametrize("engine", Engine)
def test_training_is_linear_in_a_small_rate_of_the_protocol(engine: Engine) -> None:
    """Twice the rate moves the stream twice as far: a rate that got lost would not."""

    def moved(rate: Fraction) -> np.ndarray:
        experiment = Training(batch=4, steps=2, rate=rate)
        setting = Setting(residual(2), depth_mup(), experiment)
        found = run_group(setting, Cell(16, 3), 0, range(3), CPU, torch.float64, engine)
        return found[Observable.TRAINED_STREAM_CHANGE]

    np.testing.assert_allclose(moved(Fraction(2, 10**6)) / moved(Fraction(1, 10**6)), 2, rtol=1e-4)
