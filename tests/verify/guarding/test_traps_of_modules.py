"""Modules that hide from hooks, write in place or share: each was met in practice."""

import math
import random
from collections.abc import Callable
from pathlib import Path
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
    the_fault,
    tokens_of,
)
from theory.errors import UnavailableError
from verify.guarding.result import Guard

HEAD = 8


def embedding(width: int, entries: int = 16, **options: Any) -> nn.Embedding:
    return nn.Embedding(entries, width, **options)


def scores_of(found: Guard) -> list[float]:
    return [one.interval.estimate for one in found.entries if one.quantity == "scores"]


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


# Attention


class Attention(nn.Module):
    """Two heads that grow, or many that do not."""

    def __init__(self, width: int, how: str, scale: str = "1/d", masked: bool = False) -> None:
        super().__init__()
        self.how, self.masked = how, masked
        self.heads = width // HEAD if scale == "fixed" else 2
        size = width // self.heads
        self.scale = {"1/d": 4 / size, "1/sqrt d": size**-0.5, "fixed": size**-0.5}[scale]
        kv = width // 2 if how == "grouped" else width
        self.tokens = embedding(width)
        self.q, self.k, self.v = linear(width, width), linear(width, kv), linear(width, kv)
        self.o, self.last = linear(width, width), readout(width)

    def heads_of(self, x: Tensor, heads: int) -> Tensor:
        return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)

    def forward(self, tokens: Tensor) -> Any:
        x = self.tokens(tokens)
        kv_heads = self.heads // 2 if self.how == "grouped" else self.heads
        q = self.heads_of(self.q(x), self.heads)
        k, v = self.heads_of(self.k(x), kv_heads), self.heads_of(self.v(x), kv_heads)
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril() if self.masked else None
        if self.how == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", q, k) * self.scale
            if mask is not None:
                scores = scores.masked_fill(~mask, -math.inf)
            mixed = torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v)
        elif self.how == "safe":
            with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
                mixed = functional.scaled_dot_product_attention(q, k, v, mask, scale=self.scale)
        else:
            mixed = functional.scaled_dot_product_attention(
                q, k, v, mask, scale=self.scale, enable_gqa=self.how == "grouped"
            )
        x = x + self.o(mixed.transpose(1, 2).flatten(2))
        return self.last(x.mean(1))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("how", ["fused", "safe", "einsum", "grouped"])
def test_the_scale_of_attention(how: str, masked: bool) -> None:
    def factory(scale: str) -> Any:
        return factory_of(lambda width: Attention(width, how, scale, masked), data=tokens_of)

    healthy = guarded(factory("1/d"))
    assert_healthy(healthy, "q.weight", "k.weight", "v.weight", "o.weight", "tokens.weight")
    assert scores_of(healthy) == [pytest.approx(-0.5, abs=0.1)]
    wrong = guarded(factory("1/sqrt d"))
    assert the_fault(wrong) == ("attention scale", [])
    assert scores_of(wrong) == [pytest.approx(0.0, abs=0.1)]


def test_heads_of_a_fixed_size_keep_their_scale() -> None:
    check(lambda width: Attention(width, "fused", "fixed"), "o.weight", data=tokens_of)


class Multihead(nn.Module):
    """``out_proj`` is never called as a module, and queries, keys and values are one matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tokens = embedding(width)
        self.attention = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.last = readout(width)

    def forward(self, tokens: Tensor) -> Any:
        x = self.tokens(tokens)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.last(x.mean(1))


@pytest.mark.parametrize("parameter", ["attention.in_proj_weight", "attention.out_proj.weight"])
def test_multihead_attention(parameter: str) -> None:
    check(Multihead, parameter, data=tokens_of)


@pytest.mark.parametrize("training", [True, False])
def test_encoder_layers_of_torch(training: bool) -> None:
    class Encoder(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.tokens = embedding(width)
            self.layer = nn.TransformerEncoderLayer(
                *(width, width // HEAD, 2 * width), dropout=0.1, batch_first=True, norm_first=True
            )
            self.last = readout(width)
            self.train(training)

        def forward(self, tokens: Tensor) -> Any:
            return self.last(self.layer(self.tokens(tokens)).mean(1))

    check(Encoder, "layer.linear2.weight", data=tokens_of)


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


# Wrappers


def test_compiled_models_run_as_they_are_written() -> None:
    def network(width: int) -> nn.Module:
        compiled: Any = torch.compile(mlp(width), backend="eager")
        return compiled  # type: ignore[no-any-return]

    check(network, "_orig_mod.2.weight")


def test_compiled_models_need_a_torch_that_can_leave_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(width: int) -> nn.Module:
        compiled: Any = torch.compile(mlp(width), backend="eager")
        return compiled  # type: ignore[no-any-return]

    monkeypatch.delattr(torch.compiler, "set_stance")
    with pytest.raises(UnavailableError, match=r"give the model before torch\.compile"):
        guarded(factory_of(network))
    assert_healthy(guarded(factory_of(mlp)), "2.weight")


def test_modules_that_are_compiled_in_place() -> None:
    def network(width: int) -> nn.Module:
        model = mlp(width)
        model.compile(backend="eager")
        return model

    check(network, "2.weight")


def test_a_compiled_loss() -> None:
    loss: Any = torch.compile(cross_entropy, backend="eager")
    check(mlp, "2.weight", loss=loss)


@pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="torch has no gloo",
)
def test_distributed_data_parallel(tmp_path: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        check(lambda width: nn.parallel.DistributedDataParallel(mlp(width)), "module.2.weight")
    finally:
        torch.distributed.destroy_process_group()


def test_a_wrapper_of_the_model() -> None:
    class Wrapper(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.module = mlp(width)

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return self.module(*args, **kwargs)

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

    check(Wrapper, "module.2.weight")


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
