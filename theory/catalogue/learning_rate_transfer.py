"""Claims A9 to A11, C2, C3 and C7: does the best learning rate transfer across depth and width?

Sources: arXiv 2512.21075, 2203.03466, 2310.02244, 2505.01618. The best rate is that of the smallest
held-out loss after 40 steps of batch 16 on digits, replicate by replicate. Where a control is the
same network with every rate times a power, it is the claim's own training, its base rates
relabelled. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, chain, residual
from theory.catalogue import sources
from theory.catalogue.settings import BY_THE_SOURCE, FORTY_STEPS, powers_of_two, rates_times
from theory.catalogue.statements import best_rate_claim
from theory.expectations import Direction
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Optimizer, Parameterization
from theory.prediction import (
    Citation,
    Control,
    Grid,
    Prediction,
    Regime,
    Rival,
    Standing,
    product,
)
from theory.presets import completep, depth_mup, depth_mup_corrected, mup, standard
from theory.relations import BestRateDrifts, BestRateExponentEquals, TunedOrdered
from theory.scaling import Axis, Power

# Where best rates are found, and a power or more beyond (controls, whose best rates drift, may find
# them elsewhere): a replicate that is best at an end widens the grid of its setting. What diverges
# costs little, and what is slow as much as the best.
RATES = powers_of_two(-4, 3)
ADAM_RATES = powers_of_two(-6, 0)
# No replicate widens the grid of two settings that are compared, each at its best rate.
COMPARED_RATES = powers_of_two(-7, 3)
# From what the standard parameterization wants when wide to what its control, muP, wants.
STANDARD_RATES = powers_of_two(-6, 4)

DEPTHS = (2, 4, 8, 16, 32)
_WIDTHS = (24, 48, 96, 192)
ALONG_DEPTH = Regime(
    standard=Grid(product((48,), DEPTHS), 96, 8),
    full=Grid(product((64,), (*DEPTHS[1:], 64)), 48, 8),
)
ALONG_DEPTH_QUICK = replace(ALONG_DEPTH, quick=Grid(product((32,), DEPTHS), 32, 8))
# Adam's steps cost several times as much.
ADAM_ALONG_DEPTH = replace(
    ALONG_DEPTH,
    standard=Grid(product((32,), DEPTHS), 64, 8),
    full=Grid(product((48,), (*DEPTHS[1:], 64)), 64, 8),
)
ALONG_WIDTH = Regime(
    standard=Grid(product(_WIDTHS, (4,)), 192, 48),
    full=Grid(product((48, 96, 192, 384), (4,)), 96, 48),
)
# From n = 24 on, where the standard profile begins, the drift of one-layer blocks is no power.
ALONG_WIDTH_FULL = replace(ALONG_WIDTH, standard=None)
WIDE = Regime(full=Grid(product((48, 96, 192, 384), (4,)), 64, 16))
# A drift that ends with width is most of the margin, and what it leaves takes many replicates.
DRIFTING_WIDTH = replace(ALONG_WIDTH, standard=Grid(product(_WIDTHS, (4,)), 384, 48))
DEEPEST = Regime(
    standard=Grid(product((32,), (16, 32)), 64, 32),
    full=Grid(product((48,), (32, 64)), 64, 32),
)


def _rates(optimizer: Optimizer) -> tuple[Fraction, ...]:
    return ADAM_RATES if optimizer is Optimizer.ADAM else RATES


def _along_depth(optimizer: Optimizer) -> Regime:
    return ADAM_ALONG_DEPTH if optimizer is Optimizer.ADAM else ALONG_DEPTH


def _setting(architecture: Architecture, parameterization: Parameterization) -> Setting:
    return Setting(architecture, parameterization, FORTY_STEPS)


def _relabelled(setting: Setting, power: str, axis: Axis = Axis.DEPTH) -> Control:
    """The same network with every rate times a power, so that the best base rate drifts."""
    factor = Power(depth=power) if axis is Axis.DEPTH else Power(width=power)
    return rates_times(setting, factor, factor)


def _transfers(
    id: str, setting: Setting, axis: Axis, regime: Regime, citation: Citation, standing: Standing
) -> Prediction:
    """A claim of transfer with which power counting agrees."""
    return best_rate_claim(
        id,
        f"In {setting.architecture} under {setting.parameterization.name} with "
        f"{setting.parameterization.optimizer}, the best learning rate transfers across {axis}.",
        axis,
        setting,
        _rates(setting.parameterization.optimizer),
        regime,
        citation,
        _relabelled(setting, "-1/2", axis),
        standing,
    )


def _one_layer_across_depth(
    id: str, optimizer: Optimizer, regime: Regime, citation: Citation
) -> Prediction:
    """A11, and C3 for Adam."""
    setting = _setting(residual(1), depth_mup(optimizer))
    return _transfers(id, setting, Axis.DEPTH, regime, citation, Standing.STATED)


def _across_width(
    id: str, layers: int, parameterization: Parameterization, standing: Standing
) -> Prediction:
    """A9 and A11 in width: muP's scales transfer, with or without depth's.

    For the full profile's time, and at its widths: at smaller ones A11's best rate still drifts.
    The source says so of blocks of one layer; of blocks of two it speaks of depth.
    """
    return _transfers(
        id,
        _setting(residual(layers), parameterization),
        Axis.WIDTH,
        WIDE,
        sources.feature_learning_dynamics("depth-muP and its correction, read along width"),
        standing,
    )


def _plain(id: str, twin: str, optimizer: Optimizer, direction: Direction) -> Prediction:
    """A9, first half: the best rate drifts, read both ways, of which one can hold at most."""
    setting = _setting(residual(2), depth_mup(optimizer))
    against = "1/2" if direction is Direction.RISES else "-1/2"
    return best_rate_claim(
        id,
        f"In two-layer blocks under depth-muP with {optimizer}, the best learning rate "
        f"{direction} with depth: it does not transfer (one of two readings of a drift).",
        Axis.DEPTH,
        setting,
        _rates(optimizer),
        _along_depth(optimizer),
        sources.feature_learning_dynamics(
            "abstract: empirical failure of depth-muP for residual blocks of more than one layer"
        ),
        _relabelled(setting, against),
        Standing.READING,
        twin=twin,
        claimed=BestRateDrifts(Axis.DEPTH, direction, BY_THE_SOURCE, _rates(optimizer)),
        rival_control=_relabelled(setting, "-1/2"),
    )


_FIRST_LAYERS_LEAD = sources.power_counting("the first layer's share of the stream's change: L^1/2")


def _corrected(id: str, optimizer: Optimizer) -> Prediction:
    """A9, second half: with the correction it transfers; by power counting the best rate falls.

    As L^-1/2, once the first layers lead. From 2 to 32 blocks exact first-order sums of SGD grow as
    L^0.28 (stream) and L^0.22 (output) only, so that the rival is the direction.
    """
    setting, rates = _corrected_setting(optimizer), _rates(optimizer)
    claim = best_rate_claim(
        id,
        f"In two-layer blocks with the L^1/2 correction, with {optimizer}, the best learning rate "
        "transfers across depth.",
        Axis.DEPTH,
        setting,
        rates,
        _along_depth(optimizer),
        sources.feature_learning_dynamics("abstract: the correction restores depth-wise transfer"),
        _relabelled(setting, "1/2"),
        Standing.STATED,
        claimed=BestRateExponentEquals(Axis.DEPTH, Fraction(0), BY_THE_SOURCE, rates),
    )
    falls = Rival(
        "Power counting: the best learning rate falls with depth.",
        BestRateDrifts(Axis.DEPTH, Direction.FALLS, "power counting", rates),
        _FIRST_LAYERS_LEAD,
        _relabelled(setting, "-1/2"),
    )
    return replace(claim, rival=falls)


def _corrected_setting(optimizer: Optimizer) -> Setting:
    return _setting(residual(2), depth_mup_corrected(optimizer=optimizer))


def _counted_fall(id: str, optimizer: Optimizer) -> Prediction:
    """Power counting's own exponent, which is asymptotic: in the full profile."""
    return best_rate_claim(
        id,
        f"In two-layer blocks with the L^1/2 correction, with {optimizer}, the best learning rate "
        "goes as L^-1/2.",
        Axis.DEPTH,
        _corrected_setting(optimizer),
        _rates(optimizer),
        replace(_along_depth(optimizer), standard=None),
        _FIRST_LAYERS_LEAD,
        Control("no correction", _setting(residual(2), depth_mup(optimizer))),
        Standing.PROJECT,
    )


def _performance() -> Prediction:
    """A10: stronger performance in deeper networks."""
    setting = _setting(residual(2), depth_mup_corrected())
    plain = _setting(residual(2), depth_mup())
    return Prediction(
        id="A10.loss.tuned",
        sentence="In deep networks of two-layer blocks, 32 to 48 wide and trained for 40 steps, "
        "the tuned held-out loss with the L^1/2 correction is smaller than without it, by at least "
        "five percent.",
        observable=Observable.TRAINED_LOSS,
        relation=TunedOrdered(Axis.DEPTH, plain, BY_THE_SOURCE, COMPARED_RATES),
        setting=setting,
        regime=DEEPEST,
        margin=Fraction(1, 20),
        margin_reason="five percent of the loss; the spread of a replicate is five times that",
        citation=sources.feature_learning_dynamics("abstract: stronger performance when deeper"),
        controls=(
            Control(
                "alpha = 1, which learned more slowly in a pilot",
                _setting(residual(2), completep(1)),
            ),
        ),
        standing=Standing.STATED,
    )


_MU_TRANSFER = sources.tensor_programs_v("muTransfer: the best learning rate across width")


def _mup_across_width() -> Prediction:
    """C2: muP transfers across width."""
    return best_rate_claim(
        "C2.rate.width.mup",
        "In a chain under muP, the best learning rate transfers across width.",
        Axis.WIDTH,
        _setting(chain(), mup()),
        RATES,
        DRIFTING_WIDTH,
        _MU_TRANSFER,
        Control("standard parameterization", _setting(chain(), standard())),
        Standing.STATED,
    )


def _standard_across_width() -> Prediction:
    """C2: the standard parameterization does not.

    Its control is the training of ``C2.rate.width.mup`` with base rates relabelled, and not its
    own.
    """
    experiment = replace(FORTY_STEPS, rate=STANDARD_RATES[0])
    slower = mup().with_rates_times(Power(width="-1/4"), "mup with rates times n^-1/4")
    return best_rate_claim(
        "C2.rate.width.standard",
        "In a chain under the standard parameterization, the best learning rate falls with "
        "width: it does not transfer.",
        Axis.WIDTH,
        Setting(chain(), standard(), experiment),
        STANDARD_RATES,
        ALONG_WIDTH,
        _MU_TRANSFER,
        Control(slower.name, Setting(chain(), slower, experiment)),
        Standing.STATED,
        claimed=BestRateDrifts(Axis.WIDTH, Direction.FALLS, BY_THE_SOURCE, STANDARD_RATES),
    )


def _complete(id: str, optimizer: Optimizer) -> Prediction:
    """C7: alpha = 1 transfers across depth in two-layer blocks."""
    return _transfers(
        id,
        _setting(residual(2), completep(1, optimizer)),
        Axis.DEPTH,
        _along_depth(optimizer),
        sources.completep("depth-wise transfer at alpha = 1"),
        Standing.STATED,
    )


_SGD, _ADAM = Optimizer.SGD, Optimizer.ADAM
_RISES, _FALLS = Direction.RISES, Direction.FALLS
_ONE_LAYER_BLOCKS = sources.feature_learning_dynamics("depth-muP transfers for one-layer blocks")
_DEPTH_MUP = sources.tensor_programs_vi("depth-muP transfers the learning rate; Adam rate L^-1/2")

PREDICTIONS: tuple[Prediction, ...] = (
    _plain("A9.rate.depth.plain.rises.sgd", "A9.rate.depth.plain.falls.sgd", _SGD, _RISES),
    _plain("A9.rate.depth.plain.falls.sgd", "A9.rate.depth.plain.rises.sgd", _SGD, _FALLS),
    _plain("A9.rate.depth.plain.rises.adam", "A9.rate.depth.plain.falls.adam", _ADAM, _RISES),
    _plain("A9.rate.depth.plain.falls.adam", "A9.rate.depth.plain.rises.adam", _ADAM, _FALLS),
    _corrected("A9.rate.depth.corrected.sgd", _SGD),
    _counted_fall("A9.rate.depth.corrected.power.sgd", _SGD),
    _corrected("A9.rate.depth.corrected.adam", _ADAM),
    _counted_fall("A9.rate.depth.corrected.power.adam", _ADAM),
    _performance(),
    _one_layer_across_depth("A11.rate.depth.sgd", _SGD, ALONG_DEPTH_QUICK, _ONE_LAYER_BLOCKS),
    _transfers(
        "A11.rate.width.sgd",
        _setting(residual(1), depth_mup()),
        Axis.WIDTH,
        ALONG_WIDTH_FULL,
        _ONE_LAYER_BLOCKS,
        Standing.STATED,
    ),
    _one_layer_across_depth("C3.rate.depth.adam", _ADAM, ADAM_ALONG_DEPTH, _DEPTH_MUP),
    _across_width("A11.rate.width.adam", 1, depth_mup(_ADAM), Standing.STATED),
    _across_width("A9.rate.width.plain.sgd", 2, depth_mup(), Standing.PROJECT),
    _across_width("A9.rate.width.plain.adam", 2, depth_mup(_ADAM), Standing.PROJECT),
    _across_width("A9.rate.width.corrected.sgd", 2, depth_mup_corrected(), Standing.PROJECT),
    _across_width(
        "A9.rate.width.corrected.adam",
        2,
        depth_mup_corrected(optimizer=_ADAM),
        Standing.PROJECT,
    ),
    _mup_across_width(),
    _standard_across_width(),
    _complete("C7.rate.depth.sgd", _SGD),
    _complete("C7.rate.depth.adam", _ADAM),
)
