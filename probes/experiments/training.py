"""Training steps on real images. Imports torch, numpy and ``probes``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from probes.experiments.moments import second_moment
from probes.network import Network, WeightKey
from probes.weights.base import Weight, learning
from theory.arrays import IntArray
from theory.observables import Observable

# Members that diverged are put out of the group once they are this part of it: going on without
# them costs a copy of the weights.
WORTH_A_COPY = 1 / 8
# The part of training, at its end, whose batches a training loss is a mean over.
LAST_PART = 1 / 4


class Lessons(NamedTuple):
    """What R members, each one of S replicates, learn from, and what they are asked afterwards.

    Images are fetched by number when their step comes, for all steps would not fit in memory:
    ``inputs`` and ``classes`` turn numbers (S, B) into tensors (S, B, ...) and (S, B). Shapes:
    batches (S, steps, B), held_out (S, H), members (R,), the place of each one's replicate.
    """

    inputs: Callable[[IntArray], Tensor]
    classes: Callable[[IntArray], Tensor]
    batches: IntArray
    held_out: IntArray
    members: Tensor

    def step(self, index: int) -> tuple[Tensor, Tensor]:
        """Inputs (R, B, ...) and classes (R, B) of a step."""
        return self._of_members(self.batches[:, index])

    def test(self) -> tuple[Tensor, Tensor]:
        """Inputs (R, H, ...) and classes (R, H) that no step shows."""
        return self._of_members(self.held_out)

    def _of_members(self, numbers: IntArray) -> tuple[Tensor, Tensor]:
        return self.inputs(numbers)[self.members], self.classes(numbers)[self.members]

    def of(self, members: Tensor) -> Lessons:
        """Those of some of the members."""
        return self._replace(members=self.members[members])


def training(
    network: Network, weights: Mapping[WeightKey, Weight], lessons: Lessons
) -> dict[Observable, Tensor]:
    """What training with cross-entropy did on held-out and on shown inputs, each of shape (R,).

    The weights learn by their rules. A member whose loss is not finite has diverged: it is nan from
    then on, and costs nothing once it has left the group.
    """
    count = len(lessons.members)
    held_out, classes = lessons.test()
    with torch.no_grad():
        before = network.forward(weights, held_out).stream[-1]
    alive, shown = _train(network, weights, lessons)
    measured = torch.full((3, count), torch.nan, dtype=torch.float64, device=before.device)
    if len(alive):
        with torch.no_grad():
            trace = network.forward(weights, held_out[alive])
        change = second_moment(trace.stream[-1] - before[alive]).sqrt()
        entropy = _cross_entropy(trace.output.double(), classes[alive])
        measured[:, alive] = torch.stack([change, entropy, shown])
    names = (Observable.TRAINED_STREAM_CHANGE, Observable.TRAINED_LOSS, Observable.TRAINING_LOSS)
    return dict(zip(names, measured, strict=True))


def _cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Mean over inputs: logits (R, B, classes), shape (R,)."""
    each = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), classes.flatten(), reduction="none"
    )
    return each.view(classes.shape).mean(1)


def _train(
    network: Network, weights: Mapping[WeightKey, Weight], lessons: Lessons
) -> tuple[Tensor, Tensor]:
    """All steps; the members that did not diverge, to whom weights are reduced, and their losses.

    A loss is the mean over the last quarter of the steps of that of the batch, before its step.
    """
    members = torch.arange(len(lessons.members), device=lessons.members.device)
    finite = torch.ones_like(members, dtype=torch.bool)
    losses = torch.zeros_like(members, dtype=torch.float64)
    steps = lessons.batches.shape[1]
    last = math.ceil(LAST_PART * steps)
    for step in range(steps):
        inputs, classes = lessons.step(step)
        with learning(weights.values()):
            logits = network.forward(weights, inputs).output
            loss = _cross_entropy(logits, classes)
            # Summed over members, so that each has the gradient of its own mean loss.
            torch.autograd.backward(loss.sum())
        finite &= loss.detach().isfinite()
        if step >= steps - last:
            losses += loss.detach() / last
        if int((~finite).sum()) >= max(1, WORTH_A_COPY * len(finite)):
            kept = _leave(weights, finite)
            members, losses, finite = members[kept], losses[kept], finite[kept]
            lessons = lessons.of(kept)
            if not len(members):
                return members, losses
    if not bool(finite.all()):
        kept = _leave(weights, finite)
        members, losses = members[kept], losses[kept]
    return members, losses


def _leave(weights: Mapping[WeightKey, Weight], finite: Tensor) -> Tensor:
    """Take the members that diverged out of the weights; the places of those that stay."""
    (kept,) = finite.nonzero(as_tuple=True)
    for weight in weights.values():
        weight.keep(kept)
    return kept
