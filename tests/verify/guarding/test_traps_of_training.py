"""Optimizers, steps and losses that are not plain: each was met in practice."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from probes.modules.cell import measure_cell
from probes.modules.problem import Problem
from tests.verify.guarding.small import (
    INPUTS,
    adam,
    assert_healthy,
    batch_of,
    check,
    cross_entropy,
    factory_of,
    groups_of,
    guarded,
    linear,
    mlp,
    plain_step,
    readout,
    the_fault,
    tokens_of,
)
from theory.errors import InputError

# When parameters start to move


def quiet(width: int) -> nn.Module:
    model = mlp(width)
    nn.init.zeros_(model.get_parameter("4.weight"))
    return model


def test_a_zero_readout_is_attributed_at_the_second_step() -> None:
    check(quiet, "2.weight")
    found = guarded(factory_of(quiet), seeds=2)
    steps = {one.parameter: one.step for one in found.entries if one.quantity == "own"}
    assert steps == {"0.weight": 2, "2.weight": 2, "4.weight": 1}


def test_parameters_that_move_later_than_the_last_step_are_noted() -> None:
    found = guarded(factory_of(quiet), seeds=2, steps=(1,))
    assert found.document.notes == [
        "no gradient reaches these parameters in the first step, so nothing is said of their "
        "rates: 0.weight, 2.weight"
    ]


@pytest.mark.parametrize("wrong", ["", "2.weight"])
def test_a_warm_up_from_zero(wrong: str) -> None:
    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        optimizer = adam(model, width, wrong)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 2))

        def step(model: Any, optimizer: Any, batch: Any) -> None:
            plain_step(model, optimizer, batch)
            schedule.step()

        return model, optimizer, batch_of(seed), cross_entropy, step

    found = guarded(factory, steps=(1, 3))
    if wrong:
        assert the_fault(found) == ("rate", [wrong])
    else:
        assert_healthy(found, "2.weight")


def test_where_nothing_moves_there_is_one_line() -> None:
    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        return model, torch.optim.SGD(model.parameters(), lr=0.0), batch_of(seed), cross_entropy

    with pytest.raises(InputError, match="nothing moves in 2 steps: gradients or rates are zero"):
        guarded(factory)


# Kinds of optimizers


@pytest.mark.parametrize("foreach", [None, True])
def test_adam_takes_its_fused_step_where_nobody_chose(foreach: bool | None) -> None:
    made = []

    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        optimizer = torch.optim.Adam(groups_of(model, width), eps=1e-12, foreach=foreach)
        made.append(optimizer)
        return model, optimizer, batch_of(seed), cross_entropy

    assert_healthy(guarded(factory))
    fused = {group.get("fused") for optimizer in made[-6:] for group in optimizer.param_groups}
    assert fused == ({True} if foreach is None else {None})


def test_numbers_of_the_fused_step_are_those_of_the_plain_one() -> None:
    def frame(fused: bool | None) -> Any:
        def factory(width: int, seed: int) -> Any:
            model = mlp(width)
            groups = groups_of(model, width)
            optimizer = torch.optim.Adam(groups, eps=1e-12, foreach=False, fused=fused)
            return model, optimizer, batch_of(seed), cross_entropy

        return guarded(factory).to_frame()

    plain, fused = frame(None), frame(True)
    assert (plain["estimate"] - fused["estimate"]).abs().max() < 1e-4


def test_sparse_gradients() -> None:
    class Tokens(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.tokens = nn.Embedding(16, width, sparse=True)
            self.hidden, self.last = linear(width, width), readout(width)

        def forward(self, tokens: Tensor) -> Any:
            return self.last(torch.tanh(self.hidden(self.tokens(tokens))).mean(1))

    def factory_with(factor: Callable[[int], float]) -> Any:
        def factory(width: int, seed: int) -> Any:
            model = Tokens(width)
            sparse = torch.optim.SparseAdam(
                list(model.tokens.parameters()), lr=0.02 * factor(width), eps=1e-12
            )
            others = nn.ModuleList([model.hidden, model.last])
            return model, [sparse, adam(others, width)], tokens_of(seed), cross_entropy

        return factory

    assert_healthy(guarded(factory_with(lambda _: 1.0)), "tokens.weight", "hidden.weight")
    wrong = guarded(factory_with(lambda width: 32 / width))
    assert the_fault(wrong) == ("rate", ["tokens.weight"])


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon")
def test_muon_beside_another_optimizer() -> None:
    def factory_with(wrong: str) -> Any:
        def factory(width: int, seed: int) -> Any:
            model = nn.Sequential(
                *(linear(INPUTS, width), nn.Tanh(), linear(width, width, bias=True), nn.Tanh()),
                readout(width),
            )
            matrix = model.get_parameter("2.weight")
            rate = 0.1 * (width / 32 if wrong == "2.weight" else 1)
            muon = torch.optim.Muon([matrix], lr=rate, weight_decay=0.0)
            groups = [g for g in groups_of(model, width, wrong) if g["params"][0] is not matrix]
            return model, [muon, torch.optim.Adam(groups, eps=1e-12)], batch_of(seed), cross_entropy

        return factory

    assert_healthy(guarded(factory_with("")), "2.weight", "2.bias")
    assert the_fault(guarded(factory_with("2.weight"))) == ("rate", ["2.weight"])
    assert the_fault(guarded(factory_with("2.bias"))) == ("rate", ["2.bias"])


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon")
@pytest.mark.parametrize(("power", "verdict"), [(0.0, "inconclusive"), (0.5, "rejected")])
def test_a_change_that_grows_only_up_to_its_limit_is_no_fault(power: float, verdict: str) -> None:
    """Muon's step has as many directions as the gradient: more, until width passes the inputs.

    Its norm is that of the rate, and says how far that goes.
    """

    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        matrix = model.get_parameter("2.weight")
        muon = torch.optim.Muon([matrix], lr=0.1 * (width / 16) ** power, weight_decay=0.0)
        groups = [g for g in groups_of(model, width) if g["params"][0] is not matrix]
        batch = batch_of(seed, 256, INPUTS)
        return model, [muon, torch.optim.Adam(groups, eps=1e-12)], batch, cross_entropy

    found = guarded(factory, widths=(16, 32, 64, 128), seeds=16)
    own = next(e for e in found.entries if (e.parameter, e.quantity) == ("2.weight", "own"))
    assert own.interval.low > 0.1
    assert own.verdict == verdict
    if power:
        assert the_fault(found) == ("rate", ["2.weight"])
    else:
        assert not found.faults
        assert own.note.startswith("it grows towards a limit that goes as")


def test_no_network_outlives_its_cell() -> None:
    """Neither after steps to the end, nor where the last pass is the recorded one."""
    made: list[weakref.ref[nn.Module]] = []

    def network(width: int) -> nn.Module:
        model = mlp(width)
        made.append(weakref.ref(model))
        return model

    for seeds, steps in ((2, (1, 2)), (3, (1,))):
        guarded(factory_of(network, "2.weight"), seeds=seeds, steps=steps)
    gc.collect()
    assert len(made) > 15
    assert not any(one() for one in made)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (torch.optim.LBFGS, r"LBFGS calls the loss by itself; return step\("),
        (torch.optim.RAdam, r"RAdam's first five steps .* give Adam in its place"),
    ],
)
def test_optimizers_whose_first_steps_do_not_show_their_rates(
    kind: Callable[..., torch.optim.Optimizer], said: str
) -> None:
    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        return model, kind(model.parameters(), lr=1e-3), batch_of(seed), cross_entropy

    with pytest.raises(InputError, match=said):
        guarded(factory)


def test_lbfgs_with_a_step_is_measured() -> None:
    def step(model: Any, optimizer: Any, batch: Any) -> None:
        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(model, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(closure)

    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=2)
        return model, optimizer, batch_of(seed), cross_entropy, step

    judged = {one.parameter for one in guarded(factory).entries if one.quantity == "own"}
    assert judged == {"0.weight", "2.weight", "4.weight"}


@pytest.mark.parametrize("wrong", ["", "2.weight"])
def test_gradients_that_the_step_clips(wrong: str) -> None:
    def step(model: Any, optimizer: Any, batch: Any) -> None:
        optimizer.zero_grad()
        cross_entropy(model, batch).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        optimizer.step()

    found = guarded(factory_of(mlp, wrong, step=step))
    if wrong:
        assert the_fault(found) == ("rate", [wrong])
    else:
        assert_healthy(found, "2.weight")


def test_an_optimizer_in_a_wrapper() -> None:
    class Wrapper:
        """As ``accelerate`` has it: no optimizer by its type."""

        def __init__(self, optimizer: torch.optim.Optimizer) -> None:
            self.optimizer = optimizer

        @property
        def param_groups(self) -> Any:
            return self.optimizer.param_groups

        def step(self, closure: Any = None) -> Any:
            return self.optimizer.step(closure)

    def factory_with(wrong: str) -> Any:
        def factory(width: int, seed: int) -> Any:
            model = mlp(width)
            return model, Wrapper(adam(model, width, wrong)), batch_of(seed), cross_entropy

        return factory

    assert_healthy(guarded(factory_with("")), "2.weight")
    assert the_fault(guarded(factory_with("2.weight"))) == ("rate", ["2.weight"])


# Which parameters are trained


class Idle(nn.Module):
    """An MLP with a parameter that the loss does not depend on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body, self.idle = mlp(width), linear(width, width)

    def forward(self, x: Tensor) -> Any:
        return self.body(x)


def test_a_parameter_without_a_gradient_is_a_note() -> None:
    found = guarded(factory_of(Idle))
    assert_healthy(found, "body.2.weight")
    assert found.document.notes == [
        "no gradient reaches these parameters in the first 2 steps, so nothing is said of their "
        "rates: idle.weight"
    ]


def cell_of(optimizers: Callable[[nn.Module], Any]) -> Any:
    torch.manual_seed(0)
    model = mlp(16)
    return measure_cell(Problem(model, optimizers(model), batch_of(0), cross_entropy), (1,))


def test_parameters_in_no_optimizer_and_in_two() -> None:
    def none(model: nn.Module) -> Any:
        return (torch.optim.SGD(list(model.parameters())[1:], lr=0.1),)

    def two(model: nn.Module) -> Any:
        every = list(model.parameters())
        return torch.optim.SGD(every, lr=0.1), torch.optim.SGD(every[:1], lr=0.1)

    first, second = cell_of(none), cell_of(two)
    assert (first.untrained, first.twice) == (["0.weight"], [])
    assert (second.untrained, second.twice) == ([], ["0.weight"])


@pytest.mark.parametrize("how", ["none", "two"])
def test_such_parameters_are_faults(how: str) -> None:
    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        groups = groups_of(model, width)
        if how == "none":
            optimizers = [torch.optim.Adam(groups[1:], eps=1e-12)]
        else:
            optimizers = [
                torch.optim.Adam(some, eps=1e-12) for some in (groups, groups_of(model, width)[:1])
            ]
        return model, optimizers, batch_of(seed), cross_entropy

    found = guarded(factory)
    assert ("optimizer", ["0.weight"]) in [(one.cause, one.parameters) for one in found.faults]
    assert found.document.exit_code == 1


def test_an_optimizer_of_another_model() -> None:
    def factory(width: int, seed: int) -> Any:
        return mlp(width), adam(mlp(width), width), batch_of(seed), cross_entropy

    with pytest.raises(InputError, match="no optimizer has a parameter of the model"):
        guarded(factory)


def test_frozen_parameters() -> None:
    def network(width: int) -> nn.Module:
        model = mlp(width, depth=2)
        model.get_parameter("2.weight").requires_grad_(False)
        return model

    check(network, "4.weight")
    found = guarded(factory_of(network), seeds=2)
    assert "2.weight" not in {one.parameter for one in found.entries}


def test_a_model_that_is_frozen() -> None:
    with pytest.raises(InputError, match="no parameter of the model requires a gradient"):
        guarded(factory_of(lambda width: mlp(width).requires_grad_(False)))
