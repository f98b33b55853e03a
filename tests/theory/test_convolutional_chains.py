"""The first step of convolutional chains: with windows and positions written out, and its limit."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import (
    Activation,
    Architecture,
    Cell,
    Convolution,
    DomainError,
    Padding,
    Parameterization,
    Power,
    Role,
    RoleScaling,
    am_mup,
    chain,
    mup,
    ntk,
    residual,
    standard,
)
from theory.arrays import FloatArray
from theory.exact.first_step import maximal_update_rate, stream_change, stream_changes

FASTER = am_mup().with_rates_times(Power(depth="1/2", width="-1/3"), "rates times a power")
LARGER = RoleScaling(multiplier=Power(depth="1/4"), std=Power(width="1/4"), rate=Power(width=1))
SCALES = [
    am_mup(),
    mup(),
    standard(),
    ntk(),
    FASTER,
    am_mup().changed("larger signals", {Role.INPUT: LARGER}),
]


def of_images(convolution: Convolution, variance_factor: Fraction = Fraction(2)) -> Architecture:
    return replace(chain(variance_factor), convolution=convolution)


def written_out(convolution: Convolution, depth: int, c: float, gram: FloatArray) -> FloatArray:
    """S_l at every position's mean, for any image: kernels of pairs and triples of positions.

    Windows are sums over shifts; a triple is (q, p, p') of tr T(q, p) T(q, p')^T / n.
    """
    count, taps = convolution.positions, convolution.taps
    grid = np.arange(count).reshape((convolution.side,) * convolution.dimensions)
    reach = range(-(convolution.kernel // 2), convolution.kernel // 2 + 1)
    axes = tuple(range(convolution.dimensions))
    shifts = [np.roll(grid, shift, axes).ravel() for shift in product(reach, repeat=len(axes))]

    def windows(kernel: FloatArray) -> FloatArray:
        return sum(kernel[np.ix_(s, s)] for s in shifts) / taps  # type: ignore[return-value]

    def back(kernel: FloatArray) -> FloatArray:
        inverse = [np.argsort(s) for s in shifts]
        return sum(kernel[np.ix_(s, s)] for s in inverse) / taps  # type: ignore[return-value]

    states, slopes, triples = [windows(gram)], [], []
    overlaps = [windows(gram)]
    for _ in range(depth):
        deviations = np.sqrt(np.diag(states[-1]))
        correlation = np.clip(states[-1] / np.outer(deviations, deviations), -1, 1)
        np.fill_diagonal(correlation, 1)  # an angle of 0 is lost in rounding
        angle = np.arccos(correlation)
        features = np.sqrt(1 - correlation**2) + correlation * (np.pi - angle)
        features *= np.outer(deviations, deviations) / (2 * np.pi)
        slopes.append((np.pi - angle) / (2 * np.pi))
        sines = np.arcsin(correlation)
        pairs = sines[:, :, None] + sines[:, None, :] + sines[None, :, :]
        triples.append(1 / 8 + pairs / (4 * np.pi))
        overlaps.append(windows(features))
        states.append(c * overlaps[-1])
    gradients = [slopes[-1] / count**2]
    for slope in reversed(slopes[:-1]):
        gradients.append(c * back(gradients[-1]) * slope)
    gradients.reverse()
    trace = overlaps[0]
    second = trace[:, :, None] * trace[:, None, :]
    moments = [np.einsum("ps,qps->", gradients[0], second) / count]
    for layer in range(depth - 1):
        both = trace[:, :, None] * trace[:, None, :]
        met = triples[layer] * both + slopes[layer] * (second - both) / 2
        seen = sum(met[:, s][:, :, s] for s in shifts)
        seen = sum(seen[s] for s in shifts)
        trace = c * overlaps[layer + 1] + c * windows(slopes[layer] * trace)
        second = trace[:, :, None] * trace[:, None, :] + (c / taps) ** 2 * seen
        moments.append(np.einsum("ps,qps->", gradients[layer + 1], second) / count)
    return np.array(moments)


@given(
    st.sampled_from([Convolution(1, 3, 7), Convolution(1, 5, 5), Convolution(2, 3, 3)]),
    st.integers(1, 8),
    st.fractions(1, 3, max_denominator=2),
)
@settings(max_examples=20)
def test_windows_and_dimensions_cancel(
    convolution: Convolution, depth: int, variance_factor: Fraction
) -> None:
    """The two numbers of each kernel are those of all pairs, with every window written out."""
    network = of_images(convolution, variance_factor)
    expected = written_out(
        convolution, depth, float(variance_factor), np.eye(convolution.positions)
    )
    moments = stream_changes(network, am_mup(), Cell(32, depth))
    np.testing.assert_allclose(moments, expected, rtol=1e-9)


@given(
    st.sampled_from([*SCALES, *(scale.in_variance_convention() for scale in SCALES)]),
    st.fractions(1, 3, max_denominator=2),
    st.integers(2, 64),
    st.integers(1, 40),
)
def test_one_position_is_a_vector(
    parameterization: Parameterization, variance_factor: Fraction, width: int, depth: int
) -> None:
    """Scales and rates, of both conventions, are those of vectors."""
    cell = Cell(width, depth)
    alone = of_images(Convolution(1, 1, 1), variance_factor)
    np.testing.assert_allclose(
        stream_changes(alone, parameterization, cell),
        stream_changes(chain(variance_factor), parameterization, cell),
        rtol=1e-9,
    )


def test_one_colour_is_a_vector() -> None:
    """Positions that are alike: the recursion with all pairs knows them, too."""
    convolution = Convolution(1, 3, 6)
    alike = written_out(convolution, 9, 2.0, np.ones((6, 6)))
    np.testing.assert_allclose(alike, stream_changes(chain(), am_mup(), Cell(32, 9)), rtol=1e-7)


def local_powers(network: Architecture, depths: list[int]) -> list[float]:
    """Of the maximal-update rate, from each depth to twice as many layers."""
    rates = {
        depth: maximal_update_rate(network, am_mup(), Cell(32, depth))
        for depth in {*depths, *(2 * depth for depth in depths)}
    }
    return [math.log2(rates[2 * depth] / rates[depth]) for depth in depths]


@pytest.mark.parametrize("side", [4, 16, 64])
def test_the_power_tends_to_three_halves_with_a_logarithm(side: int) -> None:
    """What is left goes as (a log L + b) / L: times L it grows by the same with every doubling."""
    depths = [512, 1024, 2048]
    powers = local_powers(of_images(Convolution(1, 3, side)), depths)
    left = [depth * (power + 1.5) for depth, power in zip(depths, powers, strict=True)]
    first, second = (after - before for before, after in pairwise(left))
    assert second > 0.5
    assert first == pytest.approx(second, rel=0.1)
    assert powers[-1] == pytest.approx(-1.5, abs=0.01)


def test_before_it_is_steeper_and_then_less_steep_than_in_vectors() -> None:
    """From 4 to 16 layers, and from 32 to 64; what L^3 / S tends to is another number, too."""
    images, vectors = of_images(Convolution(1, 3, 16)), chain()
    ours, theirs = (local_powers(network, [4, 8, 32]) for network in (images, vectors))
    assert ours[0] < theirs[0]
    assert ours[1] < theirs[1]
    assert ours[2] == pytest.approx(-1.394, abs=1e-3)
    assert theirs[2] == pytest.approx(-1.477, abs=1e-3)
    far = Cell(32, 4096)
    ratio = maximal_update_rate(images, am_mup(), far) / maximal_update_rate(vectors, am_mup(), far)
    assert ratio == pytest.approx(5.7, rel=0.02)


def test_the_last_layer_is_one_of_them() -> None:
    network, cell = of_images(Convolution()), Cell(32, 12)
    last = stream_changes(network, am_mup(), cell)[-1]
    assert stream_change(network, am_mup(), cell) == pytest.approx(last**0.5)


def test_an_independent_backward_pass_is_refused() -> None:
    with pytest.raises(DomainError, match="leave decoupled out"):
        stream_changes(of_images(Convolution()), am_mup(), Cell(32, 4), decoupled=True)


@pytest.mark.parametrize(
    "architecture",
    [
        of_images(Convolution(padding=Padding.ZERO)),
        replace(of_images(Convolution()), activation=Activation.TANH),
        replace(of_images(Convolution()), dropout=Fraction(1, 10)),
        replace(residual(1), convolution=Convolution()),
    ],
    ids=str,
)
def test_other_convolutional_networks_are_refused(architecture: Architecture) -> None:
    with pytest.raises(DomainError, match="ReLU chains with circular padding"):
        maximal_update_rate(architecture, am_mup(), Cell(32, 4))
