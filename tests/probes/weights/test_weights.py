"""Weights of every kind against plain matrices: products, gradients, first steps and training.

Two members with learning rates of their own; everything small enough to be written out.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from probes.weights.base import UpdateRule, Weight, learning, moving
from probes.weights.decoupled import DecoupledWeight, decoupled
from probes.weights.dense import DenseWeight
from probes.weights.gaussian_matrix import ConditionedProduct, GaussianMatrix
from probes.weights.matrix_free import MatrixFreeWeight, Side
from theory import DomainError, Optimizer

MEMBERS, BATCH, N_IN, N_OUT = 2, 3, 4, 5
RATES = torch.tensor([0.25, 0.5], dtype=torch.float64)[:, None, None]
STD = 0.5
Kind = Callable[[UpdateRule], tuple[Weight, Tensor]]


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def rule(optimizer: Optimizer = Optimizer.SGD, **constants: float) -> UpdateRule:
    return UpdateRule(optimizer, RATES, factor=3.0, **constants)


def dense(rule: UpdateRule) -> tuple[Weight, Tensor]:
    matrix = normal(MEMBERS, N_OUT, N_IN, seed=1)
    return DenseWeight(matrix.clone(), rule), matrix


def matrix_free(rule: UpdateRule) -> tuple[Weight, Tensor]:
    """Two weights of one seed answer alike; the other one is materialised at once."""
    other = GaussianMatrix(N_OUT, N_IN, [1, 2], torch.float64)
    matrix = other.materialise()
    return MatrixFreeWeight(other, STD, rule), matrix * STD


KINDS = pytest.mark.parametrize("kind", [dense, matrix_free])


def batches(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    for seed in range(count):
        yield normal(MEMBERS, BATCH, N_OUT, seed=10 + seed), normal(MEMBERS, BATCH, N_IN, seed=seed)


def waits(weight: Weight) -> bool:
    """Whether a gradient waits to be taken as a step."""
    return weight.gradient is not None


@KINDS
def test_products_are_those_of_the_matrix(kind: Kind) -> None:
    weight, matrix = kind(rule())
    g, x = next(batches(1))
    onto = normal(MEMBERS, BATCH, N_OUT, seed=5)
    product = 2.0 * x @ matrix.mT
    torch.testing.assert_close(weight.times(x, 2.0), product)
    torch.testing.assert_close(weight.transposed_times(g, 2.0), 2.0 * g @ matrix)
    torch.testing.assert_close(weight.add_to(None, x, 2.0), product)
    torch.testing.assert_close(weight.add_to(onto.clone(), x, 2.0), onto + product)


@KINDS
@pytest.mark.parametrize("momentum", [0.0, 0.75])
@pytest.mark.parametrize("decay", [0.0, 0.125])
def test_steps_of_sgd_are_those_of_torch(kind: Kind, momentum: float, decay: float) -> None:
    """v = momentum v + gradient + decay W and W -= rate v, rate 3 times that of every member."""
    weight, matrix = kind(rule(momentum=momentum, weight_decay=decay))
    velocity = torch.zeros_like(matrix)
    for g, x in batches(3):
        weight.descend(g, x, 2.0)
        velocity = momentum * velocity + 2.0 * g.mT @ x + decay * matrix
        matrix = matrix - 3.0 * RATES * velocity
    probe = normal(MEMBERS, 2, N_IN, seed=99)
    torch.testing.assert_close(weight.times(probe, 2.0), 2.0 * probe @ matrix.mT)
    back = normal(MEMBERS, 2, N_OUT, seed=98)
    torch.testing.assert_close(weight.transposed_times(back, 0.5), 0.5 * back @ matrix)


def test_steps_of_adam_are_those_of_torch() -> None:
    weight, matrix = dense(rule(Optimizer.ADAM, weight_decay=0.125, epsilon=0.01))
    leaves = [matrix[member].clone().requires_grad_() for member in range(MEMBERS)]
    groups = [
        {"params": [leaf], "lr": 3.0 * float(rate)}
        for leaf, rate in zip(leaves, RATES, strict=True)
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=0.01, weight_decay=0.125)
    for g, x in batches(3):
        weight.descend(g, x, 2.0)
        for leaf, gradient in zip(leaves, 2.0 * g.mT @ x, strict=True):
            leaf.grad = gradient
        optimizer.step()
    assert isinstance(weight, DenseWeight)
    torch.testing.assert_close(weight.matrix, torch.stack(leaves).detach())


@KINDS
def test_the_first_change_of_sgd_is_a_product_of_factors(kind: Kind) -> None:
    weight, _ = kind(rule())
    g, x = next(batches(1))
    weight.receive(g, x, 2.0)
    probe = normal(MEMBERS, 2, N_IN, seed=99)
    torch.testing.assert_close(weight.change_times(probe), -3.0 * probe @ (2.0 * g.mT @ x).mT)


def test_the_first_change_of_adam_is_a_sign_softened_by_epsilon() -> None:
    weight, _ = dense(rule(Optimizer.ADAM, epsilon=0.5))
    g, x = next(batches(1))
    weight.receive(g, x, 2.0)
    gradient = 2.0 * g.mT @ x
    softened = gradient / (gradient.abs() + 0.5)
    probe = normal(MEMBERS, 2, N_IN, seed=99)
    torch.testing.assert_close(weight.change_times(probe), -3.0 * probe @ softened.mT)


@KINDS
def test_gradients_arrive_at_the_input_at_what_is_added_to_and_at_the_weight(kind: Kind) -> None:
    weight, matrix = kind(rule())
    g, x = next(batches(1))
    x.requires_grad_()
    onto = normal(MEMBERS, BATCH, N_OUT, seed=5).requires_grad_()
    weight.product(x, 2.0, onto).backward(g)  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert onto.grad is not None
    torch.testing.assert_close(x.grad, 2.0 * g @ matrix)
    torch.testing.assert_close(onto.grad, g)
    assert weight.gradient is not None
    torch.testing.assert_close(weight.gradient[0], 2.0 * g)
    torch.testing.assert_close(weight.gradient[1], x.detach())


@KINDS
def test_a_gradient_arrives_even_if_no_input_needs_one(kind: Kind) -> None:
    weight, _ = kind(rule())
    g, x = next(batches(1))
    weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    assert weight.gradient is not None


@KINDS
def test_backward_passes_are_steps_while_weights_are_learning_and_only_then(kind: Kind) -> None:
    weight, matrix = kind(rule())
    g, x = next(batches(1))
    weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    with learning([weight]):
        weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    assert not waits(weight)
    stepped = matrix - 3.0 * RATES * (2.0 * g.mT @ x)
    torch.testing.assert_close(weight.times(x, 1.0), x @ stepped.mT)
    weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    assert waits(weight)
    torch.testing.assert_close(weight.times(x, 1.0), x @ stepped.mT)


@KINDS
def test_a_learning_weight_answers_the_backward_pass_before_it_moves(kind: Kind) -> None:
    weight, matrix = kind(rule())
    g, x = next(batches(1))
    x.requires_grad_()
    with learning([weight]):
        weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 2.0 * g @ matrix)


@KINDS
def test_what_moves_carries_the_derivative_along_the_first_step(kind: Kind) -> None:
    """d(W x + onto) = (dW) x + W dx + d onto, through two products of one weight kind."""
    weight, matrix = kind(rule())
    second, other = dense(rule())
    g, x = next(batches(1))
    back = normal(MEMBERS, BATCH, N_OUT, seed=7)
    weight.receive(g, x, 2.0)
    second.receive(back, normal(MEMBERS, BATCH, N_IN, seed=8), 1.0)
    inputs, onto = normal(MEMBERS, BATCH, N_IN, seed=9), normal(MEMBERS, BATCH, N_OUT, seed=6)

    def passes() -> Tensor:
        hidden = weight.product(inputs, 2.0, onto.clone())
        return second.product(hidden[..., :N_IN], 0.5, hidden)

    plain = passes()
    with moving([weight, second]):
        primal, tangent = torch.autograd.forward_ad.unpack_dual(passes())  # type: ignore[no-untyped-call]
    torch.testing.assert_close(primal, plain)
    moved = 2.0 * weight.change_times(inputs)
    hidden = 2.0 * inputs @ matrix.mT + onto
    expected = moved + 0.5 * (
        second.change_times(hidden[..., :N_IN]) + moved[..., :N_IN] @ other.mT
    )
    torch.testing.assert_close(tangent, expected)
    assert not weight._is_moving
    torch.testing.assert_close(passes(), plain)


def test_a_pass_is_replayed_as_it_was_though_the_weight_has_moved_since() -> None:
    weight, matrix = dense(rule())
    g, x = next(batches(1))
    weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    weight.descend(g, x, 2.0)
    with moving([weight]):
        replayed = weight.product(x, 2.0, None)
        primal, tangent = torch.autograd.forward_ad.unpack_dual(replayed)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(primal, 2.0 * x @ matrix.mT)
    torch.testing.assert_close(tangent, 2.0 * weight.change_times(x))


def test_a_replayed_pass_asks_nothing_of_initial_values_where_inputs_do_not_move() -> None:
    sides: list[Side] = []
    initial = GaussianMatrix(N_OUT, N_IN, [1, 2], torch.float64)
    weight = MatrixFreeWeight(initial, STD, rule(), lambda side, _: sides.append(side))
    g, x = next(batches(1))
    weight.product(x, 2.0, None)
    weight.receive(g, x, 2.0)
    with moving([weight]):
        weight.product(x, 2.0, None)
    assert sides == [Side.FORWARD]


def test_a_rule_without_constants_has_no_momentum_no_decay_and_no_epsilon() -> None:
    plain = rule()
    assert (plain.momentum, plain.weight_decay, plain.epsilon) == (0.0, 0.0, 0.0)


@KINDS
def test_members_can_be_chosen_before_anything_was_learned(kind: Kind) -> None:
    order = torch.tensor([1, 0])
    weight, matrix = kind(rule())
    weight.select(order)
    _, x = next(batches(1))
    torch.testing.assert_close(weight.times(x, 1.0), x @ matrix[order].mT)


@KINDS
def test_members_that_are_kept_go_on_as_before(kind: Kind) -> None:
    """With their matrices, velocities, learned parts and learning rates, in the order given."""
    order = torch.tensor([1, 0])
    weight, _ = kind(rule(momentum=0.5))
    whole, _ = kind(rule(momentum=0.5))
    for number, (g, x) in enumerate(batches(3)):
        if number == 2:
            weight.select(order)
            assert weight.gradient is None
        kept = order if number == 2 else slice(None)
        weight.receive(g, x, 1.0)
        weight.descend(g[kept], x[kept], 2.0)
        whole.descend(g, x, 2.0)
    probe = normal(MEMBERS, 2, N_IN, seed=99)
    torch.testing.assert_close(weight.times(probe[order], 1.0), whole.times(probe, 1.0)[order])
    torch.testing.assert_close(weight.rule.rate, 3.0 * RATES[order])


def test_learning_rates_come_in_blocks_of_neighbours() -> None:
    rates = torch.tensor([1.0, 1.0, 2.0, 1.0])[:, None, None]
    blocks = UpdateRule(Optimizer.SGD, rates, factor=2.0).blocks
    assert blocks == [(2.0, slice(0, 2)), (4.0, slice(2, 3)), (2.0, slice(3, 4))]


def test_a_matrix_free_weight_shows_what_its_initial_values_answer() -> None:
    """In its units, whatever was learned since, and split into what was determined and what not."""
    seen: list[tuple[Side, ConditionedProduct]] = []
    initial = GaussianMatrix(N_OUT, N_IN, [1, 2], torch.float64)
    weight = MatrixFreeWeight(initial, STD, rule(), lambda side, part: seen.append((side, part)))
    g, x = next(batches(1))
    weight.times(x, 2.0)
    weight.descend(g, x, 1.0)
    weight.transposed_times(g, 2.0)
    matrix = weight.materialise()
    torch.testing.assert_close(matrix, STD * initial.materialise())
    (forward, first), (backward, second) = seen
    assert (forward, backward) == (Side.FORWARD, Side.BACKWARD)
    torch.testing.assert_close(first.total, x @ matrix.mT)
    torch.testing.assert_close(second.total, g @ matrix)
    assert not first.coupled.any()
    assert second.coupled.any()


def test_adam_has_no_matrix_free_weights() -> None:
    initial = GaussianMatrix(N_OUT, N_IN, [1, 2], torch.float64)
    with pytest.raises(DomainError, match="use the dense engine"):
        MatrixFreeWeight(initial, STD, rule(Optimizer.ADAM))


def test_a_decoupled_weight_answers_backward_by_its_copy_and_both_learn_alike() -> None:
    forward, matrix = dense(rule())
    copy = normal(MEMBERS, N_OUT, N_IN, seed=2)
    backward = DenseWeight(copy.clone(), rule())
    weight = DecoupledWeight(forward, backward)
    g, x = next(batches(1))
    weight.product(x, 2.0, None).backward(g)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(weight.change_times(x), -3.0 * x @ (2.0 * g.mT @ x).mT)
    weight.descend(g, x, 2.0)
    step = 3.0 * RATES * (2.0 * g.mT @ x)
    torch.testing.assert_close(weight.times(x, 1.0), x @ (matrix - step).mT)
    torch.testing.assert_close(weight.transposed_times(g, 1.0), g @ (copy - step))
    weight.select(torch.tensor([1]))
    torch.testing.assert_close(weight.times(x[1:], 1.0), (x @ (matrix - step).mT)[1:])
    torch.testing.assert_close(weight.transposed_times(g[1:], 1.0), (g @ (copy - step))[1:])


def test_only_weights_with_a_copy_are_decoupled() -> None:
    (first, _), (second, _), (copy, _) = dense(rule()), dense(rule()), dense(rule())
    weights = decoupled({"a": first, "b": second}, {"a": copy})  # type: ignore[dict-item]
    assert weights["b"] is second  # type: ignore[index]
    assert isinstance(weights["a"], DecoupledWeight)  # type: ignore[index]
