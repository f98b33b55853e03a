"""Hypothesis strategies: architectures and parameterizations with mistakes. Imports hypothesis.

They draw what power counting and networks are asked about, simple ones first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from theory.cures import Change
from theory.parameterization import Optimizer, Parameterization
from theory.presets import preset
from theory.scaling import Axis, Power

_PRESETS = ("completep", "depth_mup", "mup", "am_mup", "ntk", "standard")
_QUARTERS = (Fraction(-1, 4), Fraction(1, 4), Fraction(-1, 2), Fraction(1, 2))
MOST_CHANGES = 2


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


def architectures() -> st.SearchStrategy[Architecture]:
    """Residual networks of every form, transformers and ReLU chains."""
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
    roles = list(architecture.roles)
    parts = ["initialization", "multiplier", "rate"]
    if architecture.family is not Family.CHAIN:
        parts.append("residual multiplier")
    part = draw(st.sampled_from(parts))
    chosen = () if part == "residual multiplier" else (draw(st.sampled_from(roles)),)
    return Change(chosen, part, factor)


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
