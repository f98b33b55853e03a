"""Claims B9 to B11: the best learning rate of one pass over the data, and what carrying it costs.

Source: arXiv 2510.04327. One pass shows 1536 digits once; the held-out loss behind it is that of
the training distribution, for nothing was seen twice. Its batches are of 32, and of 8 for chains,
which learn little in 48 steps. SGD without momentum; and beyond the source, other optimizers and
ten passes. ``scaleproof verify --data`` tries the same on other images (B11). The same by the loss
of the batches that are learned is ``BY_TRAINING_LOSS``, the other reading of B9's best rate; in the
full profile. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from theory.architecture import Architecture, Family, chain, residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    BY_THE_SOURCE,
    ONE_PASS,
    TRAINING_MARGIN,
    TRAINING_REASON,
    one_step,
    powers_of_two,
)
from theory.catalogue.statements import best_rate_claim
from theory.convolution import Convolution
from theory.experiments import Setting, Training
from theory.observables import Observable
from theory.parameterization import Optimizer, Parameterization
from theory.power_counting import with_matched_epsilon
from theory.prediction import (
    Citation,
    Control,
    Grid,
    Prediction,
    Regime,
    Rival,
    Standing,
    product,
    ray,
)
from theory.presets import am_mup, depth_mup
from theory.relations import BestRateExponentEquals, TransferRegretAtMost
from theory.scaling import Axis, Power

# From where nothing is learned on, by which the price of a diverging transfer is set.
RATES = powers_of_two(-8, 1)
# Where Adam's best rates are found, and a power more; an end that is best widens the grid.
ADAM_RATES = powers_of_two(-6, 0)
MANY_STEPS = replace(ONE_PASS, batch=8, steps=192)
ROWS = Convolution(dimensions=1, kernel=3, side=8)  # of a digit, with their pixels side by side
PUBLISHED = Fraction(-3, 2)

REGRET_MARGIN = Fraction(1, 10)
REGRET_REASON = "a tenth of a nat of log loss; a rate that is off by a factor 2 costs about as much"


def _blocks(convolution: Convolution | None) -> Architecture:
    return replace(residual(1), variance_factor=Fraction(2), convolution=convolution)


@dataclass(frozen=True)
class _Kind:
    """A kind of network, and how it is trained."""

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


# Chains wander in L/n: along a ray they do so equally. The exponent of shallow ones is at the end
# of the margin.
_CHAINS = _Kind(
    "ReLU chains",
    one_step(chain(), MANY_STEPS),
    Regime(full=Grid(ray(4, (8, 16, 32, 64)), 96, 16)),
)
_SHALLOW_CHAINS = replace(
    _CHAINS,
    what="ReLU chains of 4 to 12 layers",
    regime=Regime(full=Grid(ray(16, (4, 6, 8, 12)), 192, 16)),
)
# Fewer replicates of these depths decide nothing; deeper chains of convolutions hardly learn in one
# pass.
_CONV_CHAINS = _Kind(
    "1-D convolutional ReLU chains",
    one_step(replace(chain(), convolution=ROWS), MANY_STEPS),
    Regime(full=Grid(ray(8, (4, 6, 8, 12)), 128, 8)),
)
_RESIDUAL = _Kind(
    "residual networks of one-layer blocks",
    one_step(_blocks(None), ONE_PASS),
    Regime(
        standard=Grid(product((64,), (4, 8, 16, 32)), 192, 16),
        full=Grid(product((64,), (4, 8, 16, 32, 64)), 48, 16),
    ),
)
_CONV_BLOCKS = _Kind(
    "residual networks of one convolution a block",
    one_step(_blocks(ROWS), ONE_PASS),
    Regime(
        standard=Grid(product((32,), (4, 8, 16, 32)), 32, 8),
        full=Grid(product((32,), (4, 8, 16, 32, 64)), 24, 8),
    ),
)
# In blocks of two layers power counting says L^0.
_TWO_LAYERS = _Kind(
    "residual networks of two-layer blocks",
    one_step(replace(residual(2), variance_factor=Fraction(2)), ONE_PASS),
    Regime(full=Grid(product((64,), (4, 8, 16, 32, 64)), 48, 16)),
)


def _best_rate(id: str, twin: str, kind: _Kind) -> Prediction:
    """B9, read of the held-out loss; in chains, power counting says the same."""
    published = BestRateExponentEquals(Axis.DEPTH, PUBLISHED, BY_THE_SOURCE, RATES)
    prediction = best_rate_claim(
        id,
        f"In {kind.what} with mean-field output, the learning rate of the smallest held-out loss "
        "after one pass goes as L^-3/2.",
        Axis.DEPTH,
        kind.setting,
        RATES,
        kind.regime,
        sources.arithmetic_mean_mup("best one-epoch learning rates follow the same law"),
        kind.transferring,
        Standing.READING,
        twin=twin,
        claimed=published if kind.in_blocks else None,
        rival_control=kind.drifting if kind is _TWO_LAYERS else None,
    )
    return replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)


def _transfer(id: str, kind: _Kind) -> Prediction:
    """B10, on B9's trials where that is tried; the rival is carried by another theory's power."""
    counted, width_only = (Fraction(-1), "power counting"), (Fraction(0), "width-muP")
    power, theory = counted if kind.in_blocks else width_only
    cite = sources.power_counting if kind.in_blocks else sources.tensor_programs_v
    return Prediction(
        id=id,
        sentence=f"In {kind.what}, a learning rate that is best at the smallest depth L_0 and "
        "carried over as (L / L_0)^-3/2 costs at most 0.1 nats of log held-out loss at every "
        "other depth.",
        observable=Observable.TRAINED_LOSS,
        relation=TransferRegretAtMost(Axis.DEPTH, PUBLISHED, 0.0, BY_THE_SOURCE, RATES),
        setting=kind.setting,
        regime=kind.regime,
        margin=REGRET_MARGIN,
        margin_reason=REGRET_REASON,
        citation=sources.arithmetic_mean_mup("zero-shot transfer of the learning rate over depth"),
        controls=(kind.transferring,),
        standing=Standing.STATED,
        rival=Rival(
            f"Carried over as (L / L_0)^{power}, it costs at most 0.1 nats.",
            TransferRegretAtMost(Axis.DEPTH, power, 0.0, f"the exponent of {theory}", RATES),
            cite(f"the exponent of {theory}"),
            kind.transferring if kind.in_blocks else kind.drifting,
        ),
    )


def _carried(
    id: str, kind: _Kind, power: int, theory: str, citation: Citation, off: int
) -> Prediction:
    """B10's rivals by the exponent that neither the claim nor its first rival has.

    ``off``: where the best rate moves as L^``off`` instead, the cost is beyond doubt.
    """
    theirs = f"the exponent of {theory}"
    return Prediction(
        id=id,
        sentence=f"In {kind.what}, a learning rate that is best at the smallest depth L_0 and "
        f"carried over as (L / L_0)^{power}, by {theirs}, costs at most 0.1 nats of log held-out "
        "loss at every other depth.",
        observable=Observable.TRAINED_LOSS,
        relation=TransferRegretAtMost(Axis.DEPTH, Fraction(power), 0.0, theirs, RATES),
        setting=kind.setting,
        regime=Regime(full=kind.regime.standard or kind.regime.full),
        margin=REGRET_MARGIN,
        margin_reason=REGRET_REASON,
        citation=citation,
        controls=(kind.moving(off),),
        standing=Standing.PROJECT,
    )


_OTHERS = Regime(
    standard=Grid(product((32,), (4, 8, 16, 32)), 48, 16),
    full=Grid(product((32,), (4, 8, 16, 32, 64)), 48, 16),
)
# Of 64 layers one optimizer takes more than half an hour of a core, and ten passes five hours.
_IN_CHAINS = replace(_CHAINS.regime, full=Grid(ray(4, (4, 8, 16, 32)), 96, 16))
_TEN_IN_CHAINS = replace(_CHAINS.regime, full=Grid(ray(4, (4, 8, 16, 32)), 64, 16))


@dataclass(frozen=True)
class _Learner:
    """An optimizer, or more passes."""

    what: str
    parameterization: Parameterization
    rates: tuple[Fraction, ...] = RATES
    momentum: Fraction = Fraction(0)
    weight_decay: Fraction = Fraction(0)
    passes: int = 1

    def taught(self, once: Training) -> Training:
        """One pass as this learner does it."""
        return replace(
            once,
            steps=self.passes * once.steps,
            passes=self.passes,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )


_WITH_MOMENTUM = _Learner("SGD with momentum 9/10", am_mup(), momentum=Fraction(9, 10))
_TEN_PASSES = _Learner("ten passes of SGD", am_mup(), passes=10)


def _adam(kind: _Kind) -> _Learner:
    with_adam = with_matched_epsilon(kind.setting.architecture, am_mup(Optimizer.ADAM))
    return _Learner("Adam", with_adam, ADAM_RATES)


def _adamw(kind: _Kind) -> _Learner:
    return replace(_adam(kind), what="AdamW", weight_decay=Fraction(1, 10))


def _beyond(id: str, kind: _Kind, learner: _Learner, regime: Regime) -> Prediction:
    """Does the exponent hold? That of one-layer blocks is power counting's, that of chains both."""
    power = "-1" if kind.in_blocks else "-3/2"
    once = kind.setting.experiment
    assert isinstance(once, Training)
    experiment = learner.taught(once)
    transferring = depth_mup(learner.parameterization.optimizer)
    prediction = best_rate_claim(
        id,
        f"In {kind.what} with AM-muP's scales, the learning rate of the smallest held-out loss "
        f"of {learner.what} goes as L^{power}.",
        Axis.DEPTH,
        Setting(kind.setting.architecture, learner.parameterization, experiment),
        learner.rates,
        regime,
        sources.power_counting(f"largest stable rate: L^{power}"),
        Control("depth-muP in residual blocks", Setting(_blocks(None), transferring, experiment)),
        Standing.PROJECT,
    )
    return replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)


def _by_training_loss(id: str, prediction: Prediction) -> Prediction:
    """The same networks and steps, by the loss of the batches that are learned.

    In one pass every batch is new until it is learned, so that both are losses of images that were
    not seen; in ten passes they are not.
    """
    return replace(
        prediction,
        id=id,
        twin=prediction.twin and prediction.id,
        sentence=prediction.sentence.replace("held-out loss", "training loss"),
        observable=Observable.TRAINING_LOSS,
        regime=Regime(full=prediction.regime.full or prediction.regime.standard),
    )


_B9_CHAINS = _best_rate("B9.rate.depth.chains", "B9.rate.depth.chains.training-loss", _CHAINS)
_B9_CONV_CHAINS = _best_rate(
    "B9.rate.depth.conv-chains", "B9.rate.depth.conv-chains.training-loss", _CONV_CHAINS
)
_B9_BLOCKS = _best_rate("B9.rate.depth.blocks", "B9.rate.depth.blocks.training-loss", _RESIDUAL)
_B9_TWO_LAYERS = _best_rate(
    "B9.rate.depth.two-layer-blocks", "B9.rate.depth.two-layer-blocks.training-loss", _TWO_LAYERS
)
_B9_CONV_BLOCKS = _best_rate(
    "B9.rate.depth.conv-blocks", "B9.rate.depth.conv-blocks.training-loss", _CONV_BLOCKS
)
_TEN_PASSES_IN_BLOCKS = _beyond("X.best-rate.depth.ten-passes", _RESIDUAL, _TEN_PASSES, _OTHERS)
_TEN_PASSES_IN_CHAINS = _beyond(
    "X.best-rate.depth.chains.ten-passes", _CHAINS, _TEN_PASSES, _TEN_IN_CHAINS
)

PREDICTIONS: tuple[Prediction, ...] = (
    _B9_CHAINS,
    _B9_CONV_CHAINS,
    _B9_BLOCKS,
    _B9_TWO_LAYERS,
    _B9_CONV_BLOCKS,
    _transfer("B10.transfer.depth.chains", _CHAINS),
    _transfer("B10.transfer.depth.shallow-chains", _SHALLOW_CHAINS),
    _transfer("B10.transfer.depth.blocks", _RESIDUAL),
    _transfer(
        "B10.transfer.depth.conv-blocks",
        replace(_CONV_BLOCKS, regime=Regime(full=_CONV_BLOCKS.regime.full)),
    ),
    _carried(
        "B10.transfer.depth.shallow-chains.power--1",
        _SHALLOW_CHAINS,
        -1,
        "power counting in residual blocks",
        sources.power_counting("largest stable rate of one-layer blocks"),
        off=1,
    ),
    _carried(
        "B10.transfer.depth.blocks.power-0",
        _RESIDUAL,
        0,
        "width-muP",
        sources.tensor_programs_v("the exponent of width-muP"),
        off=-1,
    ),
    _beyond("X.best-rate.depth.momentum", _RESIDUAL, _WITH_MOMENTUM, _OTHERS),
    _beyond("X.best-rate.depth.adam", _RESIDUAL, _adam(_RESIDUAL), _OTHERS),
    _beyond("X.best-rate.depth.adamw", _RESIDUAL, _adamw(_RESIDUAL), _OTHERS),
    _TEN_PASSES_IN_BLOCKS,
    _beyond("X.best-rate.depth.chains.momentum", _CHAINS, _WITH_MOMENTUM, _IN_CHAINS),
    _beyond("X.best-rate.depth.chains.adam", _CHAINS, _adam(_CHAINS), _IN_CHAINS),
    _beyond("X.best-rate.depth.chains.adamw", _CHAINS, _adamw(_CHAINS), _IN_CHAINS),
    _TEN_PASSES_IN_CHAINS,
)

BY_TRAINING_LOSS: tuple[Prediction, ...] = (
    _by_training_loss("B9.rate.depth.chains.training-loss", _B9_CHAINS),
    _by_training_loss("B9.rate.depth.conv-chains.training-loss", _B9_CONV_CHAINS),
    _by_training_loss("B9.rate.depth.blocks.training-loss", _B9_BLOCKS),
    _by_training_loss("B9.rate.depth.two-layer-blocks.training-loss", _B9_TWO_LAYERS),
    _by_training_loss("B9.rate.depth.conv-blocks.training-loss", _B9_CONV_BLOCKS),
    _by_training_loss("X.best-rate.depth.ten-passes.training-loss", _TEN_PASSES_IN_BLOCKS),
    _by_training_loss("X.best-rate.depth.chains.ten-passes.training-loss", _TEN_PASSES_IN_CHAINS),
)
