"""The argument ARCHITECTURE: a short name of a network. Imports ``theory`` only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

from theory.architecture import (
    HOMOGENEOUS,
    Activation,
    Architecture,
    BlockForm,
    Normalization,
    chain,
    residual,
    transformer,
)
from theory.convolution import Convolution
from theory.errors import InputError, choices

_LINE, _SQUARE = Convolution(1, 3, 16), Convolution(2, 3, 8)
# A factory receives the number that stands for M in its name, or 1.
_FACTORIES: Mapping[str, Callable[[int], Architecture]] = {
    "chain": lambda _: chain(),
    "residual-M": residual,
    "normalized-M": lambda layers: residual(layers, normalization=Normalization.RMS),
    "transformer": lambda _: transformer(),
    "conv1d": lambda _: replace(chain(), convolution=_LINE),
    "conv2d": lambda _: replace(chain(), convolution=_SQUARE),
    "conv1d-residual-M": lambda layers: replace(residual(layers), convolution=_LINE),
    "conv2d-residual-M": lambda layers: replace(residual(layers), convolution=_SQUARE),
}
_LAYERS = re.compile(r"-([0-9]{1,4})$")
_LEAST, _MOST = Fraction(1, 1000), Fraction(1000)

NAMES = f"{', '.join(_FACTORIES)} (M layers in a block)"
FORMS = {form.replace(", ", "-"): form for form in BlockForm}


def architecture_of(
    name: str,
    activation: Activation = Activation.RELU,
    form: BlockForm = BlockForm.PRE_ACTIVATION,
    variance_factor: str | None = None,
) -> Architecture:
    """The architecture of a name such as ``chain`` or ``residual-2``.

    ``variance_factor`` is the c of Var W = c / fan_in, 2 for ReLU and He's otherwise. Raises
    ``InputError`` for an unknown name, a factor that is no number from 1/1000 to 1000, and
    whatever ``Architecture`` refuses.
    """
    match = _LAYERS.search(name)
    stem = name if match is None else f"{name[: match.start()]}-M"
    if stem not in _FACTORIES or name.endswith("-M"):
        raise choices("architecture", name, [NAMES])
    layers = 1 if match is None else int(match[1])
    factor = _he(activation) if variance_factor is None else _factor(variance_factor)
    base = _FACTORIES[stem](layers)
    return replace(base, activation=activation, form=form, variance_factor=factor)


def _he(activation: Activation) -> Fraction:
    """1 / E phi(Z)^2 of a homogeneous phi, which keeps the size of signals; 2 for others."""
    if activation not in HOMOGENEOUS:
        return Fraction(2)
    left, right = HOMOGENEOUS[activation]
    return 2 / (left**2 + right**2)


def _factor(text: str) -> Fraction:
    try:
        # A number such as 1e999999999 is refused before it is built.
        near = "/" in text or _LEAST / 2 <= float(text) <= 2 * _MOST
        factor = Fraction(text) if near else Fraction(0)
    except (ValueError, ZeroDivisionError):
        factor = Fraction(0)
    if not _LEAST <= factor <= _MOST:
        raise InputError(
            f"variance factor {text!r}: expected a number from 1/1000 to 1000, such as 2 or 3/2"
        )
    return factor
