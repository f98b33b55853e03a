"""Claims B9 to B11: the best learning rate of one pass over the data, and what carrying it costs.

And beyond the source: other optimizers, and ten passes.

Source: arXiv 2510.04327. 48 steps of batch 32 show every digit once; the held-out loss behind them
is that of the training distribution, for nothing was seen twice. SGD without momentum. ``scaleproof
verify --data`` tries the same on other images (B11). Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, Family, chain, residual
from theory.catalogue import sources
from theory.catalogue.statements import best_rate_claim
from theory.convolution import Convolution
from theory.experiment import Experiment, Observable, Protocol, Setting
from theory.parameterization import Optimizer
from theory.power_counting import with_matched_epsilon
from theory.prediction import Control, Grid, Prediction, Regime, Rival, product, ray
from theory.presets import am_mup, depth_mup
from theory.relations import BestRateExponentEquals, TransferRegretAtMost
from theory.scaling import Axis

RATES = tuple(Fraction(2) ** k for k in range(-7, 2))
ADAM_RATES = tuple(Fraction(2) ** k for k in range(-10, 0))
ONE_PASS = Protocol(Experiment.TRAINING, batch=32, steps=48, rate=RATES[0])
ROWS = Convolution(dimensions=1, kernel=3, side=8)  # of a digit, with their pixels side by side
PUBLISHED = Fraction(-3, 2)
STATED = "stated by the source"

TRAINING_MARGIN = Fraction(1, 5)
TRAINING_REASON = (
    "less than half of the step between the published -3/2 and -1: few depths can be trained, and "
    "the best rate of a replicate is noisy"
)
REGRET_MARGIN = Fraction(1, 10)
REGRET_REASON = "a tenth of the loss is what users would tune for"


def _blocks(convolution: Convolution | None) -> Architecture:
    return replace(residual(1), variance_factor=Fraction(2), convolution=convolution)


def _setting(architecture: Architecture) -> Setting:
    return Setting(architecture, am_mup(), ONE_PASS)


# Chains wander in L/n: along a ray they do so equally.
_KINDS: tuple[tuple[str, str, Architecture, Regime], ...] = (
    (
        "chains",
        "ReLU chains",
        chain(),
        Regime(
            None,
            Grid(ray(16, (4, 6, 8, 12)), 48, 16),
            (),
            Grid(ray(16, (4, 8, 16, 32, 64)), 48, 16),
        ),
    ),
    (
        "conv-chains",
        "1-D convolutional ReLU chains",
        replace(chain(), convolution=ROWS),
        Regime(None, Grid(ray(8, (4, 6, 8)), 24, 8), (), Grid(ray(8, (4, 8, 16, 32, 64)), 24, 8)),
    ),
    (
        "blocks",
        "residual networks of one-layer blocks",
        _blocks(None),
        Regime(
            None,
            Grid(product((64,), (4, 8, 16, 32)), 48, 16),
            (),
            Grid(product((64,), (4, 8, 16, 32, 64)), 48, 16),
        ),
    ),
    (
        "conv-blocks",
        "residual networks of one convolution a block",
        _blocks(ROWS),
        Regime(
            None,
            Grid(product((32,), (4, 8, 16)), 24, 8),
            (),
            Grid(product((32,), (4, 8, 16, 32, 64)), 24, 8),
        ),
    ),
)


def _transferring(architecture: Architecture) -> Control:
    """Residual blocks whose best rate does not move with depth."""
    blocks = _blocks(architecture.convolution)
    return Control("depth-muP in residual blocks", Setting(blocks, depth_mup(), ONE_PASS))


def _best_rate(name: str, what: str, architecture: Architecture, regime: Regime) -> Prediction:
    """B9; in chains, power counting says the same."""
    published = BestRateExponentEquals(Axis.DEPTH, PUBLISHED, STATED, RATES)
    prediction = best_rate_claim(
        f"B9.rate.depth.{name}",
        f"In {what} with mean-field output, the best learning rate of one pass goes as L^-3/2.",
        Axis.DEPTH,
        _setting(architecture),
        RATES,
        regime,
        sources.arithmetic_mean_mup("best one-epoch learning rates follow the same law"),
        _transferring(architecture),
        published=published if architecture.family is Family.RESIDUAL else None,
    )
    return replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)


def _transfer(name: str, what: str, architecture: Architecture, regime: Regime) -> Prediction:
    """B10, on the trials of B9; the rival is carried over by the exponent of another theory."""
    blocks = architecture.family is Family.RESIDUAL
    power, theory = (Fraction(-1), "power counting") if blocks else (Fraction(0), "width-muP")
    cite = sources.power_counting if blocks else sources.tensor_programs_v
    unstable = Control("residual blocks under AM-muP", _setting(_blocks(architecture.convolution)))
    return Prediction(
        id=f"B10.transfer.depth.{name}",
        sentence=f"In {what}, a learning rate that is best at the smallest depth L_0 and carried "
        "over as (L / L_0)^-3/2 costs at most a tenth of the loss at every other depth.",
        observable=Observable.TRAINED_LOSS,
        relation=TransferRegretAtMost(Axis.DEPTH, PUBLISHED, 0.0, STATED, RATES),
        setting=_setting(architecture),
        regime=regime,
        margin=REGRET_MARGIN,
        margin_reason=REGRET_REASON,
        citation=sources.arithmetic_mean_mup("zero-shot transfer of the learning rate over depth"),
        controls=(_transferring(architecture),),
        rival=Rival(
            f"Carried over as (L / L_0)^{power}, it costs at most a tenth of the loss.",
            TransferRegretAtMost(Axis.DEPTH, power, 0.0, f"the exponent of {theory}", RATES),
            cite(f"the exponent of {theory}"),
            _transferring(architecture) if blocks else unstable,
        ),
    )


_OTHERS = Regime(None, Grid(product((32,), (4, 8, 16, 32)), 48, 16))
_WITH_ADAM = with_matched_epsilon(_blocks(None), am_mup(Optimizer.ADAM))
_TEN_PASSES = replace(ONE_PASS, steps=480, passes=10)


def _beyond() -> tuple[Prediction, ...]:
    """Does the exponent of one-layer blocks hold?"""
    momentum, decay = Fraction(9, 10), Fraction(1, 10)
    kinds = (
        (
            "momentum",
            "SGD with momentum 9/10",
            am_mup(),
            replace(ONE_PASS, momentum=momentum),
            RATES,
        ),
        ("adam", "Adam", _WITH_ADAM, ONE_PASS, ADAM_RATES),
        ("adamw", "AdamW", _WITH_ADAM, replace(ONE_PASS, weight_decay=decay), ADAM_RATES),
        ("ten-passes", "SGD in ten passes", am_mup(), _TEN_PASSES, RATES),
    )
    predictions = []
    for name, what, parameterization, protocol, rates in kinds:
        setting = Setting(_blocks(None), parameterization, protocol)
        transferring = depth_mup(parameterization.optimizer)
        prediction = best_rate_claim(
            f"X.best-rate.depth.{name}",
            "In residual networks of one-layer blocks under AM-muP, the best learning rate of "
            f"{what} goes as L^-1.",
            Axis.DEPTH,
            setting,
            rates,
            _OTHERS,
            sources.power_counting("largest stable rate: L^-1"),
            Control("depth-muP", replace(setting, parameterization=transferring)),
        )
        predictions.append(
            replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)
        )
    return tuple(predictions)


PREDICTIONS: tuple[Prediction, ...] = (
    *(_best_rate(*kind) for kind in _KINDS),
    *(_transfer(*kind) for kind in _KINDS),
    *_beyond(),
)
