"""Hypothesis strategies: architectures and parameterizations with mistakes. Imports hypothesis.

They draw what power counting and networks are asked about, simple ones first.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields, replace
from fractions import Fraction

from hypothesis import strategies as st

from theory.architecture import (
    Activation,
    Architecture,
    BlockForm,
    Family,
    Normalization,
    chain,
    residual,
    transformer,
)
from theory.cures import ATTENTION_SCALE, Change
from theory.errors import InputError
from theory.parameterization import Optimizer, Parameterization
from theory.parts import Parts
from theory.presets import preset
from theory.scaling import Axis, Power

_PRESETS = ("completep", "depth_mup", "mup", "am_mup", "ntk", "standard")
_QUARTERS = (Fraction(-1, 4), Fraction(1, 4), Fraction(-1, 2), Fraction(1, 2))
MOST_CHANGES = MOST_PARTS = 2
_PARTS = tuple(part.name for part in fields(Parts))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A network under a preset of which some exponents are changed."""

    architecture: Architecture
    start: str
    optimizer: Optimizer
    changes: tuple[Change, ...]

    @property
    def parameterization(self) -> Parameterization:
        """The changed preset, under a name that says so."""
        made = preset(self.start, self.optimizer)
        for change in self.changes:
            made = change.applied(made)
        return replace(made, name=" with ".join([self.start, *map(str, self.changes)]))

    def __str__(self) -> str:
        return f"{self.parameterization.name}, {self.optimizer}: {self.architecture}"


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Residual networks of every form, transformers and ReLU chains, with up to two parts."""
    plain = draw(plain_architectures())
    names = draw(st.lists(st.sampled_from(_PARTS), max_size=MOST_PARTS, unique=True))
    found = plain
    for name in names:
        parts = replace(found.parts, **{name: True})
        with suppress(InputError):  # a part that such a network does not have
            found = replace(found, parts=parts)
    return found


def plain_architectures() -> st.SearchStrategy[Architecture]:
    """The same without parts."""
    blocks = st.builds(
        residual,
        st.integers(1, 3),
        st.sampled_from([Activation.RELU, Activation.TANH, Activation.GELU]),
        st.sampled_from(BlockForm),
    )
    normalized = st.integers(1, 3).map(
        lambda layers: residual(layers, normalization=Normalization.RMS)
    )
    return st.one_of(blocks, normalized, st.just(transformer()), st.just(chain()))


@st.composite
def changes(draw: st.DrawFn, architecture: Architecture) -> Change:
    """One exponent by a quarter or a half."""
    exponent, axis = draw(st.sampled_from(_QUARTERS)), draw(st.sampled_from(Axis))
    factor = Power(width=exponent) if axis is Axis.WIDTH else Power(depth=exponent)
    parts = ["initialization", "multiplier", "rate"]
    if architecture.family is not Family.CHAIN:
        parts.append("residual multiplier")
    if architecture.family is Family.TRANSFORMER:
        parts.append(ATTENTION_SCALE)
    part = draw(st.sampled_from(parts))
    if part in ("residual multiplier", ATTENTION_SCALE):
        return Change((), part, factor)
    roles = architecture.matrix_roles if part == "initialization" else architecture.roles
    return Change((draw(st.sampled_from(roles)),), part, factor)


@st.composite
def variants(draw: st.DrawFn) -> Drawn:
    """A network, a preset, an optimizer, and up to two changes."""
    architecture = draw(architectures())
    return Drawn(
        architecture,
        draw(st.sampled_from(_PRESETS)),
        draw(st.sampled_from(Optimizer)),
        tuple(draw(st.lists(changes(architecture), max_size=MOST_CHANGES))),
    )
