"""Neural feature dynamics: the coupled forward-backward system of one-layer blocks, by particles.

A17 of arXiv 2512.21075: under depth-muP and SGD, width to infinity turns the coordinates of the
stream into independent particles and depth to infinity their increments into diffusions. Here a
particle carries, for every step k and input b, its stream h and its gradient g = n df/dh;
expectations are means over particles, the diffusions Euler-Maruyama sums over depth. Imports numpy
and ``theory``.

At each depth the initial weights act on the features phi(h) of all steps and inputs as one Gaussian
field over particles, with covariance E phi phi, and their transpose on the gradients g with
covariance E g g. Training adds a drift along earlier gradients (forward) and earlier features
(backward). The published limit takes the two fields as independent (gradient independence). With
reused weights each answers the other: what the forward field does along directions in which the
backward one was asked is already decided. ``reused=True`` keeps this response, so that both
readings can be compared with finite networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from theory.architecture import Architecture
from theory.arrays import FloatArray
from theory.errors import InputError, NoTheoryError
from theory.exact.gaussian import MOMENTS
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.presets import depth_mup
from theory.scaling import Cell

# A direction is new if more than this share of its length lies outside the span so far: far above
# rounding, far below what a small learning rate adds.
_NEW_DIRECTION = 1e-12


@dataclass(frozen=True, slots=True)
class Summary:
    """A number of the limit with its standard error over independent particle systems."""

    mean: FloatArray
    error: FloatArray


@dataclass(frozen=True, slots=True)
class FeatureDynamics:
    """Deterministic summaries of k SGD steps on B inputs with P steps of depth.

    ``outputs``: (k + 1, B), f before each step and after the last. ``stream``: (k + 1, P + 1, B,
    B), covariances of the stream at every depth. ``gradients``: (k, P + 1, B, B), those of n df/dh
    before each step. ``stream_change``: (k + 1, B), root mean square change of the last stream
    state since initialization. ``kurtosis``: (k + 1, B), E h^4 / (E h^2)^2 of that state.
    """

    outputs: Summary
    stream: Summary
    gradients: Summary
    stream_change: Summary
    kurtosis: Summary


class _Field:
    """One Gaussian matrix of entries N(0, 1/N), revealed only where it is asked.

    Right queries x give W x, left queries W^T y. Asked directions are kept as orthonormal bases
    with their images, so that repeated and dependent queries get consistent answers.
    """

    def __init__(self, size: int, generator: np.random.Generator) -> None:
        self._generator = generator
        empty = np.empty((size, 0))
        self._right, self._right_images = empty, empty
        self._left, self._left_images = empty, empty

    def apply(self, x: FloatArray) -> FloatArray:
        """W x for the columns of x: (N, B) to (N, B)."""
        answer, self._right, self._right_images = self._ask(
            x, self._right, self._right_images, self._left, self._left_images
        )
        return answer

    def apply_transpose(self, y: FloatArray) -> FloatArray:
        """W^T y for the columns of y: (N, B) to (N, B)."""
        answer, self._left, self._left_images = self._ask(
            y, self._left, self._left_images, self._right, self._right_images
        )
        return answer

    def _ask(
        self,
        queries: FloatArray,
        basis: FloatArray,
        images: FloatArray,
        other: FloatArray,
        other_images: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        size = len(queries)
        rest = queries - basis @ (basis.T @ queries)
        rest -= basis @ (basis.T @ rest)  # twice is enough (Kahan)
        directions, lengths, _ = np.linalg.svd(rest, full_matrices=False)
        fresh = directions[:, lengths > _NEW_DIRECTION * np.linalg.norm(queries)]
        fresh -= basis @ (basis.T @ fresh)  # short remainders carry rounding of the long ones
        fresh = np.linalg.qr(fresh)[0]
        noise = self._generator.standard_normal((size, fresh.shape[1])) / np.sqrt(size)
        # Along directions asked from the other side the answer is already decided.
        decided = other @ (other_images.T @ fresh)
        new_images = noise - other @ (other.T @ noise) + decided
        basis = np.concatenate([basis, fresh], axis=1)
        images = np.concatenate([images, new_images], axis=1)
        return images @ (basis.T @ queries), basis, images


def simulate(
    architecture: Architecture,
    inputs: FloatArray,
    labels: FloatArray,
    steps: int,
    rate: float,
    reused: bool,
    depth: int = 64,
    particles: int = 20_000,
    systems: int = 4,
    seed: int = 0,
) -> FeatureDynamics:
    """k SGD steps on the mean of (f - y)^2 / 2 at base rate eta.

    ``inputs`` is the Gram matrix x.x'/d of shape (B, B), ``labels`` has shape (B,). The
    ``particles`` are split over independent ``systems``, whose spread is the particle error. Raises
    ``DomainError`` for an architecture other than one-layer residual blocks, labels that do not
    fit the inputs, or a single system.
    """
    if not architecture.is_one_layer_pre_activation:
        raise NoTheoryError(f"{architecture}: expected pre-activation residual blocks of one layer")
    if inputs.shape != (len(labels), len(labels)):
        raise InputError(
            f"inputs of shape {inputs.shape} for {len(labels)} labels: expected x.x'/d"
        )
    if systems < 2:
        raise InputError(f"{systems} systems: at least two are needed to see a particle error")
    sequence = np.random.SeedSequence(seed)
    runs = [
        _System(architecture, inputs, labels, rate, reused, depth, particles // systems, child).run(
            steps
        )
        for child in sequence.spawn(systems)
    ]
    return FeatureDynamics(*(_summary(list(parts)) for parts in zip(*runs, strict=True)))


def _summary(values: list[FloatArray]) -> Summary:
    stacked = np.array(values)
    error = stacked.std(axis=0, ddof=1) / np.sqrt(len(values))
    return Summary(stacked.mean(axis=0), np.asarray(error))


class _System:
    """One particle system: the state of k SGD steps."""

    def __init__(
        self,
        architecture: Architecture,
        inputs: FloatArray,
        labels: FloatArray,
        rate: float,
        reused: bool,
        depth: int,
        particles: int,
        sequence: np.random.SeedSequence,
    ) -> None:
        moments = MOMENTS[architecture.activation]
        self._phi, self._slope = moments.value, moments.derivative
        self._inputs, self._labels = inputs, labels
        self._rate = rate / len(labels)
        self._step = float(architecture.variance_factor) / depth
        generator = np.random.default_rng(sequence)
        values, vectors = np.linalg.eigh(inputs)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        self._start = generator.standard_normal((particles, len(labels))) @ root.T
        self._readout = generator.standard_normal((particles, 1))
        self._forward = [_Field(particles, generator) for _ in range(depth)]
        self._backward = self._forward
        if not reused:
            self._backward = [_Field(particles, generator) for _ in range(depth)]
        # Of each SGD step done: residuals chi (B,), features and gradients of every depth.
        self._residuals: list[FloatArray] = []
        self._features: list[list[FloatArray]] = []
        self._gradients: list[list[FloatArray]] = []
        self._last: list[FloatArray] = []

    def run(self, steps: int) -> tuple[FloatArray, ...]:
        """What ``FeatureDynamics`` summarizes, in its order, step by step."""
        outputs, streams, gradients, changes, kurtoses = [], [], [], [], []
        first: FloatArray | None = None
        for step in range(steps + 1):
            stream = self._forward_pass()
            first = stream[-1] if first is None else first
            readout = self._readout_now()
            outputs.append((readout * stream[-1]).mean(axis=0))
            streams.append([h.T @ h / len(h) for h in stream])
            changes.append(np.sqrt(np.square(stream[-1] - first).mean(axis=0)))
            squares = np.square(stream[-1])
            kurtoses.append(np.square(squares).mean(axis=0) / np.square(squares.mean(axis=0)))
            if step < steps:
                back = self._backward_pass(stream, readout)
                gradients.append([g.T @ g / len(g) for g in back])
                self._residuals.append(outputs[-1] - self._labels)
                self._features.append([self._phi(h) for h in stream[:-1]])
                self._gradients.append(back)
                self._last.append(stream[-1])
        return tuple(map(np.array, (outputs, streams, gradients, changes, kurtoses)))

    def _forward_pass(self) -> list[FloatArray]:
        """Streams at every depth: diffusion by the initial weights, drift along gradients."""
        h = self._start.copy()
        for chi, gradients in zip(self._residuals, self._gradients, strict=True):
            h -= self._rate * gradients[0] @ (chi[:, None] * self._inputs)
        stream = [h]
        for depth, field in enumerate(self._forward):
            features = self._phi(h)
            h = h + np.sqrt(self._step) * field.apply(features)
            for chi, past, gradients in self._history():
                overlap = past[depth].T @ features / len(features)
                h -= self._rate * self._step * gradients[depth + 1] @ (chi[:, None] * overlap)
            stream.append(h)
        return stream

    def _backward_pass(self, stream: list[FloatArray], readout: FloatArray) -> list[FloatArray]:
        """Gradients n df/dh at every depth: the mirror equation, with drift along past features."""
        g = np.broadcast_to(readout, stream[-1].shape)
        gradients = [g]
        for depth in reversed(range(len(self._backward))):
            below = np.sqrt(self._step) * self._backward[depth].apply_transpose(g)
            for chi, past, earlier in self._history():
                overlap = earlier[depth + 1].T @ g / len(g)
                below -= self._rate * self._step * past[depth] @ (chi[:, None] * overlap)
            g = g + self._slope(stream[depth]) * below
            gradients.append(g)
        return gradients[::-1]

    def _readout_now(self) -> FloatArray:
        readout = self._readout.copy()
        for chi, last in zip(self._residuals, self._last, strict=True):
            readout -= self._rate * (last @ chi)[:, None]
        return readout

    def _history(self) -> list[tuple[FloatArray, list[FloatArray], list[FloatArray]]]:
        return list(zip(self._residuals, self._features, self._gradients, strict=True))


# Particles of a predicted value: its error is then a few thousandths.
PARTICLES, SYSTEMS = 120_000, 4
# A run of four steps begins with those of one and of two, which are wanted as well.
STEPS = 4


@cache
def _fitted(
    architecture: Architecture, depth: int, steps: int, rate: float, reused: bool
) -> dict[Observable, FloatArray]:
    """(steps + 1,): before each step on one input with label 1, and after the last."""
    one = np.ones((1, 1))
    dynamics = simulate(
        architecture, one, one[0], steps, rate, reused, depth, PARTICLES, systems=SYSTEMS
    )
    return {
        Observable.FITTED_OUTPUT: dynamics.outputs.mean[:, 0],
        Observable.FITTED_SECOND_MOMENT: dynamics.stream.mean[:, -1, 0, 0],
        Observable.FITTED_KURTOSIS: dynamics.kurtosis.mean[:, 0],
    }


@dataclass(frozen=True, slots=True)
class Fitted:
    """An observable of fitting after k steps on one input, at infinite width and a cell's depth.

    By particles, with an error of a few thousandths of the value; ``reused`` or independent
    backward weights. Raises ``NoTheoryError`` for another parameterization than depth-muP by SGD.
    """

    observable: Observable
    steps: int
    rate: Fraction
    reused: bool

    def __call__(
        self, architecture: Architecture, parameterization: Parameterization, cell: Cell
    ) -> float:
        """The value at one cell."""
        if parameterization != depth_mup():
            raise NoTheoryError(
                f"{parameterization.name}: the particle system is that of depth_mup"
            )
        steps = max(self.steps, STEPS)
        curves = _fitted(architecture, cell.depth, steps, float(self.rate), self.reused)
        return float(curves[self.observable][self.steps])

    @property
    def __name__(self) -> str:
        """For relations, which say where their numbers come from."""
        weights = "reused" if self.reused else "independent"
        return f"{self.observable}(steps={self.steps}, rate={self.rate}, {weights} weights)"
