"""Claims A1 to A8: stability and feature learning of depth-muP residual networks.

Source: arXiv 2512.21075. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Role, residual
from theory.catalogue import sources
from theory.catalogue.settings import AT_INITIALIZATION, FIRST_STEP, rates_times
from theory.catalogue.statements import asked, curve_claim, exponent_claim, stated
from theory.exact.first_step import output_change, stream_change
from theory.exact.propagation import backward_second_moment, forward_second_moment
from theory.experiments import Setting, Training
from theory.observables import Observable
from theory.parameterization import Parameterization, RoleScaling
from theory.prediction import Control, Grid, Prediction, Regime, Rival, Standing, product
from theory.presets import completep, depth_mup, depth_mup_corrected, mup, standard
from theory.relations import ExponentOfCurve
from theory.scaling import ONE, Axis, Power

ON_DIGITS = Training(batch=16, steps=4)

DEPTHS = (4, 8, 16, 32, 64)
WIDTHS = (64, 128, 256, 512)
ALONG_DEPTH = Regime(
    quick=Grid(product((128,), DEPTHS), 64, 16),
    standard=Grid(product((256,), DEPTHS), 64, 16),
    full=Grid(product((4096,), (*DEPTHS, 128, 256)), 32, 8),
)
ALONG_WIDTH = Regime(
    quick=Grid(product(WIDTHS, (8,)), 64, 24),
    standard=Grid(product(WIDTHS, (16,)), 96, 48),
    full=Grid(product((512, 1024, 2048, 4096), (64,)), 64, 16),
)
# The mean laws hold at narrow widths, where replicates are cheapest.
VALUES = Regime(
    quick=Grid(product((64,), (4, 16)), 3072, 512),
    standard=Grid(product((64,), DEPTHS), 3072, 512),
    full=Grid(product((4096,), (4, 16, 64, 256)), 96, 32),
)
TRAINING_DEPTHS = (8, 16, 32, 64)
TRAINED = {
    Axis.DEPTH: Regime(
        quick=Grid(product((128,), TRAINING_DEPTHS), 48, 16),
        standard=Grid(product((256,), TRAINING_DEPTHS), 32, 16),
        full=Grid(product((512,), TRAINING_DEPTHS), 48, 16),
    ),
    Axis.WIDTH: Regime(
        quick=Grid(product(WIDTHS, (4,)), 48, 32),
        standard=Grid(product(WIDTHS, (8,)), 64, 32),
        full=Grid(product((128, 256, 512, 1024), (8,)), 64, 32),
    ),
}
ONE_STEP_DEPTHS = (8, 16, 32, 64, 128)
OWN_CHANGE_DEPTH = Regime(
    quick=Grid(product((64,), ONE_STEP_DEPTHS), 48, 16),
    standard=Grid(product((128,), ONE_STEP_DEPTHS), 64, 16),
    full=Grid(product((4096,), (*ONE_STEP_DEPTHS, 256)), 32, 8),
)
CORRECTED_DEPTH = Regime(
    quick=Grid(product((64,), (16, 32, 64, 128)), 160, 40),
    standard=Grid(product((128,), (16, 32, 64, 128, 256)), 96, 32),
    full=Grid(product((4096,), (16, 32, 64, 128, 256)), 48, 16),
)

_VALUE_REASON = (
    "as large as the distance between the finite-depth value at L = 4 (1.602) and the limit "
    "e^{1/2} = 1.649, and a quarter of what a horizon T wrong by a quarter would cause"
)
_FORWARD, _BACKWARD = Observable.FORWARD_SECOND_MOMENT, Observable.BACKWARD_SECOND_MOMENT
_SIGNALS = {_FORWARD: "h_L", _BACKWARD: "n df/dh_0"}


def _misscaled_width() -> Parameterization:
    """depth-muP with n^-1/4 instead of n^-1/2 in front of every last branch matrix."""
    base = depth_mup()
    wrong = RoleScaling(Power(width="-1/4"), rate=base[Role.BRANCH_LAST].rate)
    return base.changed("depth_mup with n^-1/4 in the branch", {Role.BRANCH_LAST: wrong})


def _kept(id: str, observable: Observable, axis: Axis, layers: int) -> Prediction:
    """A1 to A3: a second moment at initialization has exponent 0."""
    setting = Setting(residual(layers), depth_mup(), AT_INITIALIZATION)
    wide = _misscaled_width() if observable is _FORWARD else standard()
    control = (
        Control("no residual multiplier (alpha = 0)", replace(setting, parameterization=mup()))
        if axis is Axis.DEPTH
        else Control(wide.name, replace(setting, parameterization=wide))
    )
    return exponent_claim(
        id,
        f"Under depth-muP, the second moment of {_SIGNALS[observable]} does not change with {axis} "
        f"in blocks of {layers} layer(s).",
        observable,
        axis,
        setting,
        ALONG_DEPTH if axis is Axis.DEPTH else ALONG_WIDTH,
        sources.feature_learning_dynamics(_stable_blocks(layers)),
        (control,),
        Standing.STATED,
    )


def _value(id: str, observable: Observable, layers: int) -> Prediction:
    """The exact value of the same moment, of which the source says only that it is stable."""
    network = residual(layers)
    setting = Setting(network, depth_mup(), AT_INITIALIZATION)
    longer = replace(network, variance_factor=Fraction(5, 4))
    return curve_claim(
        id,
        f"Under depth-muP, the second moment of {_SIGNALS[observable]} is (1 + T/2L)^L at every "
        f"depth in blocks of {layers} layer(s).",
        observable,
        forward_second_moment if observable is _FORWARD else backward_second_moment,
        setting,
        VALUES,
        _VALUE_REASON,
        sources.feature_learning_dynamics(_stable_blocks(layers)),
        (
            Control(
                "horizon T = 5/4 against the recursion at T = 1",
                replace(setting, architecture=longer),
            ),
        ),
        Standing.PROJECT,
    )


def _stable_blocks(layers: int) -> str:
    return f"key findings: {'single' if layers == 1 else 'two'}-layer blocks are stable"


def _stream_in_training(id: str, axis: Axis) -> Prediction:
    """A5: features of the stream move by order one."""
    setting = Setting(residual(1), depth_mup(), ON_DIGITS)
    # Not the claim's measurement times a power: four steps at other rates are other training.
    frozen = depth_mup().with_rates_times(Power(depth="-3/2"), "depth_mup with rates times L^-3/2")
    # At rate 1 the standard parameterization diverges; it is tried where it still trains.
    slow = replace(ON_DIGITS, rate=Fraction(1, 10_000))
    control = (
        Control("rates times L^-3/2", replace(setting, parameterization=frozen))
        if axis is Axis.DEPTH
        else Control(
            "standard parameterization at rate 1/10000",
            replace(setting, parameterization=standard(), experiment=slow),
        )
    )
    return exponent_claim(
        id,
        "Under depth-muP, the change of the last stream state after a few SGD steps does not "
        f"change with {axis}: feature learning survives.",
        Observable.TRAINED_STREAM_CHANGE,
        axis,
        setting,
        TRAINED[axis],
        sources.feature_learning_dynamics("abstract: end-to-end feature learning"),
        (control,),
        Standing.STATED,
    )


_ONE_LAYER, _TWO_LAYERS = (Setting(residual(layers), depth_mup(), FIRST_STEP) for layers in (1, 2))
_COLLAPSE = "abstract: feature-learning collapse in the first internal layer"
_HALF = Power(depth="1/2")


def _first_layer_along_depth() -> Prediction:
    """A6: the first internal layer of two-layer blocks stops learning, by its own weights."""
    corrected = replace(_TWO_LAYERS, parameterization=depth_mup_corrected())
    return exponent_claim(
        "A6.own.depth",
        "Under depth-muP, the own change of the first layer of two-layer blocks goes as L^-1/2.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        _TWO_LAYERS,
        OWN_CHANGE_DEPTH,
        sources.feature_learning_dynamics(_COLLAPSE),
        (Control("the corrected rate", corrected, shifted=_HALF),),
        Standing.READING,
        twin="A6.total.depth",
    )


def _first_layer_along_width() -> Prediction:
    """The same along width, of which the source does not speak."""
    usual = Control("standard parameterization", replace(_TWO_LAYERS, parameterization=standard()))
    return exponent_claim(
        "A6.own.width",
        "Under depth-muP, the own change of the first layer of two-layer blocks goes as n^0.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.WIDTH,
        _TWO_LAYERS,
        ALONG_WIDTH,
        sources.feature_learning_dynamics(_COLLAPSE),
        (usual,),
        Standing.PROJECT,
    )


def _first_layer_in_the_stream() -> Prediction:
    """A6 read of the whole change: what enters the layer moves by order one, and so does it."""
    return exponent_claim(
        "A6.total.depth",
        "Under depth-muP, the change of the first pre-activation of two-layer blocks, the "
        "moving stream included, goes as L^-1/2.",
        Observable.FIRST_LAYER_CHANGE,
        Axis.DEPTH,
        _TWO_LAYERS,
        OWN_CHANGE_DEPTH,
        sources.feature_learning_dynamics(_COLLAPSE),
        (rates_times(_TWO_LAYERS, _HALF, _HALF),),
        Standing.READING,
        twin="A6.own.depth",
        claimed=stated(Axis.DEPTH, "-1/2"),
    )


_UPDATES_DECAY = sources.feature_learning_dynamics("feature updates decay as 1/sqrt(L)")


def _block(setting: Setting) -> tuple[str, Regime]:
    """What moves, in blocks of one layer and of two, of which the source speaks as well."""
    if setting is _ONE_LAYER:
        return "a block's contribution", OWN_CHANGE_DEPTH
    return "the contribution of a block of two layers", replace(OWN_CHANGE_DEPTH, quick=None)


def _own_update(id: str, twin: str, setting: Setting) -> Prediction:
    """A4: per-block updates decay as L^-1/2, relative to the block's size, by its own weight."""
    what, regime = _block(setting)
    return exponent_claim(
        id,
        f"Under depth-muP, the change of {what} by its own (last) weight, relative to its "
        "size, goes as L^-1/2.",
        Observable.BLOCK_OWN_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        _UPDATES_DECAY,
        (Control("alpha = 1", replace(setting, parameterization=completep(1))),),
        Standing.READING,
        twin=twin,
    )


def _whole_update(id: str, twin: str, setting: Setting) -> Prediction:
    """A4 read of the whole change of what a block contributes."""
    what, regime = _block(setting)
    return exponent_claim(
        id,
        f"Under depth-muP, the change of {what}, the moving stream included, relative to its "
        "size, goes as L^-1/2.",
        Observable.BLOCK_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        _UPDATES_DECAY,
        (rates_times(setting, _HALF, _HALF),),
        Standing.READING,
        twin=twin,
        claimed=stated(Axis.DEPTH, "-1/2"),
    )


def _corrected_rate(id: str, power: Fraction, standing: Standing) -> Prediction:
    """A7, read with one power of L: the correction restores learning of the first layer.

    The own change in the first step is linear in the layer's own rate, and a replicate draws the
    same weights whatever the rate: this is A6's measurement times L^power, judged against 0. The
    published power is not known to us, and only 1/2 cancels A6's: the others are nobody's claim.
    """
    setting = replace(_TWO_LAYERS, parameterization=depth_mup_corrected(power))
    agrees = power == Fraction(1, 2)
    return exponent_claim(
        id,
        f"A learning rate times L^{power} on the first layer of two-layer blocks restores its "
        "learning: its own change in the first step does not depend on depth.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        setting,
        OWN_CHANGE_DEPTH,
        sources.feature_learning_dynamics(
            f"abstract: depth-aware learning-rate correction, read as L^{power}"
        ),
        (Control("no correction", _TWO_LAYERS, shifted=ONE / Power(depth=power)),),
        standing,
        claimed=None if agrees else asked(Axis.DEPTH, "0"),
    )


_MOVED = {Observable.STREAM_CHANGE: "the last stream state", Observable.OUTPUT_CHANGE: "the output"}


def _corrected_stability(
    id: str, observable: Observable, horizon: int, power: Fraction = Fraction(1, 2)
) -> Prediction:
    """A8: the corrected network remains stable; power counting says that it does not.

    Stability of the corrected network is our reading of its transfer, and no sentence of the
    source, which says "maintain stability" of plain depth-muP. The other powers of the correction
    are tried at T = 4 only.
    """
    half = power == Fraction(1, 2)
    network = replace(residual(2), variance_factor=Fraction(horizon))
    setting = Setting(network, depth_mup_corrected(power), FIRST_STEP)
    further = Fraction(3, 2) if power == 1 else Fraction(1)
    overdone = replace(setting, parameterization=depth_mup_corrected(further))
    return exponent_claim(
        id,
        f"With the L^{power} correction, the first-step change of {_MOVED[observable]} does not "
        f"change with depth (T = {horizon}): the corrected network remains stable.",
        observable,
        Axis.DEPTH,
        setting,
        CORRECTED_DEPTH if half else replace(CORRECTED_DEPTH, quick=None),
        sources.feature_learning_dynamics(
            "abstract: the correction restores depth-wise transfer; read as stability of the "
            f"first step, with power {power}"
        ),
        (Control(f"the correction at power {further}", overdone),),
        Standing.PROJECT,
        claimed=asked(Axis.DEPTH, "0"),
        rival_control=_uncorrected(setting),
    )


def _uncorrected(setting: Setting) -> Control:
    return Control("no correction", replace(setting, parameterization=depth_mup()))


def _beside_sums(id: str, observable: Observable) -> Prediction:
    """A8 at T = 1, the horizon of every other prediction, beside exact first-order sums.

    The other roles contribute at order L^0 and only the first layer at L^1/2, so the slope over a
    range of depths depends on their shares. Exact first-order sums (one input, depths 16 to 256)
    put it at 0.35 (stream) and 0.31 (output) for T = 1, and at 0.48 and 0.47 for T = 4. At T = 1
    the asymptotic power is out of reach in this range, at whose end these sums grow as L^0.40 and
    L^0.37: there the rival is the exponent of the sums.
    """
    claim = _corrected_stability(id, observable, horizon=1)
    curve = stream_change if observable is Observable.STREAM_CHANGE else output_change
    sums = Rival(
        f"First-order theory: the first-step change of {_MOVED[observable]} grows as the exact "
        "sums over layers do (one input, infinite width).",
        ExponentOfCurve(Axis.DEPTH, curve),
        sources.power_counting("first-order theory: exact sums of the corrected network"),
        _uncorrected(claim.setting),
    )
    return replace(claim, rival=sums)


def _counted_growth(id: str, observable: Observable) -> Prediction:
    """Power counting's own exponent at T = 1, which is not reached there; in the full profile."""
    claim = _corrected_stability(id, observable, horizon=1)
    assert claim.rival is not None
    return replace(
        claim,
        sentence=f"With the L^1/2 correction, the first-step change of {_MOVED[observable]} grows "
        "as L^1/2 (T = 1).",
        relation=claim.rival.relation,
        regime=replace(CORRECTED_DEPTH, quick=None, standard=None),
        citation=claim.rival.citation,
        controls=(_uncorrected(claim.setting),),
        rival=None,
    )


_STREAM, _OUTPUT = Observable.STREAM_CHANGE, Observable.OUTPUT_CHANGE
_QUARTER, _WHOLE = Fraction(1, 4), Fraction(1)

PREDICTIONS: tuple[Prediction, ...] = (
    _kept("A1.forward.depth", _FORWARD, Axis.DEPTH, layers=1),
    _kept("A1.forward.width", _FORWARD, Axis.WIDTH, layers=1),
    _value("A1.forward.value", _FORWARD, layers=1),
    _kept("A2.backward.depth", _BACKWARD, Axis.DEPTH, layers=1),
    _kept("A2.backward.width", _BACKWARD, Axis.WIDTH, layers=1),
    _value("A2.backward.value", _BACKWARD, layers=1),
    _kept("A3.forward.depth", _FORWARD, Axis.DEPTH, layers=2),
    _kept("A3.forward.width", _FORWARD, Axis.WIDTH, layers=2),
    _value("A3.forward.value", _FORWARD, layers=2),
    _kept("A3.backward.depth", _BACKWARD, Axis.DEPTH, layers=2),
    _kept("A3.backward.width", _BACKWARD, Axis.WIDTH, layers=2),
    _value("A3.backward.value", _BACKWARD, layers=2),
    _stream_in_training("A5.stream.depth", Axis.DEPTH),
    _stream_in_training("A5.stream.width", Axis.WIDTH),
    _first_layer_along_depth(),
    _first_layer_along_width(),
    _own_update("A4.own.depth", "A4.total.depth", _ONE_LAYER),
    _whole_update("A4.total.depth", "A4.own.depth", _ONE_LAYER),
    _own_update("A4.own.depth.two-layer-blocks", "A4.total.depth.two-layer-blocks", _TWO_LAYERS),
    _whole_update("A4.total.depth.two-layer-blocks", "A4.own.depth.two-layer-blocks", _TWO_LAYERS),
    _first_layer_in_the_stream(),
    _corrected_rate("A7.own.depth.power-1/4", _QUARTER, Standing.PROJECT),
    _corrected_rate("A7.own.depth.power-1/2", Fraction(1, 2), Standing.STATED),
    _corrected_rate("A7.own.depth.power-1", _WHOLE, Standing.PROJECT),
    _beside_sums("A8.stream.depth.horizon-1", _STREAM),
    _counted_growth("A8.stream.depth.horizon-1.power-counting", _STREAM),
    _beside_sums("A8.output.depth.horizon-1", _OUTPUT),
    _counted_growth("A8.output.depth.horizon-1.power-counting", _OUTPUT),
    _corrected_stability("A8.stream.depth.horizon-4", _STREAM, horizon=4),
    _corrected_stability("A8.output.depth.horizon-4", _OUTPUT, horizon=4),
    _corrected_stability("A8.stream.depth.power-1/4", _STREAM, 4, _QUARTER),
    _corrected_stability("A8.output.depth.power-1/4", _OUTPUT, 4, _QUARTER),
    _corrected_stability("A8.stream.depth.power-1", _STREAM, 4, _WHOLE),
    _corrected_stability("A8.output.depth.power-1", _OUTPUT, 4, _WHOLE),
)
