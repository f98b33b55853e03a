"""Modules that hide from hooks, write in place or share: each was met in practice."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from tests.verify.guarding.small import (
    INPUTS,
    OUTPUTS,
    adam,
    assert_healthy,
    batch_of,
    check,
    cross_entropy,
    factory_of,
    guarded,
    linear,
    mlp,
    randomness_stays,
    readout,
    tokens_of,
)
from verify.guarding.result import Guard


def embedding(width: int, entries: int = 16, **options: Any) -> nn.Embedding:
    return nn.Embedding(entries, width, **options)


def change_of_output(found: Guard) -> list[float]:
    return [
        value
        for one in found.entries
        if one.module == "(output)" and one.quantity == "change" and one.step == 2
        for value in one.values.values()
    ]


# Random numbers


@pytest.mark.parametrize("source", ["torch", "python", "numpy"])
def test_dropout_has_the_same_masks_at_every_recorded_pass(source: str) -> None:
    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Any:
            if source == "torch":
                return functional.dropout(x, 0.5)
            if source == "python":
                drawn = [random.random() for _ in range(x.shape[1])]
            else:
                drawn = list(np.random.random(x.shape[1]))  # noqa: NPY002
            return x * 2 * (torch.tensor(drawn) < 0.5)

    def network(width: int) -> nn.Module:
        return nn.Sequential(
            linear(INPUTS, width), nn.Tanh(), Dropping(), linear(width, width), readout(width)
        )

    def slow(width: int, seed: int) -> Any:
        model = network(width)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        return model, optimizer, batch_of(seed), cross_entropy

    # Little moves: with other masks, everything would seem to.
    changes = [
        value
        for one in guarded(slow, seeds=2).entries
        if one.quantity == "change" and one.module == "2"
        for value in one.values.values()
    ]
    assert changes
    assert max(changes) < 0.05
    check(network, "3.weight")


@pytest.mark.parametrize("raises", [False, True])
def test_global_random_states_stay(raises: bool) -> None:
    def factory(width: int, seed: int) -> Any:
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        if raises and width == 128:
            raise KeyError(width)
        model = nn.Sequential(linear(INPUTS, width), nn.Dropout(0.1), readout(width))
        return model, adam(model, width), batch_of(seed), cross_entropy

    with randomness_stays():
        if raises:
            with pytest.raises(ValueError, match="raised KeyError"):
                guarded(factory, seeds=2)
        else:
            guarded(factory, seeds=2)


# Norms and writing in place


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(training: bool) -> None:
    def network(width: int) -> nn.Module:
        model = nn.Sequential(
            *(linear(INPUTS, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True)),
            *(linear(width, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), readout(width)),
        )
        return model.train(training)

    check(network, "3.weight", "4.weight")


def test_modules_and_functions_that_write_in_place() -> None:
    class InPlace(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.second = linear(INPUTS, width), linear(width, width, bias=True)
            self.third, self.last = linear(width, width), readout(width)

        def forward(self, x: Tensor) -> Any:
            x = self.first(x)
            y = self.second(functional.relu(x))
            y += x
            y = self.third(functional.relu_(y)).mul_(0.5)
            y.add_(x)
            return self.last(torch.tanh(y))

    check(InPlace, "first.weight", "second.weight")


def test_a_parameter_that_multiplies_in_place() -> None:
    class Gated(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.second = linear(INPUTS, width), linear(width, width)
            self.gate, self.last = nn.Parameter(torch.full((width,), 2.0)), readout(width)

        def forward(self, x: Tensor) -> Any:
            x = self.second(torch.tanh(self.first(x)))
            x *= self.gate
            return self.last(torch.tanh(x))

    check(Gated, "gate")


def test_a_weight_that_is_written_in_place() -> None:
    class Written(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.second, self.last = (
                *(linear(INPUTS, width), linear(width, width)),
                readout(width),
            )

        def forward(self, x: Tensor) -> Any:
            weight = torch.empty_like(self.second.weight)
            weight.copy_(self.second.weight * 2).mul_(0.5)
            x = functional.linear(torch.tanh(self.first(x)), weight)
            return self.last(torch.tanh(x))

    check(Written, "second.weight")


def test_functions_with_their_own_gradient() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
            ctx.save_for_backward(x, weight)
            return x @ weight.T

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
            x, weight = ctx.saved_tensors
            return gradient @ weight, gradient.T @ x

    class Custom(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.second, self.last = (
                *(linear(INPUTS, width), linear(width, width)),
                readout(width),
            )

        def forward(self, x: Tensor) -> Any:
            made: Any = Product.apply(torch.tanh(self.first(x)), self.second.weight)  # type: ignore[no-untyped-call]
            return self.last(torch.tanh(made))

    check(Custom, "second.weight")


def test_a_weight_that_is_normalized_in_the_forward_pass() -> None:
    class Cosine(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.second, self.last = (
                *(linear(INPUTS, width), linear(width, width)),
                readout(width),
            )

        def forward(self, x: Tensor) -> Any:
            weight = functional.normalize(self.second.weight, dim=1)
            x = functional.linear(torch.tanh(self.first(x)), weight)
            return self.last(torch.tanh(x))

    check(Cosine, "second.weight")


# Recurrent networks


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_recurrent_kernels(kind: Callable[..., nn.RNNBase]) -> None:
    class Recurrent(nn.Module):
        def __init__(self, width: int, default: bool = False) -> None:
            super().__init__()
            cells: Any = kind(INPUTS, width, batch_first=True)
            self.cells = cells
            if not default:
                nn.init.normal_(cells.weight_ih_l0, std=INPUTS**-0.5)
                nn.init.normal_(cells.weight_hh_l0, std=width**-0.5)
                nn.init.zeros_(cells.bias_ih_l0)
                nn.init.zeros_(cells.bias_hh_l0)
            self.last = readout(width)

        def forward(self, x: Tensor) -> Any:
            return self.last(self.cells(x)[0][:, -1])

    def sequences(seed: int) -> tuple[Tensor, Tensor]:
        return batch_of(seed, 16, 3, INPUTS)

    check(Recurrent, "cells.weight_hh_l0", data=sequences)
    # PyTorch's own initial values are wrong where the inputs do not grow.
    found = guarded(factory_of(lambda width: Recurrent(width, default=True), data=sequences))
    assert ("initialization", ["cells.weight_ih_l0"]) in [
        (fault.cause, fault.parameters) for fault in found.faults
    ]


# Parameters that are shared, made of others, or made late


def test_tied_weights() -> None:
    class Tied(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.tokens, self.hidden = embedding(width), linear(width, width)
            self.last = nn.Linear(width, 16, bias=False)
            self.last.weight = self.tokens.weight
            self.width = width

        def forward(self, tokens: Tensor) -> Any:
            x = torch.tanh(self.hidden(self.tokens(tokens))).mean(1)
            return self.last(x) * 8 / self.width

    def network(width: int) -> nn.Module:
        return Tied(width)

    def right(width: int, seed: int) -> Any:
        model = network(width)
        groups = [
            {"params": [model.get_parameter("tokens.weight")], "lr": 0.02},
            {"params": [model.get_parameter("hidden.weight")], "lr": 0.64 / width},
        ]
        return model, torch.optim.Adam(groups, eps=1e-12), tokens_of(seed), cross_entropy

    found = guarded(right)
    assert_healthy(found, "tokens.weight", "tokens.weight (read 2)", "hidden.weight")


def test_modules_that_are_called_several_times() -> None:
    class Repeated(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.again, self.last = (
                *(linear(INPUTS, width), linear(width, width)),
                readout(width),
            )

        def forward(self, x: Tensor) -> Any:
            x = self.first(x)
            for _ in range(3):
                x = torch.tanh(self.again(x))
            return self.last(x)

    check(Repeated, "again.weight")


def test_weight_normalization() -> None:
    def network(width: int) -> nn.Module:
        made: Any = parametrizations.weight_norm(linear(width, width))
        return nn.Sequential(linear(INPUTS, width), nn.Tanh(), made, nn.Tanh(), readout(width))

    of = "2.parametrizations.weight"
    check(network, f"{of}.original0", f"{of}.original1")


def test_spectral_normalization_iterates_at_every_call() -> None:
    def network(width: int) -> nn.Module:
        made: Any = parametrizations.spectral_norm(linear(width, width))
        return nn.Sequential(linear(INPUTS, width), nn.Tanh(), made, nn.Tanh(), readout(width))

    check(network, "0.weight")


def test_orthogonal_matrices() -> None:
    def network(width: int) -> nn.Module:
        made: Any = parametrizations.orthogonal(linear(width, width))
        return nn.Sequential(linear(INPUTS, width), nn.Tanh(), made, nn.Tanh(), readout(width))

    check(network, "0.weight")


def test_initial_values_that_the_first_call_sets() -> None:
    class Late(nn.Module):
        """As the activation norm of flows: scale and shift are made of the first batch."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.scale, self.shift = (nn.Parameter(torch.ones(width)) for _ in range(2))
            self.ready = False

        def forward(self, x: Tensor) -> Any:
            if not self.ready:
                with torch.no_grad():
                    self.scale.copy_(1 / x.std(0))
                    self.shift.copy_(-(x * self.scale).mean(0))
                self.ready = True
            return x * self.scale + self.shift

    def network(width: int) -> nn.Module:
        return nn.Sequential(
            *(linear(INPUTS, width), Late(width), nn.Tanh()),
            *(linear(width, width), Late(width), nn.Tanh(), readout(width)),
        )

    check(network, "1.scale", "3.weight")


def test_buffers_that_grow() -> None:
    class Growing(nn.Module):
        seen: Tensor

        def __init__(self, width: int) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(0, width))

        def forward(self, x: Tensor) -> Any:
            self.seen = torch.cat([self.seen, x.detach().mean(0, keepdim=True)])
            return x

    def network(width: int) -> nn.Module:
        return nn.Sequential(
            linear(INPUTS, width), Growing(width), linear(width, width), nn.Tanh(), readout(width)
        )

    check(network, "2.weight")


# Types and outputs


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_types(dtype: torch.dtype) -> None:
    def data(seed: int) -> tuple[Tensor, Tensor]:
        return batch_of(seed, dtype=dtype)

    check(lambda width: mlp(width).to(dtype), "2.weight", data=data)


@pytest.mark.parametrize("kind", ["tuple", "dict"])
def test_outputs_that_are_no_tensor(kind: str) -> None:
    class Several(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body = nn.Sequential(linear(INPUTS, width), nn.Tanh(), linear(width, width))
            self.last = readout(width)

        def forward(self, x: Tensor) -> Any:
            x = self.body(x)
            logits = self.last(torch.tanh(x))
            return (logits, x) if kind == "tuple" else {"logits": logits, "features": x}

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        made = model(batch[0])
        logits = made[0] if kind == "tuple" else made["logits"]
        return functional.cross_entropy(logits, batch[1])

    check(Several, "body.2.weight", loss=loss)
    found = guarded(factory_of(Several, loss=loss), seeds=2)
    assert len(change_of_output(found)) == 3


def test_a_loss_that_never_calls_forward() -> None:
    class Own(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.body, self.last = mlp(width), readout(OUTPUTS, 1)

        def loss(self, batch: tuple[Tensor, Tensor]) -> Any:
            return functional.cross_entropy(self.body(batch[0]), batch[1])

    def network(width: int) -> nn.Module:
        model = Own(width)
        del model.last
        return model

    check(network, "body.2.weight", loss=lambda model, batch: model.loss(batch))


def test_a_module_is_seen_as_its_own_hooks_leave_it() -> None:
    def doubled(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output * 2

    def sizes(hook: bool) -> dict[int, float]:
        def network(width: int) -> nn.Module:
            model = nn.Sequential(linear(INPUTS, width), nn.Tanh(), readout(width))
            if hook:
                model[1].register_forward_hook(doubled)
            return model

        entries = guarded(factory_of(network), seeds=2).entries
        return next(one.values for one in entries if one.module == "1" and one.quantity == "size")

    assert sizes(True) == pytest.approx({n: 2 * size for n, size in sizes(False).items()})
