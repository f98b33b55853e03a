"""Claims C2 to C7: what the parameterizations of width and depth say about one step.

Sources: arXiv 2203.03466, 2310.02244, 2505.01618. Their claims about the best learning rate are in
``learning_rate_transfer``. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Role, chain, residual
from theory.catalogue import sources
from theory.catalogue.statements import AT_INITIALIZATION, FIRST_STEP, exponent_claim
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Optimizer, Parameterization
from theory.prediction import Control, Grid, Prediction, Regime, product
from theory.presets import completep, depth_mup, mup, standard
from theory.scaling import Axis, Power, rational

_DEPTHS = (8, 16, 32, 64)
SGD_DEPTH = Regime(
    Grid(product((128,), (*_DEPTHS, 128)), 48, 8),
    Grid(product((256,), (*_DEPTHS, 128)), 32, 16),
    (),
    Grid(product((4096,), (*_DEPTHS, 128, 256)), 32, 8),
)
STANDARD_ONLY = replace(SGD_DEPTH, quick=None)
# Adam's first step is no combination of gradients: matrices, and narrower networks.
ADAM_DEPTH = Regime(
    Grid(product((64,), _DEPTHS), 48, 8),
    Grid(product((128,), _DEPTHS), 48, 8),
    (),
    Grid(product((256,), (*_DEPTHS, 128, 256)), 32, 8),
)
_WIDTHS = (64, 128, 256, 512)
ALONG_WIDTH = Regime(
    Grid(product(_WIDTHS, (4,)), 96, 32),
    Grid(product((128, 256, 512, 1024), (4,)), 128, 32),
    (),
    Grid(product((512, 1024, 2048, 4096), (4,)), 128, 32),
)
AT_START = Regime(
    Grid(product((128,), _DEPTHS), 48, 8),
    Grid(product((256,), (*_DEPTHS, 128)), 48, 8),
    (),
    Grid(product((4096,), (*_DEPTHS, 128, 256)), 32, 8),
)


def _width() -> tuple[Prediction, ...]:
    """C2: changes of order one in width, from the first layer to the output."""
    setting = Setting(chain(), mup(), FIRST_STEP)
    usual = Control("standard parameterization", replace(setting, parameterization=standard()))
    citation = sources.tensor_programs_v("Table 3 and appendix J: the coordinate check")
    return tuple(
        exponent_claim(
            f"C2.{name}.width",
            f"In a chain under muP, the first-step change of {what} does not change with width.",
            observable,
            Axis.WIDTH,
            setting,
            ALONG_WIDTH,
            citation,
            (usual,),
        )
        for name, observable, what in (
            ("first-layer", Observable.INPUT_CHANGE, "the first layer's pre-activation"),
            ("last-layer", Observable.STREAM_CHANGE, "the last layer's pre-activation"),
            ("all-layers", Observable.MAXIMAL_UPDATE_RATE, "all layers (as a rate)"),
            ("output", Observable.OUTPUT_CHANGE, "the output"),
        )
    )


def _stable_changes() -> tuple[Prediction, ...]:
    """C3: depth-muP's rates, for SGD and for Adam."""
    citation = sources.tensor_programs_vi("depth-muP: multiplier L^-1/2, SGD L^0, Adam L^-1/2")
    predictions = []
    for optimizer, regime in ((Optimizer.SGD, SGD_DEPTH), (Optimizer.ADAM, ADAM_DEPTH)):
        setting = Setting(residual(1), depth_mup(optimizer), FIRST_STEP)
        faster = depth_mup(optimizer).with_rates_times(
            Power(depth="1/2"), "depth_mup with rates times L^1/2"
        )
        control = Control(faster.name, replace(setting, parameterization=faster))
        predictions += [
            exponent_claim(
                f"C3.{name}.depth.{optimizer}",
                f"Under depth-muP with {optimizer}, the first-step change of {what} does not "
                "change with depth.",
                observable,
                Axis.DEPTH,
                setting,
                regime,
                citation,
                (control,),
            )
            for name, observable, what in (
                ("stream", Observable.STREAM_CHANGE, "the last stream state"),
                ("output", Observable.OUTPUT_CHANGE, "the output"),
            )
        ]
    return tuple(predictions)


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


_ALPHAS = tuple(map(Fraction, ("1/2", "3/4", "1")))
_GAMMAS = tuple(map(Fraction, ("-1/4", "0", "1/4", "1/2", "3/4")))


_QUICK_PHASES = {
    (Fraction(alpha), Fraction(gamma))
    for alpha, gamma in (("1/2", "1/4"), ("1/2", "1/2"), ("1/2", "3/4"), ("1", "0"))
}


def _phases() -> tuple[Prediction, ...]:
    """C4: stable in training iff alpha + gamma >= 1, non-trivial iff <= 1, as measured powers."""
    predictions = []
    for alpha in _ALPHAS:
        for gamma in _GAMMAS:
            setting = Setting(residual(1), _phase(alpha, gamma), FIRST_STEP)
            total = alpha + gamma
            phase = "unstable" if total < 1 else "trivial" if total > 1 else "maximal"
            other = _phase(alpha, gamma + Fraction(1, 4))
            predictions.append(
                exponent_claim(
                    f"C4.phase.alpha-{alpha}.gamma-{gamma}",
                    f"With branches times L^-{alpha} and updates times L^-({gamma}), the blocks "
                    f"move the stream by L^{1 - total} in the first step: {phase}.",
                    Observable.STREAM_CHANGE,
                    Axis.DEPTH,
                    setting,
                    SGD_DEPTH if (alpha, gamma) in _QUICK_PHASES else STANDARD_ONLY,
                    sources.tensor_programs_vi("phase diagram of (alpha, gamma)"),
                    (Control("gamma larger by 1/4", replace(setting, parameterization=other)),),
                )
            )
    return tuple(predictions)


def _stable_at_start() -> tuple[Prediction, ...]:
    """C4: stable at initialization iff alpha >= 1/2."""
    unstable = _phase(Fraction(1, 4), Fraction(0))
    return tuple(
        exponent_claim(
            f"C4.forward.alpha-{alpha}",
            f"With branches times L^-{alpha}, the second moment of h_L does not change with depth.",
            Observable.FORWARD_SECOND_MOMENT,
            Axis.DEPTH,
            setting := Setting(residual(1), _phase(alpha, Fraction(0)), AT_INITIALIZATION),
            AT_START,
            sources.tensor_programs_vi("stable at initialization iff alpha >= 1/2"),
            (Control("alpha = 1/4", replace(setting, parameterization=unstable)),),
        )
        for alpha in _ALPHAS
    )


def _inside_blocks() -> tuple[Prediction, ...]:
    """C5 and C7: alpha = 1/2 does not learn inside blocks, alpha = 1 does."""
    predictions = []
    for layers in (2, 3):
        half = Setting(residual(layers), depth_mup(), FIRST_STEP)
        one = replace(half, parameterization=completep(1))
        predictions += [
            exponent_claim(
                f"{claim}.own.depth.m-{layers}",
                f"In blocks of {layers} layers under {setting.parameterization.name}, the own "
                f"change of the first layer goes as L^{exponent}.",
                Observable.FIRST_LAYER_OWN_CHANGE,
                Axis.DEPTH,
                setting,
                SGD_DEPTH if layers == 2 else STANDARD_ONLY,
                citation,
                (Control(f"alpha = {Fraction(3, 2) - rational(alpha)}", other),),
            )
            for claim, alpha, exponent, setting, other, citation in (
                (
                    "C5",
                    "1/2",
                    "-1/2",
                    half,
                    one,
                    sources.tensor_programs_vi("section 9: blocks of two or more layers"),
                ),
                ("C7", "1", "0", one, half, sources.completep("complete feature learning")),
            )
        ]
    adam = Setting(residual(2), completep(1, Optimizer.ADAM), FIRST_STEP)
    lazy = replace(adam, parameterization=depth_mup(Optimizer.ADAM))
    predictions.append(
        exponent_claim(
            "C7.own.depth.adam",
            "In blocks of 2 layers at alpha = 1 with adam, the own change of the first layer does "
            "not change with depth.",
            Observable.FIRST_LAYER_OWN_CHANGE,
            Axis.DEPTH,
            adam,
            ADAM_DEPTH,
            sources.completep("complete feature learning; Adam rate L^0"),
            (Control("alpha = 1/2", lazy),),
        )
    )
    return tuple(predictions)


def _complete() -> tuple[Prediction, ...]:
    """C7: stable changes, and branches of order 1/L at initialization."""
    step = Setting(residual(2), completep(1), FIRST_STEP)
    start = replace(step, experiment=AT_INITIALIZATION)
    faster = completep(1).with_rates_times(Power(depth="1/2"), "completep with rates times L^1/2")
    half = replace(start, parameterization=depth_mup())
    return (
        exponent_claim(
            "C7.stream.depth",
            "At alpha = 1 in two-layer blocks, the first-step change of the last stream state does "
            "not change with depth.",
            Observable.STREAM_CHANGE,
            Axis.DEPTH,
            step,
            SGD_DEPTH,
            sources.completep("Table 1: rates L^(2 alpha - 1) for SGD"),
            (Control(faster.name, replace(step, parameterization=faster)),),
        ),
        exponent_claim(
            "C7.branch.depth",
            "At alpha = 1 in two-layer blocks, the second moment of a branch at initialization "
            "goes as L^-2: branches of size 1/L.",
            Observable.BRANCH_SECOND_MOMENT,
            Axis.DEPTH,
            start,
            AT_START,
            sources.completep("residual multiplier 1/L"),
            (Control("alpha = 1/2", half),),
        ),
    )


PREDICTIONS: tuple[Prediction, ...] = (
    *_width(),
    *_stable_changes(),
    *_stable_at_start(),
    *_phases(),
    *_inside_blocks(),
    *_complete(),
)
