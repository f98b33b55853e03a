"""Measure a cell: train one network for a few steps and note its numbers. Imports torch.

Of ``theory`` it imports errors.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from probes.modules.attention import scaled_scores, visible_attention
from probes.modules.attribution import Attribution
from probes.modules.ledger import Ledger
from probes.modules.operations import rms, tensors_in, widened
from probes.modules.problem import (
    LATEST_ATTRIBUTION,
    Cell,
    Key,
    Mending,
    Problem,
    ReadFacts,
    own_work,
)
from probes.modules.recorder import Recorder
from probes.modules.surroundings import (
    Randomness,
    eager,
    without_collections,
)
from probes.modules.training import leave_gradients, scalar, use_fused_kernels
from probes.modules.watch import Watch
from theory.errors import InputError

# As in a part whose forward pass has no graph, and which its backward pass runs again.
_NO_READ = "no output that is made of these parameters has a gradient in"


def measure_cell(
    problem: Problem,
    steps: Sequence[int],
    degrees: Mapping[int, int] | None = None,
    mending: Mapping[str, Mending] | None = None,
    scores: Mapping[str, float] | None = None,
    known: dict[Hashable, ReadFacts] | None = None,
    changes: bool = True,
) -> Cell:
    """Measure one network: shape facts and numbers at initialization and at every step.

    ``degrees``: of every optimizer by its place (1 where updates follow the length of the
    gradient, 0 where not). ``mending``: factors by name of parameter. ``scores``: factors of
    attention scores by name of module. ``known``: facts of reads that were probed before, by
    ``alike``; further ones are added. Without ``changes``, no module is looked at after the last
    step. Raises ``InputError`` where the contract is broken.
    """
    known = {} if known is None else known
    measuring = _Measuring(problem, tuple(steps), degrees or {}, mending or {}, known)
    measuring.scores = scores or {}
    measuring.looks_at_last = changes
    return measuring.run()


class _Measuring(Ledger):
    scores: Mapping[str, float]
    _factor: Callable[[], float]
    looks_at_last = True

    def run(self) -> Cell:
        model = self.problem.model
        self.cell.device = next((p.device.type for p in self.parameters.values()), "cpu")
        self.cell.shapes = {self.names[k]: tuple(p.shape) for k, p in self.parameters.items()}
        with torch.no_grad():
            for key, mending in self.mending.items():
                self.parameters[key].mul_(mending.initial)
        self.cell.first_weights = tuple(
            float(widened(p.detach()).sum()) for p in self.parameters.values()
        )
        self._check_optimizers()
        use_fused_kernels(self.problem.optimizers)
        with eager(model):
            watch = Watch(model)
            try:
                with self._mended_scores(watch):
                    self._train(watch)
            finally:
                watch.close()
        self._say_what_is_unseen()
        return self.cell

    @contextlib.contextmanager
    def _mended_scores(self, watch: Watch) -> Iterator[None]:
        """Scores times the factor of the module that runs; a softmax may be a module in it.

        A module that makes weights more than once in a forward pass may have a router, too, and
        what runs again in a backward pass does not say where it is: these are not mended.
        """
        modules = dict(self.problem.model.named_modules())
        last: dict[str, int] = {}  # the forward pass in which a module made weights

        def factor() -> float:
            name, again = watch.where(), torch._C._current_graph_task_id() != -1
            if not watch.running and (again or not watch.is_inside):
                self.cell.unclear |= self.scores.keys() if again else set()
                return 1.0  # such as in a loss
            if name not in self.scores and isinstance(modules[name], nn.Softmax):
                name = name.rpartition(".")[0]
            if name in self.scores and not again:
                several = last.get(name) == watch.passes
                (self.cell.unclear if several else self.cell.scaled).add(name)
                last[name] = watch.passes
            return self.scores.get(name, 1.0)

        self._factor = factor
        with scaled_scores(factor) if self.scores else contextlib.nullcontext():
            yield

    def _check_optimizers(self) -> None:
        """Which parameters no optimizer moves, and which two do."""
        places: dict[int, set[int]] = {}
        for place, optimizer in enumerate(self.problem.optimizers):
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    places.setdefault(id(parameter), set()).add(place)
        self.cell.untrained = [n for key, n in self.names.items() if key not in self.owner]
        self.cell.twice = [n for key, n in self.names.items() if len(places.get(key, ())) > 1]

    @own_work
    def _say_what_is_unseen(self) -> None:
        """One line for all parameters of whose rates nothing is known, by reason."""
        last = max(self.steps)
        if not self.attributed and all(map(math.isfinite, self.cell.losses.values())):
            raise InputError(
                f"nothing moves in {last} steps: gradients or rates are zero; take more steps"
            )
        hidden = self.attributed - self.seen - self.silent
        if hidden and self._is_finite():
            if not self.seen:
                raise InputError(
                    "the model's operations cannot be followed from its parameters to gradients; "
                    "give it without wrappers that shard it or run it again"
                )
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

    def _is_finite(self) -> bool:
        """Neither a loss nor a parameter has diverged; a last loss may not have been looked at."""
        losses = all(map(math.isfinite, self.cell.losses.values()))
        return losses and all(bool(p.isfinite().all()) for p in self.parameters.values())

    def _train(self, watch: Watch) -> None:
        state = Randomness.now()
        first: dict[str, Tensor] = {}
        last, drawing = max(self.steps), False
        for step in range(1, last + 1):
            after = step - 1
            attribute = step <= min(LATEST_ATTRIBUTION, last) and len(self.attributed) < len(
                self.parameters
            )
            looked = step == 1 or (after in self.steps and not self._custom)
            if drawing or looked:
                state.restore()
            with watch.looking(looked or attribute or bool(self.scores)):
                if attribute:
                    self._attributed_step(watch, step)
                else:
                    self._plain_step(watch, step)
            if step == 1:
                drawing = state.has_moved()
                first = dict(watch.outputs)
                self._sizes(first)
            elif after in self.steps and not self._custom:
                self._changes(first, watch.outputs, after)
            if self._custom and step in self.steps and step != last:
                self._look(watch, state, first, step)
        if self.looks_at_last:
            self._look(watch, state, first, last)
        self.cell.steps = last

    @property
    def _custom(self) -> bool:
        return self.problem.step is not None

    def _look(
        self, watch: Watch, state: Randomness, first: Mapping[str, Tensor], step: int
    ) -> None:
        state.restore()
        with watch.looking():
            self._loss(watch, step)  # not under no_grad: a loss may take gradients itself
        self._changes(first, watch.outputs, step)

    def _loss(self, watch: Watch, after: int) -> Tensor:
        watch.start()
        loss = scalar(self.problem.loss(self.problem.model, self.problem.batch))
        self.cell.losses[after] = float(loss.detach())
        return loss

    def _zero(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None

    def _plain_step(self, watch: Watch, step: int) -> None:
        if self._custom:
            watch.start()
            self._update()
            return
        self._zero()
        self._loss(watch, step - 1).backward()  # type: ignore[no-untyped-call]
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

    @without_collections()
    def _attributed_step(self, watch: Watch, step: int) -> None:
        recorder = Recorder(
            list(self.parameters.values()), tensors_in(self.problem.batch), watch.where
        )
        self._zero()
        watch.recorder = recorder
        with recorder, visible_attention(recorder.is_chain, self._factor):
            loss = self._loss(watch, step - 1)
        watch.recorder = None
        loss.backward()  # type: ignore[no-untyped-call]
        recorder.collect()
        kept = not self._custom and leave_gradients(self.problem.optimizers)
        gradients = {
            key: p.grad.to_dense()
            if p.grad.is_sparse
            else p.grad.detach()
            if kept
            else p.grad.detach().clone()
            for key, p in self.parameters.items()
            if p.grad is not None
        }
        before = {key: p.detach().clone() for key, p in self.parameters.items()}
        outputs, values = watch.outputs, watch.values
        if self._custom:
            self._zero()
        self._update()
        watch.outputs = outputs
        Attribution(self, recorder, before, gradients, values, step).run()
        recorder.release()

    @own_work
    def _sizes(self, first: Mapping[str, Tensor]) -> None:
        for module, output in first.items():
            self.cell.features[module] = output.numel()
            self.cell.numbers[Key(module, "", 0, "size", 0)] = rms(output)

    @own_work
    def _changes(self, first: Mapping[str, Tensor], now: Mapping[str, Tensor], step: int) -> None:
        for module, output in now.items():
            if module in first and first[module].shape == output.shape:
                change = rms(output.float() - first[module].float())
                self.cell.numbers[Key(module, "", 0, "change", step)] = change
