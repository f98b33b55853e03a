"""Settings by their key, and what experiments demand of networks."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.experiments import EXPERIMENTS, small
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Convolution,
    DomainError,
    Experiment,
    Family,
    Fitting,
    Normalization,
    OneStep,
    Optimizer,
    Padding,
    Parameterization,
    Parts,
    Power,
    Propagation,
    Setting,
    Training,
    chain,
    depth_mup,
    mup,
    ntk,
    residual,
    standard,
    transformer,
)

T = TypeVar("T")
PLAIN = Setting(residual(2), depth_mup(), OneStep(batch=4))
NOT_IN_KEY = {"name": "any", "source": "any", "images": "digits", "passes": 1}

ALTERNATIVES: dict[str, list[Any]] = {
    "family": list(Family),
    "activation": list(Activation),
    "layers_per_block": [1, 2, 3],
    "variance_factor": [Fraction(1), Fraction(2), Fraction(1, 2)],
    "form": list(BlockForm),
    "normalization": list(Normalization),
    "stream_width": [None, 1, 8],
    "convolution": [
        None,
        Convolution(),
        Convolution(2),
        Convolution(kernel=5),
        Convolution(side=8),
        Convolution(padding=Padding.ZERO),
    ],
    "dropout": [Fraction(0), Fraction(1, 4)],
    "parts": [Parts(), *(Parts(**{part.name: True}) for part in fields(Parts))],
    "attention": [Power(width=-1), Power(width="-1/2")],
    "name": ["depth_mup", "of ours"],
    "residual": [Power(), Power(depth=-1), Power(width=-1), Power("-1/2", "-1/2")],
    "roles": [
        preset(optimizer).roles
        for preset in (depth_mup, mup, ntk, standard)
        for optimizer in Optimizer
    ],
    "source": ["a book", "a letter"],
    "optimizer": list(Optimizer),
    "base": [None, Cell(4, 2), Cell(2, 4)],
    "batch": [2, 4],
    "after": [0, 1, 2],
    "steps": [0, 1, 2],
    "rate": [Fraction(1), Fraction(2), Fraction(1, 2)],
    "finest": [None, 3, 8],
    "independent_backward": [False, True],
    "reference": [Cell(4, 3), Cell(3, 4)],
    "momentum": [Fraction(0), Fraction(9, 10)],
    "weight_decay": [Fraction(0), Fraction(1, 10)],
    "images": ["digits", "mnist5k"],
    "passes": [1, 2],
}


def near(value: T) -> Iterator[T]:
    """The value, and those that differ in one field."""
    yield value
    for field in fields(value):  # type: ignore[arg-type]
        for other in ALTERNATIVES[field.name]:
            try:
                yield replace(value, **{field.name: other})  # type: ignore[type-var]
            except DomainError:
                continue


BASES = (residual(2), chain(), transformer(), replace(residual(2), convolution=Convolution()))
ARCHITECTURES: list[Architecture] = [item for base in BASES for item in near(base)]
PARAMETERIZATIONS: list[Parameterization] = list(near(depth_mup()))
TRIED: list[Experiment] = [item for kind in EXPERIMENTS for item in near(small(kind))]


def that_counts(setting: Setting) -> Setting:
    """The setting without what no number depends on."""

    def bare(value: T) -> T:
        named = {f.name for f in fields(value)} & NOT_IN_KEY.keys()  # type: ignore[arg-type]
        return replace(value, **{name: NOT_IN_KEY[name] for name in named})  # type: ignore[type-var]

    return Setting(setting.architecture, bare(setting.parameterization), bare(setting.experiment))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Setting, Setting]:
    """Two settings that often share a part."""

    def two(pool: list[T]) -> tuple[T, T]:
        one = draw(st.sampled_from(pool))
        return one, draw(st.one_of(st.just(one), st.sampled_from(pool)))

    networks, scales, tried = two(ARCHITECTURES), two(PARAMETERIZATIONS), two(TRIED)
    try:
        one, other = map(Setting, networks, scales, tried)
        return one, other
    except DomainError:
        assume(False)
        raise


@given(pairs())
def test_settings_share_a_key_if_and_only_if_they_give_the_same_numbers(
    pair: tuple[Setting, Setting],
) -> None:
    one, other = pair
    assert (one.key() == other.key()) == (that_counts(one) == that_counts(other))


@pytest.mark.parametrize("kind", EXPERIMENTS, ids=lambda kind: kind.name)
def test_every_field_that_counts_is_in_the_key(kind: type[Experiment]) -> None:
    settings = [Setting(residual(2), depth_mup(), tried) for tried in near(small(kind))]
    keys = {setting.key() for setting in settings}
    assert len(keys) == len({that_counts(setting) for setting in settings}) > 1


def test_every_field_of_a_network_is_in_the_key() -> None:
    networks = [Setting(item, depth_mup(), OneStep(batch=4)) for item in ARCHITECTURES]
    scaled = [Setting(residual(2), item, OneStep(batch=4)) for item in PARAMETERIZATIONS]
    for settings in (networks, scaled):
        keys = {setting.key() for setting in settings}
        assert len(keys) == len({that_counts(setting) for setting in settings}) > 1


def test_a_key_is_readable_and_stays_as_it_is() -> None:
    """Pinned, because measurements are found again by it: a change needs another version."""
    blocks = replace(residual(2), variance_factor=Fraction(1, 2), convolution=Convolution(2))
    halved = replace(depth_mup(), roles=depth_mup().roles[:2], base=Cell(4, 2))
    setting = Setting(blocks, halved, Training(batch=4, steps=3, images="mnist5k", passes=2))
    assert setting.key() == (
        '{"architecture": {"convolution": {"dimensions": 2}, "family": "residual", '
        '"layers_per_block": 2, "variance_factor": "1/2"}, '
        '"experiment": {"training": {"batch": 4, "steps": 3}}, '
        '"parameterization": {"base": {"depth": 2, "width": 4}, "residual": "L^-1/2", '
        '"roles": [["input", {"rate": "n"}], '
        '["hidden", {"multiplier": "n^-1/2", "rate": "n"}]]}, "version": 1}'
    )


def test_a_new_field_with_a_default_leaves_keys_as_they_are() -> None:
    @dataclass(frozen=True, slots=True)
    class Wider(OneStep):
        extra: int = 0

    assert replace(PLAIN, experiment=Wider(batch=4)).key() == PLAIN.key()
    assert replace(PLAIN, experiment=Wider(batch=4, extra=1)).key() != PLAIN.key()


def test_whole_numbers_have_one_key_and_inexact_ones_have_none() -> None:
    rates: list[Any] = [Fraction(2), 2]
    keys = {replace(PLAIN, experiment=Training(4, rate=rate)).key() for rate in rates}
    assert len(keys) == 1
    with pytest.raises(DomainError, match=r"0\.25 is a float; settings are exact"):
        replace(PLAIN, experiment=Training(batch=4, rate=0.25)).key()  # type: ignore[arg-type]


def test_only_learning_has_another_rate() -> None:
    half = Fraction(1, 2)
    assert Fitting(batch=1).at_rate(half) == Fitting(batch=1, rate=half)
    assert Propagation(batch=1).at_rate(Fraction(1)) == Propagation(batch=1)
    with pytest.raises(DomainError, match="propagation at rate 1/2: no steps are taken"):
        Propagation(batch=1).at_rate(half)


def test_only_training_shows_images() -> None:
    assert Training(batch=1).on_images("mnist5k") == Training(batch=1, images="mnist5k")
    assert Training(batch=1).images == "digits"
    assert OneStep(batch=1).on_images("mnist5k") == OneStep(batch=1)
    assert OneStep(batch=1).images is None
