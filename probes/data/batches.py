"""Which images a replicate is trained and tested on. Imports numpy, ``probes`` and ``theory``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes.data.images import ImageSet, load
from probes.randomness import data_generator
from theory.arrays import IntArray
from theory.errors import InputError
from theory.experiments import Training

HELD_OUT = 256


@dataclass(frozen=True, slots=True)
class Batches:
    """Numbers of images: of training batches (steps, batch), and of the held-out ones."""

    training: IntArray
    held_out: IntArray


def images_of(experiment: Training) -> ImageSet:
    """The images of a training experiment.

    Raises ``DomainError`` when they cannot be read, or are fewer than the experiment shows.
    """
    images = load(experiment.images)
    available = len(images) - HELD_OUT
    if experiment.steps * experiment.batch > experiment.passes * available:
        often = "once" if experiment.passes == 1 else f"{experiment.passes} times"
        raise InputError(
            f"{experiment.steps} steps of batch {experiment.batch}: expected at most "
            f"{max(0, experiment.passes * available)} images of {images.name}, for {HELD_OUT} of "
            f"{len(images)} are held out, and none is shown more than {often}; "
            "take fewer steps, a smaller batch, or more passes or images"
        )
    return images


def batches_of(experiment: Training, seed: int, replicate: int) -> Batches:
    """Which images one replicate is trained on and tested on, drawn without repetition.

    Every further pass, where the experiment has more, goes through the same images in an order of
    its own. Raises ``DomainError`` as ``images_of`` does.
    """
    count, shown = len(images_of(experiment)), experiment.steps * experiment.batch
    generator = data_generator(seed, replicate)
    order = generator.permutation(count)
    held_out, rest = order[:HELD_OUT], order[HELD_OUT:]
    passes = [rest]
    while len(passes) * len(rest) < shown:
        passes.append(generator.permutation(rest))
    training = np.concatenate(passes)[:shown].reshape(experiment.steps, experiment.batch)
    return Batches(training, held_out)
