"""Attention that runs in another way while it is measured. Imports torch.

Both ways replace functions of torch: what was imported from there by name stays as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_SOFTMAX = Tensor.softmax  # which functional.softmax calls


@contextlib.contextmanager
def visible_attention(
    is_learned: Callable[[Tensor], bool], factor: Callable[[], float] = lambda: 1.0
) -> Iterator[None]:
    """Attention with learned queries or keys shows its scores: there its parameters meet data.

    A fused kernel would show the output alone, in which nothing of theirs is aligned at first.
    Scores are multiplied by ``factor()``, as ``scaled_scores`` does elsewhere.
    """
    fused = functional.scaled_dot_product_attention

    def attention(query: Tensor, key: Tensor, value: Tensor, *args: Any, **options: Any) -> Tensor:
        if not (is_learned(query) or is_learned(key)):
            return fused(query, key, value, *args, **options)
        options["scale"] = _times(factor(), options.get("scale"), query)
        return _attention(query, key, value, *args, **options)

    vars(functional)["scaled_dot_product_attention"] = attention
    try:
        yield
    finally:
        vars(functional)["scaled_dot_product_attention"] = fused


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``torch.nn.functional.scaled_dot_product_attention``, as its documentation writes it."""
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = (one.repeat_interleave(groups, -3) for one in (key, value))
    scores = query @ key.transpose(-2, -1)
    scores = scores * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = scores.new_ones(scores.shape[-2:], dtype=torch.bool).tril()
    if attn_mask is not None and attn_mask.dtype is torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    weights = _SOFTMAX(scores, -1)  # whose scores are multiplied already
    return functional.dropout(weights, dropout_p) @ value


def _times(factor: float, scale: float | None, query: Tensor) -> float | None:
    """The scale of an attention times a factor; ``None`` is its default."""
    if factor == 1.0:
        return scale
    return factor * (query.shape[-1] ** -0.5 if scale is None else scale)


@contextlib.contextmanager
def scaled_scores(factor: Callable[[], float]) -> Iterator[None]:
    """Weights are made of scores times a factor, which is asked for each time.

    Kernels get it as part of their own scale. Every softmax is asked about; 1 leaves it alone.
    """
    fused, plain = functional.scaled_dot_product_attention, torch.softmax

    def attention(query: Tensor, *args: Any, scale: float | None = None, **options: Any) -> Tensor:
        scale = _times(factor(), scale, query)
        return fused(query, *args, scale=scale, **options)  # type: ignore[misc]

    def softmax(input: Tensor, *args: Any, **options: Any) -> Tensor:
        by = factor()
        made: Tensor = _SOFTMAX(input if by == 1.0 else input * by, *args, **options)
        return made

    vars(functional)["scaled_dot_product_attention"] = attention
    vars(torch)["softmax"] = softmax
    Tensor.softmax = softmax  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        vars(functional)["scaled_dot_product_attention"] = fused
        vars(torch)["softmax"] = plain
        del Tensor.softmax
