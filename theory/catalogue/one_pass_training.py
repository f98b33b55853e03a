"""Claims B9 to B11: the best learning rate of one pass over the data, and what carrying it costs.

Source: arXiv 2510.04327. One pass shows 1536 digits once; the held-out loss behind it is that of
the training distribution, for nothing was seen twice. Its batches are of 32, and of 8 for chains,
which learn little in 48 steps. SGD without momentum; and beyond the source, other optimizers and
ten passes. ``scaleproof verify --data`` tries the same on other images (B11). What
``other_readings`` tries is the same by the loss of the batches that are learned.
Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from theory.architecture import Architecture, Family, chain, residual
from theory.catalogue import sources
from theory.catalogue.statements import best_rate_claim
from theory.convolution import Convolution
from theory.experiments import Experiment, Setting, Training
from theory.observables import Observable
from theory.parameterization import Optimizer
from theory.power_counting import with_matched_epsilon
from theory.prediction import (
    Citation,
    Control,
    Grid,
    Prediction,
    Regime,
    Rival,
    product,
    ray,
)
from theory.presets import am_mup, depth_mup
from theory.relations import BestRateExponentEquals, TransferRegretAtMost
from theory.scaling import Axis, Power

# From where nothing is learned on, by which the price of a diverging transfer is set.
RATES = tuple(Fraction(2) ** k for k in range(-8, 2))
# Where campaigns found Adam's best rates, and a power more; an end that is best widens the grid.
ADAM_RATES = tuple(Fraction(2) ** k for k in range(-6, 1))
ONE_PASS = Training(batch=32, steps=48, rate=RATES[0])
MANY_STEPS = replace(ONE_PASS, batch=8, steps=192)
ROWS = Convolution(dimensions=1, kernel=3, side=8)  # of a digit, with their pixels side by side
PUBLISHED = Fraction(-3, 2)
STATED = "stated by the source"

TRAINING_MARGIN = Fraction(1, 5)
TRAINING_REASON = (
    "less than half of the step between neighbouring half-integer exponents: few depths can be "
    "trained, and the best rate of a replicate is noisy"
)
REGRET_MARGIN = Fraction(1, 10)
REGRET_REASON = "a tenth of a nat of log loss; a rate that is off by a factor 2 costs about as much"


def _blocks(convolution: Convolution | None) -> Architecture:
    return replace(residual(1), variance_factor=Fraction(2), convolution=convolution)


def _setting(architecture: Architecture, experiment: Experiment) -> Setting:
    return Setting(architecture, am_mup(), experiment)


@dataclass(frozen=True)
class _Kind:
    """A kind of network, and how it is trained."""

    name: str
    what: str
    setting: Setting
    regime: Regime

    @property
    def in_blocks(self) -> bool:
        return self.setting.architecture.family is Family.RESIDUAL

    @property
    def elsewhere(self) -> Setting:
        """The same training of residual blocks."""
        blocks = _blocks(self.setting.architecture.convolution)
        return replace(self.setting, architecture=blocks)

    @property
    def transferring(self) -> Control:
        """Residual blocks whose best rate does not move with depth."""
        setting = replace(self.elsewhere, parameterization=depth_mup())
        return Control("depth-muP in residual blocks", setting)

    @property
    def drifting(self) -> Control:
        """Residual blocks whose best rate falls."""
        return Control("residual blocks under AM-muP", self.elsewhere)

    def moving(self, power: int) -> Control:
        """Residual blocks whose best rate moves as L^power."""
        name = f"depth_mup with rates times L^{-power}"
        moved = depth_mup().with_rates_times(Power(depth=-power), name)
        return Control(name, replace(self.elsewhere, parameterization=moved))


# Chains wander in L/n: along a ray they do so equally. In the standard profile shallow ones took a
# third of section B's time. Their exponent is at the end of the margin: eight campaigns, of up to
# 384 replicates, accepted it, left it open, or found a bend. B10 was accepted or left open there,
# with 96 replicates at the first look; deep ones accept it, and leave open what a rate costs that
# is carried over unchanged.
_CHAINS = _Kind(
    "chains",
    "ReLU chains",
    _setting(chain(), MANY_STEPS),
    Regime(None, None, (), Grid(ray(4, (8, 16, 32, 64)), 96, 16)),
)
_SHALLOW_CHAINS = replace(
    _CHAINS,
    name="shallow-chains",
    what="ReLU chains of 4 to 12 layers",
    regime=Regime(None, None, (), Grid(ray(16, (4, 6, 8, 12)), 192, 16)),
)
# 64 replicates of these depths leave every campaign undecided, and decisions take several times as
# many; deeper chains of convolutions hardly learn in one pass.
_CONV_CHAINS = _Kind(
    "conv-chains",
    "1-D convolutional ReLU chains",
    _setting(replace(chain(), convolution=ROWS), MANY_STEPS),
    Regime(None, None, (), Grid(ray(8, (4, 6, 8, 12)), 128, 8)),
)
_RESIDUAL = _Kind(
    "blocks",
    "residual networks of one-layer blocks",
    _setting(_blocks(None), ONE_PASS),
    Regime(
        None,
        Grid(product((64,), (4, 8, 16, 32)), 192, 16),
        (),
        Grid(product((64,), (4, 8, 16, 32, 64)), 48, 16),
    ),
)
_CONV_BLOCKS = _Kind(
    "conv-blocks",
    "residual networks of one convolution a block",
    _setting(_blocks(ROWS), ONE_PASS),
    Regime(
        None,
        Grid(product((32,), (4, 8, 16, 32)), 32, 8),
        (),
        Grid(product((32,), (4, 8, 16, 32, 64)), 24, 8),
    ),
)


# In blocks of two layers power counting says L^0.
_TWO_LAYERS = _Kind(
    "two-layer-blocks",
    "residual networks of two-layer blocks",
    _setting(replace(residual(2), variance_factor=Fraction(2)), ONE_PASS),
    Regime(None, None, (), Grid(product((64,), (4, 8, 16, 32, 64)), 48, 16)),
)


def _best_rate(kind: _Kind) -> Prediction:
    """B9; in chains, power counting says the same."""
    published = BestRateExponentEquals(Axis.DEPTH, PUBLISHED, STATED, RATES)
    prediction = best_rate_claim(
        f"B9.rate.depth.{kind.name}",
        f"In {kind.what} with mean-field output, the learning rate of the smallest held-out loss "
        "after one pass goes as L^-3/2.",
        Axis.DEPTH,
        kind.setting,
        RATES,
        kind.regime,
        sources.arithmetic_mean_mup("best one-epoch learning rates follow the same law"),
        kind.transferring,
        published=published if kind.in_blocks else None,
        rival_control=kind.drifting if kind is _TWO_LAYERS else None,
    )
    return replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)


def _transfer(kind: _Kind) -> Prediction:
    """B10, on B9's trials where that is tried; the rival is carried by another theory's power."""
    counted, width_only = (Fraction(-1), "power counting"), (Fraction(0), "width-muP")
    power, theory = counted if kind.in_blocks else width_only
    cite = sources.power_counting if kind.in_blocks else sources.tensor_programs_v
    return Prediction(
        id=f"B10.transfer.depth.{kind.name}",
        sentence=f"In {kind.what}, a learning rate that is best at the smallest depth L_0 and "
        "carried over as (L / L_0)^-3/2 costs at most 0.1 nats of log held-out loss at every "
        "other depth.",
        observable=Observable.TRAINED_LOSS,
        relation=TransferRegretAtMost(Axis.DEPTH, PUBLISHED, 0.0, STATED, RATES),
        setting=kind.setting,
        regime=kind.regime,
        margin=REGRET_MARGIN,
        margin_reason=REGRET_REASON,
        citation=sources.arithmetic_mean_mup("zero-shot transfer of the learning rate over depth"),
        controls=(kind.transferring,),
        rival=Rival(
            f"Carried over as (L / L_0)^{power}, it costs at most 0.1 nats.",
            TransferRegretAtMost(Axis.DEPTH, power, 0.0, f"the exponent of {theory}", RATES),
            cite(f"the exponent of {theory}"),
            kind.transferring if kind.in_blocks else kind.drifting,
        ),
    )


def _carried(kind: _Kind, power: int, theory: str, citation: Citation, off: int) -> Prediction:
    """B10's rivals by the exponent that neither the claim nor its first rival has.

    ``off``: where the best rate moves as L^``off`` instead, the cost is beyond doubt.
    """
    theirs = f"the exponent of {theory}"
    return Prediction(
        id=f"B10.transfer.depth.{kind.name}.power-{power}",
        sentence=f"In {kind.what}, a learning rate that is best at the smallest depth L_0 and "
        f"carried over as (L / L_0)^{power}, by {theirs}, costs at most 0.1 nats of log held-out "
        "loss at every other depth.",
        observable=Observable.TRAINED_LOSS,
        relation=TransferRegretAtMost(Axis.DEPTH, Fraction(power), 0.0, theirs, RATES),
        setting=kind.setting,
        regime=Regime(None, None, (), kind.regime.standard or kind.regime.full),
        margin=REGRET_MARGIN,
        margin_reason=REGRET_REASON,
        citation=citation,
        controls=(kind.moving(off),),
    )


_OTHERS = Regime(
    None,
    Grid(product((32,), (4, 8, 16, 32)), 48, 16),
    (),
    Grid(product((32,), (4, 8, 16, 32, 64)), 48, 16),
)
# Of 64 layers one optimizer takes more than half an hour of a core, and ten passes five hours.
_IN_CHAINS = replace(_CHAINS.regime, full=Grid(ray(4, (4, 8, 16, 32)), 96, 16))
_TEN_IN_CHAINS = replace(_CHAINS.regime, full=Grid(ray(4, (4, 8, 16, 32)), 64, 16))


def _beyond(kind: _Kind, regime: Regime, long_regime: Regime) -> tuple[Prediction, ...]:
    """Does the exponent hold? That of one-layer blocks is power counting's, that of chains both."""
    momentum, decay = Fraction(9, 10), Fraction(1, 10)
    architecture, once = kind.setting.architecture, kind.setting.experiment
    assert isinstance(once, Training)
    often = replace(once, steps=10 * once.steps, passes=10)
    with_adam = with_matched_epsilon(architecture, am_mup(Optimizer.ADAM))
    kinds = (
        ("momentum", "SGD with momentum 9/10", am_mup(), replace(once, momentum=momentum), RATES),
        ("adam", "Adam", with_adam, once, ADAM_RATES),
        ("adamw", "AdamW", with_adam, replace(once, weight_decay=decay), ADAM_RATES),
        ("ten-passes", "ten passes of SGD", am_mup(), often, RATES),
    )
    prefix, power = ("", "-1") if kind.in_blocks else ("chains.", "-3/2")
    predictions = []
    for name, what, parameterization, experiment, rates in kinds:
        setting = Setting(architecture, parameterization, experiment)
        transferring = depth_mup(parameterization.optimizer)
        control = Setting(_blocks(None), transferring, experiment)
        prediction = best_rate_claim(
            f"X.best-rate.depth.{prefix}{name}",
            f"In {kind.what} with AM-muP's scales, the learning rate of the smallest held-out loss "
            f"of {what} goes as L^{power}.",
            Axis.DEPTH,
            setting,
            rates,
            long_regime if experiment.passes > 1 else regime,
            sources.power_counting(f"largest stable rate: L^{power}"),
            Control("depth-muP in residual blocks", control),
        )
        predictions.append(
            replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)
        )
    return tuple(predictions)


PREDICTIONS: tuple[Prediction, ...] = (
    *(_best_rate(kind) for kind in (_CHAINS, _CONV_CHAINS, _RESIDUAL, _TWO_LAYERS, _CONV_BLOCKS)),
    *(_transfer(kind) for kind in (_CHAINS, _SHALLOW_CHAINS, _RESIDUAL)),
    _transfer(replace(_CONV_BLOCKS, regime=Regime(None, None, (), _CONV_BLOCKS.regime.full))),
    _carried(
        _SHALLOW_CHAINS,
        -1,
        "power counting in residual blocks",
        sources.power_counting("largest stable rate of one-layer blocks"),
        off=1,
    ),
    _carried(
        _RESIDUAL, 0, "width-muP", sources.tensor_programs_v("the exponent of width-muP"), off=-1
    ),
    *_beyond(_RESIDUAL, _OTHERS, _OTHERS),
    *_beyond(_CHAINS, _IN_CHAINS, _TEN_IN_CHAINS),
)
