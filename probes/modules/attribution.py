"""What every parameter does in a recorded step: numbers and facts of its reads. Imports torch."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from probes.modules.graph import Graph, groups_of
from probes.modules.ledger import Ledger
from probes.modules.operations import (
    Read,
    count_nonzero,
    is_zero,
    operator_norm,
    rms,
    tensors_of,
    widened,
)
from probes.modules.problem import Key, ReadFacts, alike, own_work
from probes.modules.recorder import Recorder

# Reads whose output is zero where the parameter is.
_HOMOGENEOUS = ("mm", "bmm", "embedding", "mul")
# A step this little along the gradient follows rounding: what the parameter adds cancels later.
_ROUNDING = 1e-4
# Numbers that make a root of a mean square sure to two percent.
_FEW = 4096
_NO_GRADIENT, _NO_UPDATE = "no gradient reaches these parameters in", "the update is zero in"


class Attribution:
    """The numbers of every read of a recorded step, once its update is known."""

    @own_work
    def __init__(
        self,
        measuring: Ledger,
        recorder: Recorder,
        before: Mapping[int, Tensor],
        gradients: Mapping[int, Tensor],
        values: Mapping[str, int],
        step: int,
    ) -> None:
        self.measuring, self.recorder, self.step = measuring, recorder, step
        self.values = values
        self.before, self.gradients = before, gradients
        self.graph = Graph(recorder)
        self.numbers = measuring.cell.numbers
        self.updates = {key: measuring.parameters[key].detach() - before[key] for key in gradients}
        self._normals: dict[tuple[tuple[int, ...], int], Tensor] = {}

    @own_work
    def run(self) -> None:
        """Put the numbers of the step, and facts at the first, into the ledger."""
        scored: dict[int, dict[str, None]] = {}
        for scores in self.recorder.scores:
            for value in self.graph.before_other_reads(scores.sources):
                scored.setdefault(value, {})[scores.module] = None
            if self.step == 1:
                self.numbers[Key(scores.module, "", 0, "scores", 0)] = scores.size
                self.measuring.cell.head_sizes[scores.module] = scores.head_size
        inner, count = self.graph.inner(), dict[int, int]()
        groups = [
            (key, reads)
            for key, reads in groups_of(self.recorder.reads, list(self.measuring.parameters))
            if key not in self.measuring.attributed or self.step == 1
        ]
        kinds = Counter(key for key, _ in groups)
        for key, reads in groups:
            place = count[key] = count.get(key, -1) + 1
            probe = _ReadProbe(self, key, place, reads)
            if self.step == 1:
                self.measuring.cell.reads.append(probe.facts(inner, scored))
                probe.at_initialization()
            probe.after_the_step(alone_in_reads=kinds[key] == 1)
        for key in self.gradients:
            if key in self.measuring.silent:
                self.measuring.attributed.add(key)
        if self.step == 1:
            self.measuring.cell.factors = {
                module: self.graph.factor_outside(value) for module, value in self.values.items()
            }
        self.measuring.unseen = {
            key: reason
            for key in self.measuring.owner
            if key not in self.measuring.attributed and (reason := self._audit(key))
        }

    def normal(self, shape: tuple[int, ...], seed: int) -> Tensor:
        """Independent numbers of size one; the same for every read of a step."""
        if (shape, seed) not in self._normals:
            generator = torch.Generator().manual_seed(seed)
            self._normals[shape, seed] = torch.randn(shape, generator=generator)
        return self._normals[shape, seed]

    def _audit(self, key: int) -> str:
        """Look at what the optimizer did; the reason where there is nothing to see yet."""
        gradient = self.gradients.get(key)
        if gradient is None:
            return _NO_GRADIENT
        count = count_nonzero(gradient)
        if not count:
            return _NO_GRADIENT
        # One where a gradient arrives, and no mask of all ones.
        moved = 1.0 if count == gradient.numel() else gradient.abs().sign()
        update = self.updates[key] * moved
        size = rms(update)
        if not size and is_zero(update):  # squares may be too small for a float
            return _NO_UPDATE
        self.measuring.attributed.add(key)
        name, (place, group) = self.measuring.names[key], self.measuring.owner[key]
        rate, decay = float(group.get("lr", math.nan)), float(group.get("weight_decay") or 0)
        # torch 2.5 does not say so in the group.
        adamw = isinstance(self.measuring.problem.optimizers[place], torch.optim.AdamW)
        decoupled = group.get("decoupled_weight_decay", adamw or "betas" not in group)
        key_of = Key(name.rpartition(".")[0], name, 0, "", 0)
        if decay and decoupled:
            self.numbers[key_of._replace(quantity="decay")] = rate * decay
        if "betas" in group and "eps" in group and rate:
            if decay and decoupled:
                size = rms(update + rate * decay * self.before[key] * moved)
            ratio = size * math.sqrt(gradient.numel() / count) / rate
            mending = self.measuring.mending.get(key)
            ratio /= mending.update if mending else 1.0
            self.numbers[key_of._replace(quantity="epsilon", step=self.step)] = ratio
        return ""


class _ReadProbe:
    """One group of reads of one parameter."""

    def __init__(
        self, attribution: Attribution, key: int, place: int, reads: Sequence[Read]
    ) -> None:
        measuring = attribution.measuring
        self.attribution, self.measuring, self.key, self.reads = attribution, measuring, key, reads
        self.name = measuring.names[key]
        self.place = place
        # The initial state of a recurrent network is zero, and shows nothing.
        self.first = next((read for read in reads if any(map(_shows, read.data))), reads[0])
        graph = attribution.graph
        self.factor, self.end = graph.factor_after(self.first.value)
        to_stream = graph.factor_to_stream(self.end)
        self.ends_branch = to_stream is not None
        self.factor *= 1.0 if to_stream is None else to_stream
        self.input = next((d for d in self.first.data if d.is_floating_point()), None)
        values = self.first.operation.inputs
        self.factor_before = 1.0
        if self.input is not None:
            self.factor_before = graph.factor_before(values[self._place_of(self.input)])
        self.before = attribution.before[key]
        self.key_of = Key(self.name.rpartition(".")[0], self.name, place, "", 0)

    def _place_of(self, tensor: Tensor) -> int:
        given = tensors_of((*self.first.args, *self.first.operation.kwargs.values()))
        return next(place for place, one in enumerate(given) if one is tensor)

    def _put(self, quantity: str, value: float, step: int) -> None:
        if math.isfinite(value):
            self.attribution.numbers[self.key_of._replace(quantity=quantity, step=step)] = value

    def _replay(
        self, read: Read, value: Tensor, data: Mapping[int, Tensor] | None = None
    ) -> Tensor:
        """z with another value of the parameter; all others are as they were before the step."""
        before = self.attribution.before
        values = {key: widened(before[key]) for key in read.parameters if key in before}
        values[self.key] = widened(value)
        with torch.no_grad():
            return self.attribution.recorder.replay(read, values, data or {})

    def _contribution(self, read: Read, data: Mapping[int, Tensor] | None = None) -> Tensor:
        """z less z with the parameter at zero."""
        whole = self._replay(read, self.before, data)
        if read.operation.name in _HOMOGENEOUS:
            return whole
        return whole - self._without(read, data)

    def _without(self, read: Read, data: Mapping[int, Tensor] | None = None) -> Tensor:
        """z with the parameter at zero; nothing where that is no number (weight normalization)."""
        made = self._replay(read, torch.zeros_like(self.before), data)
        return torch.nan_to_num(made, nan=0.0, posinf=0.0, neginf=0.0)

    def _noise(self, scale: float = 1.0, seed: int = 0) -> dict[int, Tensor]:
        """Random inputs of the size of the real ones: aligned with nothing."""
        if self.input is None:
            return {}
        shape = tuple(self.input.shape)
        if self.first.operation.name in ("mm", "addmm") and self.first.args[-1] is not self.input:
            outputs = self.first.output.shape[-1]
            shape = (min(shape[0], max(16, _FEW // outputs)), shape[1])
        drawn = self.attribution.normal(shape, seed) * self._rms_of_input * scale
        place = next(k for k, one in enumerate(self.first.data) if one is self.input)
        wide = torch.promote_types(self.input.dtype, torch.float32)
        return {place: drawn.to(self.input.device, wide)}

    def facts(self, inner: set[int], scored: Mapping[int, Mapping[str, None]]) -> ReadFacts:
        operation = self.first.operation.name
        same = alike(self.name, self.place, operation, self.before.shape)
        of_any_size = alike(self.name, self.place, operation, ())
        known = self.measuring.known.get(same)
        fan_in = self._fan_in() if known is None else known.fan_in
        known = self.measuring.known.get(of_any_size)
        degree, additive = (
            self._response() if known is None else (known.degree_of_input, known.additive)
        )
        owner = self.measuring.owner.get(self.key)
        output = self.first.output
        made = ReadFacts(
            parameter=self.name,
            read=self.place,
            module=self.first.operation.module,
            operation=self.first.operation.name,
            shape=tuple(self.before.shape),
            features=output.numel(),
            fan_in=fan_in,
            degree_of_input=max(0, min(1, degree)),
            additive=additive,
            integer_input=self.input is None,
            inner=self.end in inner or any(read.value in inner for read in self.reads),
            scores=tuple({m: None for read in self.reads for m in scored.get(read.value, ())}),
            ends_branch=self.ends_branch,
            on_stream=self.attribution.graph.on_stream(self.end),
            rate=math.nan if owner is None else float(owner[1].get("lr", math.nan)),
        )
        self.measuring.known.setdefault(same, made)
        self.measuring.known.setdefault(of_any_size, made)
        self.measuring.facts[self.name, self.place] = made
        return made

    def _response(self) -> tuple[int, bool]:
        """The power of the input that z goes with, and whether z does not depend on it at all."""
        if self.input is None:
            return 0, False
        # A zero initial value shows nothing.
        value = torch.ones_like(self.before) if is_zero(self.before) else self.before

        def part(scale: float, seed: int = 0) -> Tensor:
            noise = self._noise(scale, seed)
            return self._replay(self.first, value, noise) - self._without(self.first, noise)

        once, twice, other = part(1.0), part(2.0), part(1.0, seed=1)
        if not (0 < rms(once) < math.inf and 0 < rms(twice) < math.inf):
            return 1, False
        additive = rms(once - other) < 1e-3 * rms(once)
        return round(math.log2(rms(twice) / rms(once))), additive

    def _fan_in(self) -> int:
        """How many entries of the parameter act on one entry of the output."""
        wide = torch.promote_types(self.before.dtype, torch.float32)
        value = self.before.detach().to(wide, copy=True)
        generator = torch.Generator().manual_seed(1)
        for axis, size in enumerate(value.shape):  # so that no entry is zero
            shape = [size if one == axis else 1 for one in range(value.dim())]
            noise = torch.rand(shape, generator=generator) - 0.5
            value += noise.to(value.device) * 1e-3
        value.requires_grad_()
        with torch.enable_grad():
            out = self.attribution.recorder.replay(self.first, {self.key: value}, self._noise())
            entry = out.flatten()[out.numel() // 2]
            value.retain_grad()
            (entry + 0 * value.sum()).backward()  # type: ignore[no-untyped-call]
        assert value.grad is not None
        return max(1, count_nonzero(value.grad))

    @functools.cached_property
    def _rms_of_input(self) -> float:
        return math.nan if self.input is None else rms(self.input)

    @functools.cached_property
    def _input_size(self) -> float:
        """Of the input before constants that multiply it: per unit of this, gains are stated."""
        if self.input is None or not self._linear:
            return 1.0
        return self._rms_of_input / abs(self.factor_before)

    @property
    def _linear(self) -> bool:
        return self._facts.degree_of_input == 1

    @property
    def _facts(self) -> ReadFacts:
        return self.measuring.facts[self.name, self.place]

    def at_initialization(self) -> None:
        nothing = is_zero(self.before)
        size = 0.0 if nothing else rms(self._contribution(self.first, self._noise()))
        size *= abs(self.factor)
        self._put("gain", size / self._input_size, 0)
        if self._facts.scores:
            self._put("input", self._input_size, 0)

    def after_the_step(self, alone_in_reads: bool) -> None:
        gradient = self.attribution.gradients.get(self.key)
        if gradient is None:
            return
        after = self.measuring.parameters[self.key].detach()
        share = -_product(gradient, self.attribution.updates[self.key])
        if share == 0 or not math.isfinite(share):
            return
        reached = [(read, read.gradient) for read in self.reads if read.gradient is not None]
        squares = sum(rms(g) ** 2 * g.numel() for _, g in reached)
        signal = math.sqrt(squares) / abs(self.factor)
        if signal == 0:
            return
        count = sum(g.numel() for _, g in reached)
        unit = self._input_size
        if self.measuring.degrees.get(self.key, 0) == 1:
            unit = unit**2 * signal * math.sqrt(count)
        several = not alone_in_reads or len(reached) < len(self.reads)
        if several or self._is_vector:
            moved = [self._moved(read, after) for read, _ in reached]
            alone = math.sqrt(sum(rms(change) ** 2 * change.numel() for change in moved) / count)
            if share < _ROUNDING * signal * abs(self.factor) * alone * math.sqrt(count):
                self.measuring.silent.add(self.key)
                return
            self._put("alone", alone * abs(self.factor) / unit, self.step)
            if several:
                share = -sum(_product(g, d) for (_, g), d in zip(reached, moved, strict=True))
        self._put("signal", signal, self.step)
        self._put("share", share, self.step)
        self._put("own", share / (signal * math.sqrt(count)) / unit, self.step)
        self._put("limit", self._limit() / unit, self.step)
        self.measuring.seen.add(self.key)

    def _limit(self) -> float:
        """The largest change of z that this update makes of inputs of this size.

        The root mean square of W x is at most ||W|| sqrt(fan-in / outputs) times that of x. For the
        operator norm of updates of single entries, their Frobenius norm is a bound, and is reached
        where entries are aligned.
        """
        update = self.attribution.updates[self.key]
        by_entry = "betas" in self.measuring.owner[self.key][1]
        size = rms(update)
        if not by_entry and update.dim() > 1:
            size = operator_norm(update.flatten(1)) / math.sqrt(update.numel())
        unit = 1.0 if self.input is None else self._rms_of_input
        return size * self._facts.fan_in * abs(self.factor) * unit

    @property
    def _is_vector(self) -> bool:
        return self._facts.fan_in == 1 or min(self._facts.shape, default=1) == self.before.numel()

    @property
    def step(self) -> int:
        return self.attribution.step

    def _moved(self, read: Read, after: Tensor) -> Tensor:
        return self._replay(read, after) - self._replay(read, self.before)


def _product(first: Tensor, second: Tensor) -> float:
    """The scalar product, summed in 64 bits; its terms, too, where those leave 32 bits."""
    value = float((widened(first) * widened(second)).sum(dtype=torch.float64))
    if value == 0 or not math.isfinite(value):
        value = float(first.double().flatten() @ second.double().flatten())
    return value


def _shows(data: Tensor) -> bool:
    return not data.is_floating_point() or not is_zero(data)
