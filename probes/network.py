"""Finite networks, many replicates at once. Imports torch, ``theory`` and ``probes.randomness``.

Every tensor has the replicate as its first axis, so one ``bmm`` serves a whole group, and a loss
summed over replicates has independent gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from probes.dropout import Masks
from probes.randomness import standard_normals, weight_generator
from probes.weights.base import Weight
from probes.windows import windows
from theory.architecture import (
    HEADS,
    Activation,
    Architecture,
    BlockForm,
    Family,
    Normalization,
    Role,
)
from theory.errors import InputError
from theory.parameterization import Parameterization
from theory.scaling import Cell

ACTIVATIONS: Mapping[Activation, Callable[[Tensor], Tensor]] = {
    Activation.IDENTITY: lambda x: x,
    Activation.RELU: torch.relu,
    Activation.LEAKY_RELU: torch.nn.functional.leaky_relu,
    Activation.ABS: torch.abs,
    Activation.TANH: torch.tanh,
    Activation.ERF: torch.erf,
    Activation.GELU: torch.nn.functional.gelu,
    Activation.SILU: torch.nn.functional.silu,
}


class WeightKey(NamedTuple):
    """Which weight: its role and, inside the stack, its block and layer (counted from 1)."""

    role: Role
    block: int = 0
    layer: int = 0


Shape: TypeAlias = tuple[int, int]
HEADS_OF_A_GROUP = 2

# As an engine holds them, or as plain tensors (R, rows, columns) that autograd differentiates.
Weights = Mapping[WeightKey, Weight] | Mapping[WeightKey, Tensor]


class Trace(NamedTuple):
    """One forward pass. Shapes: R replicates, B inputs, width n.

    ``stream`` holds L + 1 states h_0 .. h_L (residual) or the L pre-activations z_1 .. z_L
    (chain), each (R, B, n); ``inner`` the pre-activations u_{l,1} of the first layers of branches
    of two or more (values and W_1 N(h) of a transformer); ``output`` is (R, B, outputs). States of
    a transformer are (R, B tokens, n), the tokens of an input one after another, and those of a
    convolutional network (R, B positions, n). A batch-normalized chain's are normalized.
    """

    stream: list[Tensor]
    inner: list[Tensor]
    output: Tensor


@dataclass(frozen=True)
class Network:
    """An architecture under a parameterization at one cell, with its input and output sizes.

    ``inputs`` is the dimension of an input, or of each of its tokens or positions. With ``finest``,
    initial weights are sums over a network with that many blocks (``theory.experiments.Learning``
    says how). Raises ``InputError`` for a transformer whose heads have no whole width, for a
    depth that ``finest`` is no multiple of, and for a tied readout of another size than the input.
    """

    architecture: Architecture
    parameterization: Parameterization
    cell: Cell
    inputs: int
    outputs: int
    finest: int | None = None

    def __post_init__(self) -> None:
        if self.architecture.family is Family.TRANSFORMER and self.cell.width % HEADS:
            raise InputError(
                f"width {self.cell.width} of a transformer: expected a multiple of {HEADS}, for as "
                "many heads"
            )
        if self.architecture.parts.tied and self.inputs != self.outputs:
            raise InputError(
                f"{self.architecture}: {self.inputs} inputs and {self.outputs} outputs; a readout "
                "that is the embedding has as many"
            )
        if self.finest is not None and self.finest % self.cell.depth:
            raise InputError(
                f"depth {self.cell.depth}: expected a divisor of the {self.finest} blocks whose "
                "sums its blocks are"
            )

    def shapes(self) -> dict[WeightKey, Shape]:
        """(rows, columns) of every weight, in the order in which they are drawn."""
        stream, depth = self.stream_width, self.cell.depth
        roles = self.architecture.block_roles
        sizes = [stream, *[self.cell.width] * (len(roles) - 1), stream]
        first = 2 if self.architecture.family is Family.CHAIN else 1
        seen = self.inputs * self.architecture.taps(Role.INPUT)
        shapes: dict[WeightKey, Shape] = {WeightKey(Role.INPUT): (stream, seen)}
        for block in range(first, depth + 1):
            for layer, role in enumerate(roles, start=1):
                columns = sizes[layer - 1] * (self.architecture.taps(role) if layer == 1 else 1)
                shapes[WeightKey(role, block, layer)] = (sizes[layer], columns)
        if self.architecture.parts.grouped:
            for key in shapes:
                if key.block and key.layer in (2, 3):  # keys and values
                    shapes[key] = (stream // HEADS_OF_A_GROUP, stream)
        if not self.architecture.parts.tied:
            shapes[WeightKey(Role.OUTPUT)] = (self.outputs, stream)
        return shapes | self._vectors(shapes)

    def _vectors(self, matrices: Mapping[WeightKey, tuple[int, int]]) -> dict[WeightKey, Shape]:
        """Biases of what blocks produce, and gains of what enters them: columns of one number."""
        parts, attends = self.architecture.parts, self.architecture.family is Family.TRANSFORMER
        vectors: dict[WeightKey, Shape] = {}
        for key, (rows, columns) in matrices.items():
            if key.block and parts.biases and key.role not in (Role.QUERY, Role.KEY):
                vectors[key._replace(role=Role.BIAS)] = (rows, 1)
            if key.block and parts.gains and key.layer in ((1, 5) if attends else (1,)):
                vectors[key._replace(role=Role.GAIN)] = (columns, 1)
        return vectors

    @property
    def stream_width(self) -> int:
        """Coordinates of a stream state (of a layer, in a chain)."""
        return self.architecture.stream_size(self.cell)

    @property
    def size(self) -> int:
        """Number of weights of one replicate."""
        return sum(rows * columns for rows, columns in self.shapes().values())

    def multiplier(self, role: Role) -> float:
        """The explicit factor in front of a weight, architecture constants included."""
        return self._multipliers[role]

    @cached_property
    def _multipliers(self) -> dict[Role, float]:
        return {role: self._multiplier(role) for role, _ in self.parameterization.roles}

    def back(self, role: Role) -> float:
        """The same for what comes back through a weight."""
        return self._backs[role]

    @cached_property
    def _backs(self) -> dict[Role, float]:
        return {
            role: self._multipliers[role]
            if item.backward is None
            else self._with_constants(role, self.parameterization.backward(role, self.cell))
            for role, item in self.parameterization.roles
        }

    def _multiplier(self, role: Role) -> float:
        return self._with_constants(role, self.parameterization.multiplier(role, self.cell))

    def _with_constants(self, role: Role, factor: float) -> float:
        factor *= self.architecture.stream_constant(role)
        factor /= math.sqrt(self.architecture.taps(role))
        if role is Role.INPUT:
            return factor / math.sqrt(self.inputs)
        last = role is Role.BRANCH_LAST and not self.architecture.ends_with_activation
        if role is Role.HIDDEN:
            factor *= math.sqrt(self.architecture.variance_factor)
        return factor * self.branch_multiplier if last else factor

    @cached_property
    def branch_multiplier(self) -> float:
        """What multiplies a branch: sqrt(T) and the residual multiplier."""
        constant = math.sqrt(self.architecture.variance_factor)
        return constant * self.parameterization.residual_multiplier(self.cell)

    def rate(self, role: Role) -> float:
        """The factor by which the base learning rate is multiplied for a role."""
        return self.parameterization.rate(role, self.cell)

    def std(self, role: Role) -> float:
        """The standard deviation of a weight's entries at initialization."""
        return self.parameterization.std(role, self.cell)

    @property
    def drawn(self) -> Network:
        """The network whose weights are drawn: this one, or one with the ``finest`` blocks."""
        if self.finest is None:
            return self
        return replace(self, cell=replace(self.cell, depth=self.finest))

    def initial_weights(
        self,
        seed: int,
        replicates: Sequence[int],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        generator: Callable[[int, int, Cell], np.random.Generator] = weight_generator,
    ) -> dict[WeightKey, Tensor]:
        """Weights of a group of replicates, each (R, rows, columns).

        Drawn in float32 whatever the ``dtype``, so that every precision and every device sees
        the same network.
        """
        source = self.drawn
        summed = source.cell.depth // self.cell.depth
        generators = [generator(seed, replicate, source.cell) for replicate in replicates]
        drawn = torch.from_numpy(standard_normals(generators, source.size))
        drawn = drawn.to(device=device, dtype=dtype)
        weights: dict[WeightKey, Tensor] = {}
        start = 0
        for key, (rows, columns) in source.shapes().items():
            part = drawn[:, start : start + rows * columns].view(-1, rows, columns)
            own = key._replace(block=-(-key.block // summed))
            scale = self.std(key.role) / math.sqrt(summed if key.block else 1)
            # A product of its own storage: on views with gaps, torch falls back from one batched
            # product to a loop.
            if own in weights:
                weights[own].add_(part, alpha=scale)
            else:
                weights[own] = part * scale
            start += rows * columns
        return weights

    def forward(self, weights: Weights, inputs: Tensor, masks: Masks | None = None) -> Trace:
        """The forward pass on inputs of shape (R, B, d).

        Or (R, B, tokens, d) for a transformer, and (R, B, positions, d) for convolutions.
        ``masks`` are those of dropout; without any, nothing is dropped.
        """
        if self.architecture.family is Family.CHAIN:
            return self._chain(weights, inputs, masks)
        if self.architecture.family is Family.TRANSFORMER:
            return self._transformer(weights, inputs)
        return self._residual(weights, inputs, masks)

    def _apply(
        self, weights: Weights, key: WeightKey, x: Tensor, onto: Tensor | None = None
    ) -> Tensor:
        """``onto`` + multiplier * W x, and the bias: (R, B, columns) to (R, B, rows)."""
        if self.architecture.convolution is not None and self.architecture.taps(key.role) > 1:
            x = windows(x, self.architecture.convolution)
        scale, back = self.multiplier(key.role), self.back(key.role)
        product = _product(_of(weights, key), x, onto, scale, back)
        bias = key._replace(role=Role.BIAS)
        if bias not in weights:
            return product
        scale, back = self.multiplier(Role.BIAS), self.back(Role.BIAS)
        if key.role is Role.BRANCH_LAST and not self.architecture.ends_with_activation:
            scale, back = scale * self.branch_multiplier, back * self.branch_multiplier
        ones = x.new_ones(*x.shape[:2], 1)
        return _product(weights[bias], ones, product, scale, back)

    def _gained(self, weights: Weights, key: WeightKey, entering: Tensor) -> Tensor:
        """What enters a block's weight, times 1 + gain where there is one."""
        gain = key._replace(role=Role.GAIN)
        if gain not in weights:
            return entering
        ones = entering.new_ones(*entering.shape[:2], 1)
        factors = self.multiplier(Role.GAIN), self.back(Role.GAIN)
        return entering * (1 + _product(weights[gain], ones, None, *factors))

    def phi(self, x: Tensor) -> Tensor:
        """The activation, entry by entry."""
        return ACTIVATIONS[self.architecture.activation](x)

    def _activated(self, x: Tensor, entered: WeightKey, masks: Masks | None) -> Tensor:
        """phi(x), less what dropout takes of it before it enters a weight."""
        return self.phi(x) if masks is None else masks.apply(entered, self.phi(x))

    def _embedded(self, weights: Weights, inputs: Tensor) -> Tensor:
        """U x, the positions of all inputs one after another."""
        flat = inputs if inputs.ndim == 3 else inputs.flatten(1, 2)
        return self._apply(weights, WeightKey(Role.INPUT), flat)

    def _read(self, weights: Weights, states: Tensor) -> Tensor:
        """The readout of states, their mean over the positions of an input."""
        if self.architecture.convolution is not None:
            members, rows, width = states.shape
            positions = self.architecture.convolution.positions
            states = states.reshape(members, rows // positions, positions, width).mean(2)
        return self._apply(weights, WeightKey(Role.OUTPUT), states)

    def _chain(self, weights: Weights, inputs: Tensor, masks: Masks | None) -> Trace:
        stream = [self._state(self._embedded(weights, inputs))]
        for block in range(2, self.cell.depth + 1):
            key = WeightKey(Role.HIDDEN, block, 1)
            entering = self._activated(stream[-1], key, masks)
            stream.append(self._state(self._apply(weights, key, entering)))
        return Trace(stream, [], self._read(weights, self.phi(stream[-1])))

    def _state(self, product: Tensor) -> Tensor:
        """What a layer of a chain gives."""
        return over_its_batch(product) if self.architecture.normalized else product

    def _residual(self, weights: Weights, inputs: Tensor, masks: Masks | None) -> Trace:
        roles = self.architecture.block_roles
        stream = [self._started(self._embedded(weights, inputs))]
        first: list[Tensor] = []
        for block in range(1, self.cell.depth + 1):
            *inside, last = [WeightKey(role, block, i) for i, role in enumerate(roles, start=1)]
            entering = self._gained(weights, (*inside, last)[0], self._entering(stream[-1]))
            if self.architecture.parts.gated:
                first.append(self._apply(weights, inside[0], entering))
                gate = self._activated(self._apply(weights, inside[1], entering), last, masks)
                entering, inside = first[-1] * gate, []
            elif not (inside or self.architecture.ends_with_activation):
                entering = self._activated(entering, last, masks)
            for key, behind in pairwise([*inside, last]):
                produced = self._apply(weights, key, entering)
                entering = self._activated(produced, behind, masks)
                if key.layer == 1:
                    first.append(produced)
            stream.append(self._started(self._add_branch(weights, last, entering, stream[-1])))
        return Trace(stream, first, self._read(weights, self._entering(stream[-1])))

    def _started(self, state: Tensor) -> Tensor:
        """A state of the stream, normalized where that is done behind the branches."""
        return over_its_size(state) if self.architecture.parts.post_norm else state

    def _entering(self, stream: Tensor) -> Tensor:
        """What blocks and readout see of the stream."""
        if not self.architecture.normalized or self.architecture.parts.post_norm:
            return stream
        by_batch = self.architecture.normalization is Normalization.BATCH
        return over_its_batch(stream) if by_batch else over_its_size(stream)

    def _add_branch(
        self, weights: Weights, last: WeightKey, entering: Tensor, stream: Tensor
    ) -> Tensor:
        if not self.architecture.ends_with_activation:
            return self._apply(weights, last, entering, stream)
        branch = self.phi(self._apply(weights, last, entering))
        if self.architecture.form is BlockForm.POST_ACTIVATION_CENTRED:
            branch = branch - branch.mean(-1, keepdim=True)
        return torch.add(stream, branch, alpha=self.branch_multiplier)

    def _transformer(self, weights: Weights, inputs: Tensor) -> Trace:
        tokens = inputs.shape[2]
        stream = [self._started(self._embedded(weights, inputs))]
        first: list[Tensor] = []
        for block in range(1, self.cell.depth + 1):
            keys = [
                WeightKey(role, block, layer)
                for layer, role in enumerate(self.architecture.block_roles, start=1)
            ]
            entering = self._gained(weights, keys[0], self._entering(stream[-1]))
            query, key, value = (self._apply(weights, name, entering) for name in keys[:3])
            mixed = self._attention(query, key, value, tokens)
            middle = self._started(self._apply(weights, keys[3], mixed, stream[-1]))
            read = stream[-1] if self.architecture.parts.parallel else middle
            entering = self._gained(weights, keys[4], self._entering(read))
            inner = self._apply(weights, keys[4], entering)
            activated = self.phi(inner)
            if self.architecture.parts.gated:
                activated = inner * self.phi(self._apply(weights, keys[5], entering))
            stream.append(self._started(self._apply(weights, keys[-1], activated, middle)))
            first += [value, inner]
        mean = self._entering(stream[-1]).view(*inputs.shape[:3], -1).mean(2)
        return Trace(stream, first, self._apply(weights, WeightKey(Role.OUTPUT), mean))

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, tokens: int) -> Tensor:
        """With the keys and values that heads share, where they share any."""
        if self.architecture.parts.grouped:
            key, value = (_for_every_head(each, query.shape[-1]) for each in (key, value))
        scale = self.parameterization.attention_scale(self.cell, HEADS)
        return attention(query, key, value, tokens, scale)


def _of(weights: Weights, key: WeightKey) -> Weight | Tensor:
    """A weight; a readout that is none of its own is the embedding from its other side."""
    if key in weights:
        return weights[key]
    embedding = weights[WeightKey(Role.INPUT)]
    assert isinstance(embedding, Tensor)
    return embedding.mT


def _product(
    weight: Weight | Tensor, x: Tensor, onto: Tensor | None, scale: float, back: float
) -> Tensor:
    """onto + scale * W x, whose gradients at W and x are multiplied by ``back``."""
    if isinstance(weight, Weight):
        return weight.product(x, scale, onto, back)
    product = _times(torch.bmm(x, weight.mT), scale, back)
    return product if onto is None else onto + product


def _times(product: Tensor, scale: float, back: float) -> Tensor:
    if scale == back:
        return product * scale
    scaled: Tensor = _TwoFactors.apply(product, scale, back)  # type: ignore[no-untyped-call]
    return scaled


class _TwoFactors(torch.autograd.Function):
    """One factor on the way forward and another one back."""

    @staticmethod
    def forward(x: Tensor, scale: float, _back: float) -> Tensor:
        return x * scale

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, float], output: Tensor) -> None:
        del output
        _, ctx.scale, ctx.back = inputs

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        back: float = ctx.back
        return g * back, None, None

    @staticmethod
    def jvp(ctx: Any, moved: Tensor, *_: object) -> Tensor:
        scale: float = ctx.scale
        return moved * scale


def _for_every_head(shared: Tensor, width: int) -> Tensor:
    """Keys or values (R, B tokens, n / 2), each head's once for every head that reads them."""
    head = width // HEADS
    parts = shared.view(*shared.shape[:2], -1, head).repeat_interleave(HEADS_OF_A_GROUP, 2)
    return parts.flatten(2)


def over_its_size(stream: Tensor) -> Tensor:
    """RMSNorm without gains: rows over their root mean square."""
    return stream * stream.square().mean(-1, keepdim=True).rsqrt()


def over_its_batch(states: Tensor) -> Tensor:
    """Batch normalization by the batch at hand, over inputs and positions: no gains, no epsilon."""
    centred = states - states.mean(1, keepdim=True)
    return centred * centred.square().mean(1, keepdim=True).rsqrt()


def attention(query: Tensor, key: Tensor, value: Tensor, tokens: int, scale: float) -> Tensor:
    """softmax(scale q.k) v in every head and both directions: all (R, B tokens, n).

    Coordinates of all pairs of tokens are multiplied and summed by head: products of a few tokens
    by a few coordinates would cost more in calls than in numbers.
    """
    members, rows, width = query.shape
    shape = (members, rows // tokens, tokens, width)
    head = torch.eye(HEADS, dtype=query.dtype, device=query.device)
    head = head.repeat_interleave(width // HEADS, 0)  # (n, heads)
    pairs = query.view(shape).unsqueeze(3) * key.view(shape).unsqueeze(2)
    logits = pairs @ (head * scale)  # (R, B, tokens, tokens, heads)
    mixed = (logits.softmax(3) @ head.mT) * value.view(shape).unsqueeze(2)
    return mixed.sum(3).reshape(query.shape)
