"""Measure anyone's module: sizes, changes, and what every parameter does. Imports torch.

One *cell* is one network of one size and seed, trained for a few steps. Its numbers are

===========  =======================================================================================
size         rms of a module's output at initialization
change       rms of a module's output after k steps minus the same before, on the same inputs
scores       rms of what the softmax of an attention sees at initialization
input        rms of what a query or a key reads
gain         rms of the output of a read for random inputs, over the rms of the input
share        -<gradient, update>: a parameter's part of the loss's decrease, to first order
signal       norm of dL/dz at the read's output z
own          share / (signal sqrt(numel z)) for every unit of the input: what the parameter's first
             step does to z along the gradient. Under an optimizer that follows the gradient's
             length (SGD), for every unit of the gradient, too
alone        rms of what the parameter's first step does to z, for every unit of the same
epsilon      rms(update) / rate under Adam, where there is a gradient: less than 1 by its epsilon
decay        rate times weight decay
===========  =======================================================================================

Constants that multiply z next belong to the read, and constants that multiplied its input last.
"""

from __future__ import annotations

import contextlib
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._pytree import tree_map

from probes.reads import Graph, Read, Recorder, groups_of, rms, tensors_in, tensors_of
from theory.errors import InputError, UnavailableError

# A parameter is attributed at the first step that moves it by its gradient, up to this one.
LATEST_ATTRIBUTION = 4
OUTPUT = "(output)"
# Reads whose output is zero where the parameter is.
_HOMOGENEOUS = ("mm", "bmm", "embedding", "mul")
# A step this little along the gradient follows rounding: what the parameter adds cancels later.
_ROUNDING = 1e-4
# Numbers that make a root of a mean square sure to two percent.
_FEW = 4096
# Calls of one loss may differ by so much.
_REPEATS = 1e-4
_NO_GRADIENT, _NO_UPDATE = "no gradient reaches these parameters in", "the update is zero in"
# As in a checkpoint that is reentrant, whose forward pass has no graph.
_NO_READ = "no output that is made of these parameters has a gradient in"


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What a factory returns: a model, its optimizers, a batch, and the loss of model and batch."""

    model: nn.Module
    optimizers: tuple[torch.optim.Optimizer, ...]
    batch: Any
    loss: Callable[[Any, Any], Any]
    step: Callable[[Any, Any, Any], object] | None = None
    # What ``step`` is given: the optimizer as the factory returned it, one or a list.
    optimizer: Any = None


class Key(NamedTuple):
    """Which number: a parameter's read (or none), its module, the quantity, the step."""

    module: str
    parameter: str
    read: int
    quantity: str
    step: int


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """What shapes and probing say about one read of one parameter."""

    parameter: str
    read: int
    module: str
    operation: str
    shape: tuple[int, ...]
    features: int
    fan_in: int
    degree_of_input: int  # 1: z is linear in the input; 0: it does not depend on its size
    additive: bool
    integer_input: bool
    inner: bool
    scores: tuple[str, ...]  # modules whose attention scores it makes, as a query or a key
    ends_branch: bool
    on_stream: bool  # a branch is added to what comes out: the stream itself
    rate: float


@dataclass(frozen=True, slots=True)
class Mending:
    """Factors for a parameter's initial value and for its updates."""

    initial: float = 1.0
    update: float = 1.0


@dataclass(slots=True)
class Cell:
    """The numbers of one network and the facts about its reads, in the order of first reads."""

    numbers: dict[Key, float] = field(default_factory=dict)
    reads: list[ReadFacts] = field(default_factory=list)
    head_sizes: dict[str, int] = field(default_factory=dict)
    features: dict[str, int] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_weights: tuple[float, ...] = ()
    # By what constant a module's output is multiplied next, outside of it.
    factors: dict[str, float] = field(default_factory=dict)
    untrained: list[str] = field(default_factory=list)  # parameters in no optimizer
    twice: list[str] = field(default_factory=list)  # and in two
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Randomness:
    """The random states of python, numpy and torch."""

    python: Any
    numpy: Any
    torch: Tensor
    cuda: list[Tensor]

    @classmethod
    def now(cls) -> _Randomness:
        """As they are."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy = np.random.get_state()  # noqa: NPY002
        return cls(random.getstate(), numpy, torch.get_rng_state(), cuda)

    def restore(self) -> None:
        """Make them what they were."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


@contextlib.contextmanager
def untouched_randomness() -> Iterator[None]:
    """Random states of python, numpy and torch are afterwards what they were, whatever happens."""
    before = _Randomness.now()
    try:
        yield
    finally:
        before.restore()


class _Watch:
    """Hooks on every module: which one runs, what came out first, and the output's centre.

    The root's output is returned less its first value, so that logits at initialization do not
    act on the first gradient.
    """

    def __init__(self, model: nn.Module, centre: bool) -> None:
        self.running: list[str] = []
        self.outputs: dict[str, Tensor] = {}
        self.values: dict[str, int] = {}  # of the same, by number of the recorder
        self.centre: list[Any] = []
        self.looking = True
        self.recorder: Recorder | None = None
        self._calls = 0
        self._seen: dict[int, Tensor] = {}
        self._centred = centre
        self._handles = []
        self._handles.append(model.register_forward_pre_hook(self._given, with_kwargs=True))
        made_of_parameters = {
            one
            for module in model.modules()
            if isinstance(module, ParametrizationList)
            for one in module.modules()
        }
        for name, module in model.named_modules():
            if module in made_of_parameters:
                continue
            self._handles.append(module.register_forward_pre_hook(self._enter(name)))
            self._handles.append(
                module.register_forward_hook(self._leave(name, module is model), always_call=True)
            )

    def start(self) -> None:
        """A new forward pass begins."""
        self.outputs, self.values, self._calls, self.running = {}, {}, 0, []
        self._seen = {}

    def close(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def where(self) -> str:
        """The module that is running."""
        return self.running[-1] if self.running else ""

    def _given(self, _module: nn.Module, args: Any, kwargs: Any) -> None:
        if self.recorder is not None:
            self.recorder.is_given(tensors_in((args, kwargs)))

    def _enter(self, name: str) -> Callable[..., None]:
        def enter(_module: nn.Module, _args: Any) -> None:
            self.running.append(name)

        return enter

    def _leave(self, name: str, root: bool) -> Callable[..., Any]:
        def leave(_module: nn.Module, _args: Any, output: Any) -> Any:
            if self.running:
                self.running.pop()
            if not root:
                self._look(name, output)
                return None
            self._look(OUTPUT, output)
            return self._less_first(output) if self._centred else None

        return leave

    def _look(self, name: str, output: Any) -> None:
        """Keep a module's first output, unless a module inside it made the same."""
        output = _main_tensor(output)
        if not self.looking or output is None or not output.is_floating_point():
            return
        if name in self.outputs or (id(output) in self._seen and name != OUTPUT):
            return
        self._seen[id(output)] = output  # kept: an id is unique while its tensor lives
        if self.recorder is None:
            self.outputs[name] = output.detach().clone()
            return
        value = self.recorder.value_of(output)
        if value is not None:
            self.values[name] = value
        self.recorder.paused = True
        self.outputs[name] = output.detach().clone()
        self.recorder.paused = False

    def _less_first(self, output: Any) -> Any:
        if isinstance(output, Tensor) or type(output) in (tuple, list, dict):
            if len(self.centre) <= self._calls:
                self.centre.append(tree_map(_detached, output))
            first = self.centre[self._calls]
            self._calls += 1
            return tree_map(_difference, output, first)
        return output


def _main_tensor(output: Any) -> Tensor | None:
    """What a module's output is judged by: its first tensor, rather of several numbers."""
    if isinstance(output, tuple | list):
        output = output[0] if output else None
    if isinstance(output, Mapping):
        found = [one for one in output.values() if isinstance(one, Tensor)]
        return next((one for one in found if one.numel() > 1), found[0] if found else None)
    return output if isinstance(output, Tensor) else None


def _detached(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _difference(value: Any, first: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point() and value.shape == first.shape:
        return value - first
    return value


def measure_cell(
    problem: Problem,
    steps: Sequence[int],
    degrees: Mapping[int, int] | None = None,
    mending: Mapping[str, Mending] | None = None,
    known: dict[Hashable, ReadFacts] | None = None,
) -> Cell:
    """Measure one network: shape facts and numbers at initialization and at every step.

    ``degrees``: of every optimizer by its place (1 where updates follow the length of the
    gradient, 0 where not). ``mending``: factors by name of parameter. ``known``: facts of reads
    that were probed before, by ``alike``; further ones are added. Raises ``InputError`` where the
    contract is broken.
    """
    return _Measuring(
        problem, tuple(steps), degrees or {}, mending or {}, {} if known is None else known
    ).run()


def alike(name: str, read: int, operation: str, shape: Sequence[int]) -> Hashable:
    """What the same read of the same parameter shares in all blocks and under all seeds."""
    return re.sub(r"\d+", "*", name), read, operation, tuple(shape)


class _Measuring:
    def __init__(
        self,
        problem: Problem,
        steps: tuple[int, ...],
        degrees: Mapping[int, int],
        mending: Mapping[str, Mending],
        known: dict[Hashable, ReadFacts],
    ) -> None:
        self.problem, self.steps, self.known = problem, steps, known
        self.cell = Cell()
        named = dict(problem.model.named_parameters())
        self.names = {id(p): name for name, p in named.items() if p.requires_grad}
        self.parameters = {id(p): p for p in named.values() if p.requires_grad}
        self.owner = _owners(problem, self.parameters)
        self.seen: set[int] = set()  # whose rate has a number
        self.unseen: dict[int, str] = {}  # why nothing is known of a parameter's rate
        self.degrees = {key: degrees.get(place[0], 0) for key, place in self.owner.items()}
        self.mending = {key: mending[name] for key, name in self.names.items() if name in mending}
        self.attributed: set[int] = set()
        self.silent: set[int] = set()  # whose gradient is rounding
        self.facts: dict[tuple[str, int], ReadFacts] = {}

    def run(self) -> Cell:
        model = self.problem.model
        self.cell.shapes = {self.names[k]: tuple(p.shape) for k, p in self.parameters.items()}
        with torch.no_grad():
            for key, mending in self.mending.items():
                self.parameters[key].mul_(mending.initial)
        self.cell.first_weights = tuple(
            float(p.detach().double().sum()) for p in self.parameters.values()
        )
        self._check_optimizers()
        with _eager(model):
            watch = _Watch(model, centre=True)
            try:
                self._train(watch)
            finally:
                watch.close()
        self._say_what_is_unseen()
        return self.cell

    def _check_optimizers(self) -> None:
        """Which parameters no optimizer moves, and which two do."""
        places: dict[int, set[int]] = {}
        for place, optimizer in enumerate(self.problem.optimizers):
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    places.setdefault(id(parameter), set()).add(place)
        self.cell.untrained = [n for key, n in self.names.items() if key not in self.owner]
        self.cell.twice = [n for key, n in self.names.items() if len(places.get(key, ())) > 1]

    def _say_what_is_unseen(self) -> None:
        """One line for all parameters of whose rates nothing is known, by reason."""
        last = max(self.steps)
        if not self.attributed and all(map(math.isfinite, self.cell.losses)):
            raise InputError(
                f"nothing moves in {last} steps: gradients or rates are zero; take more steps"
            )
        hidden = self.attributed - self.seen - self.silent
        if hidden and all(map(math.isfinite, self.cell.losses)):
            self.unseen |= {key: _NO_READ for key in self.names if key in hidden}
        reasons: dict[str, dict[str, None]] = {}
        for key, reason in self.unseen.items():
            name = re.sub(r"(?<=\.)\d+(?=\.|$)", "*", self.names[key])
            reasons.setdefault(reason, {})[name] = None
        count = min(LATEST_ATTRIBUTION, last)
        steps = "the first step" if count == 1 else f"the first {count} steps"
        self.cell.notes += [
            f"{reason} {steps}, so nothing is said of their rates: {', '.join(names)}"
            for reason, names in reasons.items()
        ]

    def _train(self, watch: _Watch) -> None:
        state = _Randomness.now()
        first: dict[str, Tensor] = {}
        last = max(self.steps)
        for step in range(1, last + 1):
            state.restore()
            after = step - 1
            attribute = step <= min(LATEST_ATTRIBUTION, last) and len(self.attributed) < len(
                self.parameters
            )
            watch.looking = step == 1 or (after in self.steps and not self._custom)
            if attribute:
                self._attributed_step(watch, step)
            else:
                self._plain_step(watch)
            watch.looking = True
            if step == 1:
                first = dict(watch.outputs)
                self._sizes(first)
            elif after in self.steps and not self._custom:
                self._changes(first, watch.outputs, after)
            if self._custom and step in self.steps and step != last:
                self._look(watch, state, first, step)
        self._look(watch, state, first, last)

    @property
    def _custom(self) -> bool:
        return self.problem.step is not None

    def _look(
        self, watch: _Watch, state: _Randomness, first: Mapping[str, Tensor], step: int
    ) -> None:
        state.restore()
        self._loss(watch)  # not under no_grad: a loss may take gradients itself
        self._changes(first, watch.outputs, step)

    def _loss(self, watch: _Watch) -> Tensor:
        watch.start()
        loss = _scalar(self.problem.loss(self.problem.model, self.problem.batch))
        self.cell.losses.append(float(loss.detach()))
        return loss

    def _zero(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None

    def _plain_step(self, watch: _Watch) -> None:
        if self._custom:
            watch.start()
            self._update()
            return
        self._zero()
        self._loss(watch).backward()  # type: ignore[no-untyped-call]
        self._update()

    def _update(self) -> None:
        """One step of the optimizers, or the user's own; mended parameters move by their factor."""
        before = {
            key: self.parameters[key].detach().clone()
            for key, mending in self.mending.items()
            if mending.update != 1.0
        }
        if self.problem.step is not None:
            self.problem.step(self.problem.model, self.problem.optimizer, self.problem.batch)
        else:
            for optimizer in self.problem.optimizers:
                optimizer.step()
        with torch.no_grad():
            for key, value in before.items():
                parameter = self.parameters[key]
                parameter.copy_(value + self.mending[key].update * (parameter - value))

    def _attributed_step(self, watch: _Watch, step: int) -> None:
        recorder = Recorder(
            list(self.parameters.values()), tensors_in(self.problem.batch), watch.where
        )
        self._zero()
        watch.recorder = recorder
        with recorder:
            loss = self._loss(watch)
        watch.recorder = None
        loss.backward()  # type: ignore[no-untyped-call]
        recorder.collect()
        gradients = {
            key: (p.grad.to_dense() if p.grad.is_sparse else p.grad.detach().clone())
            for key, p in self.parameters.items()
            if p.grad is not None
        }
        before = {key: p.detach().clone() for key, p in self.parameters.items()}
        outputs, values = watch.outputs, watch.values
        if self._custom:
            self._zero()
        self._update()
        watch.outputs = outputs
        _Attribution(self, recorder, before, gradients, values, step).run()
        recorder.release()

    def _sizes(self, first: Mapping[str, Tensor]) -> None:
        for module, output in first.items():
            self.cell.features[module] = output.numel()
            self.cell.numbers[Key(module, "", 0, "size", 0)] = rms(output)

    def _changes(self, first: Mapping[str, Tensor], now: Mapping[str, Tensor], step: int) -> None:
        for module, output in now.items():
            if module in first and first[module].shape == output.shape:
                change = rms(output.float() - first[module].float())
                self.cell.numbers[Key(module, "", 0, "change", step)] = change


class _Attribution:
    """The numbers of every read of a recorded step, once its update is known."""

    def __init__(
        self,
        measuring: _Measuring,
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

    def run(self) -> None:
        scored: dict[str, set[int]] = {}
        for scores in self.recorder.scores:
            nearest = self.graph.before_other_reads(scores.sources)
            scored.setdefault(scores.module, set()).update(nearest)
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

    def _audit(self, key: int) -> str:
        """Look at what the optimizer did; the reason where there is nothing to see yet."""
        gradient = self.gradients.get(key)
        if gradient is None or not bool((moved := gradient != 0).any()):
            return _NO_GRADIENT
        update = self.measuring.parameters[key].detach() - self.before[key]
        if not bool((update[moved] != 0).any()):
            return _NO_UPDATE
        self.measuring.attributed.add(key)
        name, group = self.measuring.names[key], self.measuring.owner[key][1]
        rate, decay = float(group.get("lr", math.nan)), float(group.get("weight_decay") or 0)
        decoupled = group.get("decoupled_weight_decay", "betas" not in group)
        key_of = Key(name.rpartition(".")[0], name, 0, "", 0)
        if decay and decoupled:
            self.numbers[key_of._replace(quantity="decay")] = rate * decay
        if "betas" in group and "eps" in group and rate:
            undecayed = update + rate * decay * self.before[key] if decoupled else update
            ratio = rms(undecayed[moved]) / rate
            mending = self.measuring.mending.get(key)
            ratio /= mending.update if mending else 1.0
            self.numbers[key_of._replace(quantity="epsilon", step=self.step)] = ratio
        return ""


class _ReadProbe:
    """One group of reads of one parameter."""

    def __init__(
        self, attribution: _Attribution, key: int, place: int, reads: Sequence[Read]
    ) -> None:
        measuring = attribution.measuring
        self.attribution, self.measuring, self.key, self.reads = attribution, measuring, key, reads
        self.name = measuring.names[key]
        self.place = place
        # The initial state of a recurrent network is zero, and shows nothing.
        self.first = next((read for read in reads if any(map(_shows, read.data))), reads[0])
        graph = attribution.graph
        self.factor, self.end = graph.factor_after(self.first.value)
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
        with torch.no_grad():
            wide = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
            return self.attribution.recorder.replay(read, {self.key: wide}, data or {})

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
        generator = torch.Generator().manual_seed(seed)
        size = rms(self.input)
        shape = tuple(self.input.shape)
        if self.first.operation.name in ("mm", "addmm") and self.first.args[-1] is not self.input:
            outputs = self.first.output.shape[-1]
            shape = (min(shape[0], max(16, _FEW // outputs)), shape[1])
        drawn = torch.randn(shape, generator=generator) * size * scale
        place = next(k for k, one in enumerate(self.first.data) if one is self.input)
        wide = torch.promote_types(self.input.dtype, torch.float32)
        return {place: drawn.to(self.input.device, wide)}

    def facts(self, inner: set[int], scored: Mapping[str, set[int]]) -> ReadFacts:
        same = alike(self.name, self.place, self.first.operation.name, self.before.shape)
        known = self.measuring.known.get(same)
        if known is None:
            degree, additive = self._response()
            fan_in = self._fan_in()
        else:
            degree, additive, fan_in = known.degree_of_input, known.additive, known.fan_in
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
            scores=tuple(
                module
                for module, values in scored.items()
                if any(read.value in values for read in self.reads)
            ),
            ends_branch=self.attribution.graph.ends_branch(self.end),
            on_stream=self.attribution.graph.on_stream(self.end),
            rate=math.nan if owner is None else float(owner[1].get("lr", math.nan)),
        )
        self.measuring.known.setdefault(same, made)
        self.measuring.facts[self.name, self.place] = made
        return made

    def _response(self) -> tuple[int, bool]:
        """The power of the input that z goes with, and whether z does not depend on it at all."""
        if self.input is None:
            return 0, False
        # A zero initial value shows nothing.
        value = self.before if bool((self.before != 0).any()) else torch.ones_like(self.before)

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
        value += torch.randn(value.shape, generator=torch.Generator().manual_seed(1)) * 1e-3
        value.requires_grad_()
        with torch.enable_grad():
            out = self.attribution.recorder.replay(self.first, {self.key: value}, self._noise())
            entry = out.flatten()[out.numel() // 2]
            value.retain_grad()
            (entry + 0 * value.sum()).backward()  # type: ignore[no-untyped-call]
        assert value.grad is not None
        return max(1, int((value.grad != 0).sum()))

    @property
    def _input_size(self) -> float:
        """Of the input before constants that multiply it: per unit of this, gains are stated."""
        if self.input is None or not self._linear:
            return 1.0
        return rms(self.input) / abs(self.factor_before)

    @property
    def _linear(self) -> bool:
        return self._facts.degree_of_input == 1

    @property
    def _facts(self) -> ReadFacts:
        return self.measuring.facts[self.name, self.place]

    def at_initialization(self) -> None:
        size = abs(self.factor) * rms(self._contribution(self.first, self._noise()))
        self._put("gain", size / self._input_size, 0)
        if self._facts.scores:
            self._put("input", self._input_size, 0)

    def after_the_step(self, alone_in_reads: bool) -> None:
        gradient = self.attribution.gradients.get(self.key)
        if gradient is None:
            return
        after = self.measuring.parameters[self.key].detach()
        share = -float(gradient.double().flatten() @ (after - self.before).double().flatten())
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
                share = -sum(
                    float(g.double().flatten() @ change.double().flatten())
                    for (_, g), change in zip(reached, moved, strict=True)
                )
        self._put("signal", signal, self.step)
        self._put("share", share, self.step)
        self._put("own", share / (signal * math.sqrt(count)) / unit, self.step)
        self.measuring.seen.add(self.key)

    @property
    def _is_vector(self) -> bool:
        return self._facts.fan_in == 1 or min(self._facts.shape, default=1) == self.before.numel()

    @property
    def step(self) -> int:
        return self.attribution.step

    def _moved(self, read: Read, after: Tensor) -> Tensor:
        return self._replay(read, after) - self._replay(read, self.before)


def _shows(data: Tensor) -> bool:
    return not data.is_floating_point() or bool((data != 0).any())


def _owners(
    problem: Problem, parameters: Mapping[int, Tensor]
) -> dict[int, tuple[int, dict[str, Any]]]:
    """For every parameter the place of its optimizer, and its group."""
    if not parameters:
        raise InputError("no parameter of the model requires a gradient; nothing is trained")
    owners: dict[int, tuple[int, dict[str, Any]]] = {}
    for place, optimizer in enumerate(problem.optimizers):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) in parameters:
                    owners.setdefault(id(parameter), (place, group))
    if not owners:
        raise InputError("no optimizer has a parameter of the model; make it of model.parameters()")
    return owners


def trained_loss(problem: Problem, steps: int) -> float:
    """The loss after so many steps; nothing else is measured."""
    parameters = list(problem.model.parameters())
    for _ in range(steps):
        _train_once(problem, parameters)
    return float(_scalar(problem.loss(problem.model, problem.batch)).detach())


def _train_once(problem: Problem, parameters: Sequence[Tensor]) -> None:
    """One step of the optimizers, or the user's own."""
    if problem.step is not None:
        problem.step(problem.model, problem.optimizer, problem.batch)
        return
    for parameter in parameters:
        parameter.grad = None
    _scalar(problem.loss(problem.model, problem.batch)).backward()  # type: ignore[no-untyped-call]
    for optimizer in problem.optimizers:
        optimizer.step()


def degrees_of_optimizers(make: Callable[[], Problem]) -> dict[int, int]:
    """1 where an optimizer's update follows the length of the gradient (SGD), 0 where not (Adam).

    The problem is made twice; the second time every gradient is four times as long. Raises
    ``InputError`` where the loss is another one at every call.
    """
    updates = []
    for scale in (1.0, 4.0):
        problem = make()
        with _eager(problem.model):
            updates.append(_updates(problem, scale))
            if scale == 1.0:
                _check_repeats(problem)
    degrees: dict[int, list[float]] = {}
    for name, (place, size) in updates[0].items():
        other = updates[1].get(name)
        if other is not None and size > 0 and other[1] > 0:
            degrees.setdefault(place, []).append(math.log(other[1] / size, 4))
    return {
        place: max(0, min(1, round(float(np.median(found))))) for place, found in degrees.items()
    }


def _check_repeats(problem: Problem) -> None:
    """The loss has to be one of model and batch: with fresh data, noise would count as change.

    What the first call sets, and what buffers count, is not meant. A trained model is looked at,
    for one with a zero readout has the same loss on every batch.
    """
    problem.loss(problem.model, problem.batch)
    buffers = [
        (module, name, buffer.clone())
        for module in problem.model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    randomness, losses = _Randomness.now(), []
    for _ in range(2):
        randomness.restore()
        for module, name, buffer in buffers:
            setattr(module, name, buffer.clone())
        losses.append(float(_scalar(problem.loss(problem.model, problem.batch)).detach()))
    first, second = losses
    if abs(first - second) > _REPEATS * max(abs(first), abs(second)):
        raise InputError(
            f"two calls of loss(model, batch) gave {first:.6g} and {second:.6g}; the loss has to "
            "depend on model and batch alone: draw the batch in the factory"
        )


def _updates(problem: Problem, scale: float) -> dict[str, tuple[int, float]]:
    """By parameter: its optimizer and the size of its first update that is not zero."""
    named = {n: p for n, p in problem.model.named_parameters() if p.requires_grad}
    owners = _owners(problem, {id(p): p for p in named.values()})
    handles = [p.register_hook(lambda g: g * scale) for p in named.values()]  # type: ignore[no-untyped-call]
    found: dict[str, tuple[int, float]] = {}
    for step in range(LATEST_ATTRIBUTION):
        if step >= 2 and found:
            break
        before = {n: p.detach().clone() for n, p in named.items()}
        _train_once(problem, list(named.values()))
        for name, parameter in named.items():
            size = rms(parameter.detach().float() - before[name].float())
            if id(parameter) in owners and size > 0 and name not in found:
                found[name] = (owners[id(parameter)][0], size)
    for handle in handles:
        handle.remove()
    return found


@contextlib.contextmanager
def _eager(model: nn.Module) -> Iterator[None]:
    """What is compiled runs as it is written, and recurrent kernels step by step."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    with contextlib.ExitStack() as stack:
        if "torch._dynamo" in sys.modules:  # something may be compiled: a model, a part, a loss
            set_stance = getattr(torch.compiler, "set_stance", None)
            if set_stance is not None:
                stack.enter_context(set_stance("force_eager"))
            elif any(hasattr(module, "_orig_mod") for module in model.modules()):
                raise UnavailableError(
                    f"torch {torch.__version__} cannot run a compiled model as it is written; "
                    "give the model before torch.compile, or install torch 2.6"
                )
        if recurrent:
            stack.enter_context(_without_fused_kernels())
        yield


@contextlib.contextmanager
def _without_fused_kernels() -> Iterator[None]:
    # The flags of torch.backends warn of hardware that is not there.
    before = torch._C._get_mkldnn_enabled(), torch._C._get_cudnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    torch._C._set_cudnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before[0])
        torch._C._set_cudnn_enabled(before[1])


def _scalar(loss: Any) -> Tensor:
    """The loss, which is one number that depends on parameters."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise InputError(
            f"loss(model, batch) returned {_said(loss)}; expected a tensor with one number"
        )
    return loss


def _said(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
