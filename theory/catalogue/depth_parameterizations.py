"""Claims C2 to C7: what the parameterizations of width and depth say about one step.

Sources: arXiv 2203.03466, 2310.02244, 2505.01618. Their claims about the best learning rate are in
``learning_rate_transfer``. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Role, chain, residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    ADAM_STEP_ALONG_DEPTH,
    AT_INITIALIZATION,
    FIRST_STEP,
    START_ALONG_DEPTH,
    STEP_ALONG_DEPTH,
    rates_times,
)
from theory.catalogue.statements import exponent_claim
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Optimizer, Parameterization
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product
from theory.presets import completep, depth_mup, mup, standard
from theory.scaling import Axis, Power

STANDARD_ONLY = replace(STEP_ALONG_DEPTH, quick=None)
_WIDTHS = (64, 128, 256, 512)
ALONG_WIDTH = Regime(
    quick=Grid(product(_WIDTHS, (4,)), 96, 32),
    standard=Grid(product((128, 256, 512, 1024), (4,)), 128, 32),
    full=Grid(product((512, 1024, 2048, 4096), (4,)), 128, 32),
)
_FASTER = Power(depth="1/2")


def _width(id: str, observable: Observable, what: str) -> Prediction:
    """C2: changes of order one in width, from the first layer to the output."""
    setting = Setting(chain(), mup(), FIRST_STEP)
    return exponent_claim(
        id,
        f"In a chain under muP, the first-step change of {what} does not change with width.",
        observable,
        Axis.WIDTH,
        setting,
        ALONG_WIDTH,
        sources.tensor_programs_v("Table 3 and appendix J: the coordinate check"),
        (Control("standard parameterization", replace(setting, parameterization=standard())),),
        Standing.STATED,
    )


def _stable_change(id: str, observable: Observable, what: str, optimizer: Optimizer) -> Prediction:
    """C3: depth-muP's rates, for SGD and for Adam."""
    setting = Setting(residual(1), depth_mup(optimizer), FIRST_STEP)
    return exponent_claim(
        id,
        f"Under depth-muP with {optimizer}, the first-step change of {what} does not "
        "change with depth.",
        observable,
        Axis.DEPTH,
        setting,
        STEP_ALONG_DEPTH if optimizer is Optimizer.SGD else ADAM_STEP_ALONG_DEPTH,
        sources.tensor_programs_vi("depth-muP: multiplier L^-1/2, SGD L^0, Adam L^-1/2"),
        (rates_times(setting, _FASTER, _FASTER),),
        Standing.STATED,
    )


def _phase(alpha: Fraction, gamma: Fraction) -> Parameterization:
    """Branches times L^-alpha, the blocks' SGD rate such that they move the stream by L^(1-a-g).

    arXiv 2310.02244 writes the update of a normalized gradient: a rate eta L^-gamma. SGD's gradient
    carries another L^-alpha, which the rate makes up for. The two ends learn at L^-4: out of the
    way.
    """
    base = mup()
    branch = base[Role.BRANCH_LAST]
    blocks = {
        role: replace(branch, rate=branch.rate * Power(depth=alpha - gamma))
        for role in (Role.BRANCH_FIRST, Role.BRANCH_INNER, Role.BRANCH_LAST)
    }
    slow = Power(depth=-4)
    ends = {
        role: replace(base[role], rate=base[role].rate * slow) for role in (Role.INPUT, Role.OUTPUT)
    }
    name = f"branches times L^-{alpha}, updates times L^-{gamma}"
    variant = base.changed(name, blocks | ends, residual=Power(depth=-alpha))
    return replace(variant, source="arXiv 2310.02244, phase diagram")


_ZERO, _HALF, _ONE = Fraction(0), Fraction(1, 2), Fraction(1)
_QUARTER, _THREE_QUARTERS = Fraction(1, 4), Fraction(3, 4)


def _moved(id: str, alpha: Fraction, gamma: Fraction, regime: Regime = STANDARD_ONLY) -> Prediction:
    """C4: stable in training iff alpha + gamma >= 1, non-trivial iff <= 1, as a measured power.

    The control is the claim's own measurement times L^-1/4, but for what the two ends add, which
    learn at L^-4 in both.
    """
    setting = Setting(residual(1), _phase(alpha, gamma), FIRST_STEP)
    total = alpha + gamma
    phase = "unstable" if total < 1 else "trivial" if total > 1 else "maximal"
    slower = replace(setting, parameterization=_phase(alpha, gamma + _QUARTER))
    return exponent_claim(
        id,
        f"With branches times L^-{alpha} and updates times L^-({gamma}), the blocks "
        f"move the stream by L^{1 - total} in the first step: {phase}.",
        Observable.STREAM_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        sources.tensor_programs_vi("phase diagram of (alpha, gamma)"),
        (Control("gamma larger by 1/4", slower, shifted=Power(depth=-_QUARTER)),),
        Standing.STATED,
    )


def _stable_at_start(id: str, alpha: Fraction) -> Prediction:
    """C4: stable at initialization iff alpha >= 1/2."""
    setting = Setting(residual(1), _phase(alpha, _ZERO), AT_INITIALIZATION)
    unstable = replace(setting, parameterization=_phase(_QUARTER, _ZERO))
    return exponent_claim(
        id,
        f"With branches times L^-{alpha}, the second moment of h_L does not change with depth.",
        Observable.FORWARD_SECOND_MOMENT,
        Axis.DEPTH,
        setting,
        START_ALONG_DEPTH,
        sources.tensor_programs_vi("stable at initialization iff alpha >= 1/2"),
        (Control("alpha = 1/4", unstable),),
        Standing.STATED,
    )


def _inside_blocks(
    id: str, layers: int, alpha: Fraction, regime: Regime = STANDARD_ONLY
) -> Prediction:
    """C5 and C7: alpha = 1/2 does not learn inside blocks, alpha = 1 does."""
    half = Setting(residual(layers), depth_mup(), FIRST_STEP)
    one = replace(half, parameterization=completep(1))
    if alpha == _HALF:
        setting, power, control = half, "-1/2", Control("alpha = 1", one)
        citation = sources.tensor_programs_vi("section 9: blocks of two or more layers")
    else:
        setting, power, control = one, "0", Control("alpha = 1/2", half)
        citation = sources.completep("complete feature learning")
    return exponent_claim(
        id,
        f"In blocks of {layers} layers under {setting.parameterization.name}, the own "
        f"change of the first layer goes as L^{power}.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        citation,
        (control,),
        Standing.STATED,
    )


def _inside_blocks_with_adam() -> Prediction:
    """C7 under Adam, whose rate is L^0."""
    adam = Setting(residual(2), completep(1, Optimizer.ADAM), FIRST_STEP)
    lazy = replace(adam, parameterization=depth_mup(Optimizer.ADAM))
    return exponent_claim(
        "C7.own.depth.adam",
        "In blocks of 2 layers at alpha = 1 with adam, the own change of the first layer does "
        "not change with depth.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        adam,
        ADAM_STEP_ALONG_DEPTH,
        sources.completep("complete feature learning; Adam rate L^0"),
        (Control("alpha = 1/2", lazy),),
        Standing.STATED,
    )


def _complete() -> Prediction:
    """C7: stable changes."""
    step = Setting(residual(2), completep(1), FIRST_STEP)
    return exponent_claim(
        "C7.stream.depth",
        "At alpha = 1 in two-layer blocks, the first-step change of the last stream state does "
        "not change with depth.",
        Observable.STREAM_CHANGE,
        Axis.DEPTH,
        step,
        STEP_ALONG_DEPTH,
        sources.completep("Table 1: rates L^(2 alpha - 1) for SGD"),
        (rates_times(step, _FASTER, _FASTER, "completep with rates times L^1/2"),),
        Standing.STATED,
    )


def _small_branches() -> Prediction:
    """C7: branches of order 1/L at initialization."""
    start = Setting(residual(2), completep(1), AT_INITIALIZATION)
    return exponent_claim(
        "C7.branch.depth",
        "At alpha = 1 in two-layer blocks, the second moment of a branch at initialization "
        "goes as L^-2: branches of size 1/L.",
        Observable.BRANCH_SECOND_MOMENT,
        Axis.DEPTH,
        start,
        START_ALONG_DEPTH,
        sources.completep("residual multiplier 1/L"),
        (Control("alpha = 1/2", replace(start, parameterization=depth_mup())),),
        Standing.STATED,
    )


_SGD, _ADAM = Optimizer.SGD, Optimizer.ADAM
_STREAM, _OUTPUT = Observable.STREAM_CHANGE, Observable.OUTPUT_CHANGE
_STATE = "the last stream state"

PREDICTIONS: tuple[Prediction, ...] = (
    _width("C2.first-layer.width", Observable.INPUT_CHANGE, "the first layer's pre-activation"),
    _width("C2.last-layer.width", _STREAM, "the last layer's pre-activation"),
    _width("C2.all-layers.width", Observable.MAXIMAL_UPDATE_RATE, "all layers (as a rate)"),
    _width("C2.output.width", _OUTPUT, "the output"),
    _stable_change("C3.stream.depth.sgd", _STREAM, _STATE, _SGD),
    _stable_change("C3.output.depth.sgd", _OUTPUT, "the output", _SGD),
    _stable_change("C3.stream.depth.adam", _STREAM, _STATE, _ADAM),
    _stable_change("C3.output.depth.adam", _OUTPUT, "the output", _ADAM),
    _stable_at_start("C4.forward.alpha-1/2", _HALF),
    _stable_at_start("C4.forward.alpha-3/4", _THREE_QUARTERS),
    _stable_at_start("C4.forward.alpha-1", _ONE),
    _moved("C4.phase.alpha-1/2.gamma--1/4", _HALF, -_QUARTER),
    _moved("C4.phase.alpha-1/2.gamma-0", _HALF, _ZERO),
    _moved("C4.phase.alpha-1/2.gamma-1/4", _HALF, _QUARTER, STEP_ALONG_DEPTH),
    _moved("C4.phase.alpha-1/2.gamma-1/2", _HALF, _HALF, STEP_ALONG_DEPTH),
    _moved("C4.phase.alpha-1/2.gamma-3/4", _HALF, _THREE_QUARTERS, STEP_ALONG_DEPTH),
    _moved("C4.phase.alpha-3/4.gamma--1/4", _THREE_QUARTERS, -_QUARTER),
    _moved("C4.phase.alpha-3/4.gamma-0", _THREE_QUARTERS, _ZERO),
    _moved("C4.phase.alpha-3/4.gamma-1/4", _THREE_QUARTERS, _QUARTER),
    _moved("C4.phase.alpha-3/4.gamma-1/2", _THREE_QUARTERS, _HALF),
    _moved("C4.phase.alpha-3/4.gamma-3/4", _THREE_QUARTERS, _THREE_QUARTERS),
    _moved("C4.phase.alpha-1.gamma--1/4", _ONE, -_QUARTER),
    _moved("C4.phase.alpha-1.gamma-0", _ONE, _ZERO, STEP_ALONG_DEPTH),
    _moved("C4.phase.alpha-1.gamma-1/4", _ONE, _QUARTER),
    _moved("C4.phase.alpha-1.gamma-1/2", _ONE, _HALF),
    _moved("C4.phase.alpha-1.gamma-3/4", _ONE, _THREE_QUARTERS),
    _inside_blocks("C5.own.depth.m-2", 2, _HALF, STEP_ALONG_DEPTH),
    _inside_blocks("C7.own.depth.m-2", 2, _ONE, STEP_ALONG_DEPTH),
    _inside_blocks("C5.own.depth.m-3", 3, _HALF),
    _inside_blocks("C7.own.depth.m-3", 3, _ONE),
    _inside_blocks_with_adam(),
    _complete(),
    _small_branches(),
)
