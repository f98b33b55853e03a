"""Training steps on real images. Imports torch, numpy and ``probes``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from probes.data.batches import HELD_OUT, batches_of, images_of
from probes.data.views import view_of
from probes.experiments.base import Measured, Products, Trial, ends, products, run
from probes.experiments.moments import second_moment
from probes.network import Network, WeightKey
from probes.weights.base import Weight, learning
from theory.architecture import Architecture
from theory.arrays import IntArray
from theory.experiments import Training
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
        weight.select(kept)
    return kept


def _lessons(experiment: Training, trial: Trial) -> Lessons:
    """What the members of a trial learn: replicates see the same data at every base rate."""
    images = images_of(experiment)
    seen = view_of(trial.network.architecture, images.shape)
    replicates = sorted(set(trial.members))
    drawn = [batches_of(experiment, trial.seed, replicate) for replicate in replicates]
    return Lessons(
        lambda numbers: trial.floats(seen(images.inputs(numbers))),
        lambda numbers: torch.from_numpy(images.classes[numbers]).to(trial.device),
        np.stack([batches.training for batches in drawn]),
        np.stack([batches.held_out for batches in drawn]),
        torch.tensor([replicates.index(member) for member in trial.members], device=trial.device),
    )


@run.register
def _run(experiment: Training, trial: Trial) -> Measured:
    return training(trial.network, trial.weights, _lessons(experiment, trial))


@products.register
def _products(experiment: Training) -> Products:
    batch = experiment.batch
    step = [(batch, True), (batch, True), (batch, False)]  # forward, backward, the step itself
    return [(HELD_OUT, True), *step * experiment.steps, (HELD_OUT, True)]


@ends.register
def _ends(experiment: Training, architecture: Architecture) -> tuple[int, int]:
    shape = images_of(experiment).shape
    seen = view_of(architecture, shape)(np.ones((1, shape.dimension)))
    return seen.shape[-1], shape.classes
