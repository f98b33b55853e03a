"""What several modules of the catalogue share: margins, protocols, networks, regimes and controls.

Imports ``theory`` only, and no module of the catalogue.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, BlockForm, Role, chain, residual
from theory.convolution import Convolution
from theory.experiments import Experiment, OneStep, Propagation, Setting, Training
from theory.parameterization import Parameterization, RoleScaling
from theory.prediction import Control, Grid, Regime, product, ray
from theory.presets import am_mup, depth_mup, mup
from theory.scaling import Power

# Where a relation is from, if it is neither power counting's nor an exact theory's.
BY_THE_SOURCE = "stated by the source"
OURS = "asked by this project: no source says so"

EXPONENT_MARGIN = Fraction(1, 10)
EXPONENT_REASON = "a fifth of the step between neighbouring half-integer exponents"
VALUE_MARGIN = Fraction(3, 100)
FACTOR_MARGIN = Fraction(1, 10)
FACTOR_REASON = "a tenth of the rate: less than the step of any sweep"
SLIGHT_MARGIN = Fraction(1, 50)
SLIGHT_REASON = "the smallest difference of exponents, or of logarithms of rates, that counts"
TRAINING_MARGIN = Fraction(1, 5)
TRAINING_REASON = (
    "less than half of the step between neighbouring half-integer exponents: few depths can be "
    "trained, and the best rate of a replicate is noisy"
)

AT_INITIALIZATION = Propagation(batch=4)
FIRST_STEP = OneStep(batch=4)
# For one input the exact numbers of ``theory.exact.first_step`` do not depend on the data, or,
# where that is an image, only on how its positions are correlated.
FIRST_STEP_ON_ONE_INPUT = OneStep(batch=1)
# Forty steps on digits, and one pass over 1536 of them; a sweep begins at the rate given here.
FORTY_STEPS = Training(batch=16, steps=40, rate=Fraction(1, 16))
ONE_PASS = Training(batch=32, steps=48, rate=Fraction(1, 256))

# Fitting one input: the first step closes half of the distance to its label.
FITTING_RATE = Fraction(1, 8)


def powers_of_two(lowest: int, highest: int) -> tuple[Fraction, ...]:
    """The learning rates of a sweep, from 2^lowest to 2^highest."""
    return tuple(Fraction(2) ** k for k in range(lowest, highest + 1))


_DEPTHS = (8, 16, 32, 64)
STEP_ALONG_DEPTH = Regime(
    quick=Grid(product((128,), (*_DEPTHS, 128)), 48, 8),
    standard=Grid(product((256,), (*_DEPTHS, 128)), 32, 16),
    full=Grid(product((4096,), (*_DEPTHS, 128, 256)), 32, 8),
)
# Adam's first step is no combination of gradients: matrices, and narrower networks.
ADAM_STEP_ALONG_DEPTH = Regime(
    quick=Grid(product((64,), _DEPTHS), 48, 8),
    standard=Grid(product((128,), _DEPTHS), 48, 8),
    full=Grid(product((256,), (*_DEPTHS, 128, 256)), 32, 8),
)
START_ALONG_DEPTH = Regime(
    quick=Grid(product((128,), _DEPTHS), 48, 8),
    standard=Grid(product((256,), (*_DEPTHS, 128)), 48, 8),
    full=Grid(product((4096,), (*_DEPTHS, 128, 256)), 32, 8),
)

# Along n = 16 L fluctuations of convolutional chains grow no faster than to those of a chain of
# vectors. Positions are independent at the input, and nearly equal after a few layers: the exponent
# is read from depth 2 on, and moves by a twentieth.
_IMAGE_DEPTHS = (2, 4, 8, 16, 32)
IMAGE_CHAINS = Regime(
    standard=Grid(ray(16, _IMAGE_DEPTHS), 256, 64),
    full=Grid(ray(16, (4, 8, 16, 32, 64, 128)), 256, 64),
)
IMAGE_CHAINS_OF_WIDE_WINDOWS = replace(IMAGE_CHAINS, standard=Grid(ray(16, _IMAGE_DEPTHS), 160, 40))
SQUARE_IMAGE_CHAINS = Regime(
    standard=Grid(ray(16, _IMAGE_DEPTHS), 96, 32),
    full=Grid(ray(16, (4, 8, 16, 32, 64, 128)), 64, 32),
)

IN_CONV_BLOCKS = Regime(
    standard=Grid(product((64,), (8, 16, 32, 64, 128)), 96, 24),
    full=Grid(product((256,), (8, 16, 32, 64, 128, 256)), 96, 24),
)

LINE = Convolution(dimensions=1, kernel=3, side=16)
SQUARE = Convolution(dimensions=2, kernel=3, side=8)


def one_step(
    architecture: Architecture, experiment: Experiment = FIRST_STEP_ON_ONE_INPUT
) -> Setting:
    """The first step under AM-muP, on one image unless an experiment is given."""
    return Setting(architecture, am_mup(), experiment)


def conv_blocks(layers: int, form: BlockForm = BlockForm.PRE_ACTIVATION) -> Architecture:
    """Convolution, or convolution and a layer at each position, with c = 2."""
    return replace(residual(layers, form=form), variance_factor=Fraction(2), convolution=LINE)


def altered(setting: Setting, **changes: object) -> Setting:
    """The setting with another architecture."""
    architecture = replace(setting.architecture, **changes)  # type: ignore[arg-type]
    return replace(setting, architecture=architecture)


CONV_CHAIN = one_step(replace(chain(), convolution=LINE))


def wide_readout() -> Parameterization:
    """Entries of order n^-1/2 instead of n^-1 in the readout: not a mean-field output any more."""
    readout = RoleScaling(std=Power(width="-1/2"), rate=Power(width=-1))
    return am_mup().changed("am_mup with output entries n^-1/2", {Role.OUTPUT: readout})


def rates_times(
    setting: Setting, factor: Power, shifted: Power, name: str | None = None
) -> Control:
    """The same network with every learning rate multiplied: its measurement times ``shifted``.

    ``shifted`` is the factor to the power with which the observable goes as the rate, or, of a best
    learning rate, the factor itself (see ``Control``).
    """
    usual = setting.parameterization
    name = name or f"{usual.name} with rates times {factor}"
    moved = usual.with_rates_times(factor, name)
    return Control(name, replace(setting, parameterization=moved), shifted)


def half_variance(setting: Setting) -> Control:
    """A control: signals of a chain shrink by a factor with each layer."""
    thinner = altered(setting, variance_factor=Fraction(1))
    return Control("Var W = 1/fan_in instead of 2/fan_in", thinner)


def he_initialized(setting: Setting) -> Control:
    """A control: signals grow by a factor with each block."""
    he = replace(setting, parameterization=mup().in_variance_convention())
    return Control("He initialization without the factor 1/K", he)


def another_power(setting: Setting) -> Control:
    """Another power of depth than the published or the counted one, at any depth.

    (Without 1/K, signals leave the range of float32 behind 64 blocks.) In blocks of two layers it
    is the claim's own maximal-update rate times L, for rates are divided by L.
    """
    if setting.architecture.layers_per_block == 1:
        return Control("depth-muP", replace(setting, parameterization=depth_mup()))
    slower = "am_mup with rates times 1/L"
    return rates_times(setting, Power(depth=-1), Power(depth=1), slower)
