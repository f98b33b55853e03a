"""Attention of every kind: what its softmax sees, and its scale."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from probes.modules.attention import visible_attention
from probes.modules.cell import measure_cell
from probes.modules.problem import Problem
from tests.verify.guarding.small import (
    WIDTHS,
    assert_healthy,
    check,
    cross_entropy,
    factory_of,
    guarded,
    linear,
    readout,
    the_fault,
    tokens_of,
)
from theory.module_scaling import Quantity
from theory.scaling import Axis
from verify.guarding.measurements import Measurements, Plan, Powers
from verify.guarding.result import Guard
from verify.guarding.subject import Subject

HEAD = 8
ATTENTION = functional.scaled_dot_product_attention


def embedding(width: int, entries: int = 16, **options: Any) -> nn.Embedding:
    return nn.Embedding(entries, width, **options)


def scores_of(found: Guard) -> list[float]:
    return [one.interval.estimate for one in found.entries if one.quantity == "scores"]


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


class Biased(Attention):
    """Scores have a bias for every distance, as in T5 or with ALiBi; it does not go with width."""

    def forward(self, tokens: Tensor) -> Any:
        x = self.tokens(tokens)
        q, k, v = (self.heads_of(part(x), self.heads) for part in (self.q, self.k, self.v))
        places = torch.arange(x.shape[1])
        bias = -0.5 * (places[:, None] - places).abs().float()
        if self.how == "added":
            scores = q @ k.transpose(-1, -2) * self.scale + bias
        elif self.how == "in place":
            scores = (q @ k.transpose(-1, -2)).mul_(self.scale)
            scores += bias
        else:
            keys = k.flatten(0, 1).transpose(-1, -2)
            scores = torch.baddbmm(bias, q.flatten(0, 1), keys, alpha=self.scale)
            scores = scores.reshape(*q.shape[:2], *bias.shape)
        mask = torch.full_like(bias, -math.inf).triu(1)
        mixed = (scores + mask).softmax(-1) @ v
        return self.last((x + self.o(mixed.transpose(1, 2).flatten(2))).mean(1))


@pytest.mark.parametrize("how", ["added", "in place", "baddbmm"])
def test_biases_of_positions_are_no_part_of_scores(how: str) -> None:
    def factory(scale: str) -> Any:
        return factory_of(lambda width: Biased(width, how, scale), data=tokens_of)

    healthy = guarded(factory("1/d"))
    assert_healthy(healthy, "q.weight", "k.weight", "v.weight", "o.weight", "tokens.weight")
    assert scores_of(healthy) == [pytest.approx(-0.5, abs=0.1)]
    assert the_fault(guarded(factory("1/sqrt d"))) == ("attention scale", [])


def test_heads_of_a_fixed_size_keep_their_scale() -> None:
    check(lambda width: Attention(width, "fused", "fixed"), "o.weight", data=tokens_of)


class OneProjection(Attention):
    """Queries, keys and values are one matrix, whose deviation goes with a power of the width."""

    def __init__(self, width: int, power: float, how: str = "method", scale: str = "1/d") -> None:
        super().__init__(width, how, scale)
        self.qkv, self.softmax = linear(width, 3 * width), nn.Softmax(-1)
        del self.q, self.k, self.v
        with torch.no_grad():
            self.qkv.weight *= (width / WIDTHS[0]) ** power

    def forward(self, tokens: Tensor) -> Any:
        x = self.tokens(tokens)
        q, k, v = (self.heads_of(part, 2) for part in self.qkv(x).chunk(3, -1))
        if self.how == "fused":
            mixed = functional.scaled_dot_product_attention(q, k, v, scale=self.scale)
        elif self.how == "kept by name":
            mixed = ATTENTION(q, k, v, scale=self.scale)
        else:
            scores = q @ k.transpose(-1, -2) * self.scale
            if self.how == "module":
                weights = self.softmax(scores)
            elif self.how == "function":
                weights = functional.softmax(scores, -1)
            elif self.how == "method":
                weights = scores.softmax(-1)
            else:
                weights = torch.softmax(input=scores, dim=-1)
            mixed = weights @ v
            if self.how == "and a gate":
                mixed = mixed * torch.softmax(mixed.mean(-1, keepdim=True), 2)
        return self.last((x + self.o(mixed.transpose(1, 2).flatten(2))).mean(1))


@pytest.mark.parametrize("how", ["method", "torch", "function", "module", "fused"])
def test_the_scores_of_one_projection_are_mended_once(how: str) -> None:
    """A factor of the queries alone, which are a part of the matrix."""
    wrong = factory_of(lambda width: OneProjection(width, 0.0, how, "1/sqrt d"), data=tokens_of)
    found = guarded(wrong, mend=True)
    assert the_fault(found) == ("attention scale", [])
    assert found.faults[0].verified is not False, found.faults[0].verification
    mended = Measurements(
        Subject.of(wrong), Plan(Axis.WIDTH, WIDTHS, None, (1,)), {"": Powers(scores=-0.5)}
    )
    mended.add(range(4), lambda: None)
    assert not mended.unreached
    (scores,) = (one for one in mended.series(mended.lines()) if one.quantity is Quantity.SCORES)
    slope = np.polyfit(np.log(WIDTHS), scores.logs.mean(axis=0), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)


def test_a_softmax_of_the_loss_is_no_attention() -> None:
    """Where the model itself has the scores, nothing but its forward pass is mended."""

    def trained(loss: Any) -> float:
        torch.manual_seed(0)
        model = OneProjection(WIDTHS[0], 0.0)
        optimizers = (torch.optim.SGD(model.parameters(), 0.1),)
        problem = Problem(model, optimizers, tokens_of(0), loss)
        return measure_cell(problem, (1, 2), scores={"": 0.25}).losses[2]

    def by_softmax(model: nn.Module, batch: Any) -> Tensor:
        chosen = torch.softmax(model(batch[0]), -1).gather(1, batch[1][:, None])
        return -chosen.log().mean()

    assert trained(by_softmax) == pytest.approx(trained(cross_entropy), rel=1e-5)


@pytest.mark.parametrize("how", ["kept by name", "and a gate"])
def test_scores_that_a_mend_cannot_reach_leave_it_undecided(how: str) -> None:
    wrong = factory_of(lambda width: OneProjection(width, 0.0, how, "1/sqrt d"), data=tokens_of)
    (fault,) = guarded(wrong, mend=True).faults
    assert (fault.cause, fault.verified) == ("attention scale", None)
    assert fault.sentence.startswith("The attention scores of the model itself go as")
    assert "cannot reach the scores of the model itself: mend them" in fault.verification


@pytest.mark.parametrize("power", [-0.25, 0.25])
def test_one_projection_moves_scores_twice(power: float) -> None:
    """Its queries and its keys: the matrix is named, and no fault of the attention is left over.

    At such small widths its own change moves, too, and may make it a multiplier.
    """
    found = guarded(factory_of(lambda width: OneProjection(width, power), data=tokens_of))
    cause, parameters = the_fault(found)
    assert parameters == ["qkv.weight"]
    assert cause in ("initialization", "multiplier")
    assert scores_of(found) == [pytest.approx(2 * power - 0.5, abs=0.15)]


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


class Pooled(nn.Module):
    """Learned queries look at the inputs, as in a Perceiver; they are part of the stream, too."""

    def __init__(self, width: int, fused: bool, power: float) -> None:
        super().__init__()
        self.fused, self.power = fused, power
        self.latents = nn.Parameter(torch.randn(1, 4, width))
        self.tokens, self.norm = embedding(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (linear(width, width) for _ in range(3))
        self.o, self.last = linear(width, width), readout(width)

    def forward(self, tokens: Tensor) -> Any:
        x = self.tokens(tokens)
        latents = self.latents.expand(len(x), -1, -1)
        q, k, v = (
            made.unflatten(-1, (2, -1)).transpose(1, 2)
            for made in (self.q(self.norm(latents)), self.k(x), self.v(x))
        )
        scale = 2 * q.shape[-1] ** self.power
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v, scale=scale)
        else:
            mixed = (q @ k.transpose(-1, -2) * scale).softmax(-1) @ v
        latents = latents + self.o(mixed.transpose(1, 2).flatten(2))
        return self.last(latents.mean(1))


@pytest.mark.parametrize("fused", [True, False])
def test_learned_queries_meet_data_in_the_scores(fused: bool) -> None:
    def found(wrong: str = "", power: float = -1.0) -> Guard:
        return guarded(factory_of(lambda n: Pooled(n, fused, power), wrong, data=tokens_of))

    assert_healthy(found(), "q.weight", "k.weight", "v.weight", "latents")
    assert the_fault(found("q.weight")) == ("rate", ["q.weight"])
    assert the_fault(found("latents")) == ("rate", ["latents (read 2)"])
    first = found(power=-0.5).faults[0]
    assert (first.cause, first.parameters) == ("multiplier", ["norm.weight", "q.weight"])


def test_a_read_has_no_rate_of_its_own_where_another_one_has_most_of_the_updates() -> None:
    """The stream moves the latents, so that queries made of them move ever less along theirs."""
    found = guarded(factory_of(lambda n: Pooled(n, False, -1.0), data=tokens_of), seeds=16)
    assert_healthy(found, "latents")
    (own,) = [one for one in found.entries if (one.parameter, one.quantity) == ("latents", "own")]
    assert own.interval.high < -0.1
    assert own.note == "another read moves it"


def assert_same_attention(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> None:
    """It gives the same where its scores are shown."""
    fused = functional.scaled_dot_product_attention(query, key, value, **options)
    with visible_attention(lambda _: True):
        seen = functional.scaled_dot_product_attention(query, key, value, **options)
    torch.testing.assert_close(seen, fused)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 0.3},
        {"is_causal": True},
        {"attn_mask": torch.ones(5, 5, dtype=torch.bool).tril()},
        {"attn_mask": torch.arange(25.0).reshape(5, 5)},
    ],
)
def test_attention_that_shows_its_scores_is_the_same(options: dict[str, Any]) -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8)
    assert_same_attention(query, key, value, **options)


def test_grouped_attention_that_shows_its_scores_is_the_same() -> None:
    query, (key, value) = torch.randn(2, 4, 5, 8), torch.randn(2, 2, 2, 5, 8)
    assert_same_attention(query, key, value, enable_gqa=True)
