"""Which images a replicate is trained and tested on. Imports numpy, ``probes`` and ``theory``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes.data.images import ImageSet, load
from probes.randomness import data_generator
from theory.arrays import IntArray
from theory.errors import InputError
from theory.experiment import Protocol

HELD_OUT = 256


@dataclass(frozen=True, slots=True)
class Batches:
    """Numbers of images: of training batches (steps, batch), and of the held-out ones."""

    training: IntArray
    held_out: IntArray


def images_of(protocol: Protocol) -> ImageSet:
    """The images of a training experiment.

    Raises ``DomainError`` when they cannot be read, or are fewer than the protocol shows.
    """
    images = load(protocol.images)
    available = len(images) - HELD_OUT
    if protocol.steps * protocol.batch > protocol.passes * available:
        often = "once" if protocol.passes == 1 else f"{protocol.passes} times"
        raise InputError(
            f"{protocol.steps} steps of batch {protocol.batch}: expected at most "
            f"{max(0, protocol.passes * available)} images of {images.name}, for {HELD_OUT} of "
            f"{len(images)} are held out, and none is shown more than {often}; "
            "take fewer steps, a smaller batch, or more passes or images"
        )
    return images


def batches_of(protocol: Protocol, seed: int, replicate: int) -> Batches:
    """Which images one replicate is trained on and tested on, drawn without repetition.

    Every further pass, where the protocol has more, goes through the same images in an order of
    its own. Raises ``DomainError`` as ``images_of`` does.
    """
    count, shown = len(images_of(protocol)), protocol.steps * protocol.batch
    generator = data_generator(seed, replicate)
    order = generator.permutation(count)
    held_out, rest = order[:HELD_OUT], order[HELD_OUT:]
    passes = [rest]
    while len(passes) * len(rest) < shown:
        passes.append(generator.permutation(rest))
    training = np.concatenate(passes)[:shown].reshape(protocol.steps, protocol.batch)
    return Batches(training, held_out)
