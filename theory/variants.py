"""What theory predicts of any parameterization, as predictions with controls. Imports ``theory``.

Power counting gives the exponent of every observable that it counts, in width and in depth. Each
becomes an ordinary prediction. Its control is the same network with one exponent changed, so that
power counting expects another power there by at least a half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from theory.architecture import HOMOGENEOUS, Architecture, Family, Role
from theory.counted_observables import contributions, counted, predicted_exponent
from theory.cures import Change
from theory.errors import NoTheoryError
from theory.experiments import Experiment, OneStep, Propagation, Setting
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.prediction import Citation, Control, Grid, Prediction, Regime, Standing, product, ray
from theory.presets import preset
from theory.relations import Relation
from theory.scaling import Axis, Power

_MARGIN = Fraction(3, 20)
_REASON = "less than a third of the step between neighbouring half-integer exponents"
_ALONG_WIDTH = Grid(product((64, 128, 256, 512), (4,)), 24, 12)
_ALONG_DEPTH = Grid(product((64,), (8, 16, 32, 64)), 24, 12)
# Fluctuations of chains grow with L / n, which stays the same along a ray.
_CHAINS_ALONG_DEPTH = Grid(ray(16, (4, 8, 16, 32)), 96, 24)
_EXPERIMENTS: dict[type[Experiment], Experiment] = {
    Propagation: Propagation(batch=4),
    OneStep: OneStep(batch=4),
}
_OBSERVABLES = (
    *(Observable.FORWARD_SECOND_MOMENT, Observable.BACKWARD_SECOND_MOMENT),
    *(Observable.BRANCH_SECOND_MOMENT, Observable.INPUT_CHANGE, Observable.STREAM_CHANGE),
    *(Observable.OUTPUT_CHANGE, Observable.BLOCK_OWN_CHANGE, Observable.BLOCK_CHANGE),
    *(Observable.FIRST_LAYER_OWN_CHANGE, Observable.FIRST_LAYER_CHANGE),
)
_APART = Fraction(1, 2)
# Powers as close as this are not told apart by sizes that differ eightfold. In depth, embedding and
# readout add as much as several blocks: one power more of L only leads in deeper networks.
_CLOSE = {Axis.WIDTH: Fraction(1, 2), Axis.DEPTH: Fraction(1)}


def predictions_of(
    architecture: Architecture, parameterization: Parameterization, axis: Axis | None = None
) -> tuple[Prediction, ...]:
    """Predictions of every observable that power counting knows a power of, along one axis or both.

    Raises ``NoTheoryError`` where there is none, such as in networks whose signals explode.

    >>> from scaleproof import completep, predictions_of, residual
    >>> predictions_of(residual(2), completep())[0].sentence
    'Under completep(1), the forward second moment goes as n^0.'
    """
    made = [
        prediction
        for each in (tuple(Axis) if axis is None else (axis,))
        for observable in _OBSERVABLES
        for prediction in _predicted(architecture, parameterization, observable, each)
    ]
    if not made:
        raise NoTheoryError(
            f"{parameterization.name}: power counting predicts nothing of {architecture}; "
            "theory.diagnose says why"
        )
    return tuple(made)


def _predicted(
    architecture: Architecture,
    parameterization: Parameterization,
    observable: Observable,
    axis: Axis,
) -> Iterator[Prediction]:
    setting = _setting(architecture, parameterization, observable)
    try:
        relation, control = _relation_and_control(setting, observable, axis)
    except NoTheoryError:
        return
    name, symbol = parameterization.name, axis.symbol
    exponent = predicted_exponent(setting, observable, axis)
    chain = architecture.family is Family.CHAIN
    along_depth = _CHAINS_ALONG_DEPTH if chain else _ALONG_DEPTH
    grid = _ALONG_WIDTH if axis is Axis.WIDTH else along_depth
    yield Prediction(
        id=f"{_identifier(name)}.{axis}.{observable}",
        sentence=f"Under {name}, the {observable.replace('_', ' ')} goes as {symbol}^{exponent}.",
        observable=observable,
        relation=relation,
        setting=setting,
        regime=Regime(quick=grid, standard=grid),
        margin=_MARGIN,
        margin_reason=_REASON,
        citation=Citation("power counting", "theory.power_counting", parameterization.source),
        controls=(control,),
        standing=Standing.PROJECT,
    )


def _setting(
    architecture: Architecture, parameterization: Parameterization, observable: Observable
) -> Setting:
    """The first step; of weights that start at zero, the second one."""
    experiment = _EXPERIMENTS[observable.experiment]
    if isinstance(experiment, OneStep):
        zero = any(parameterization[role].starts_at_zero for role in architecture.matrix_roles)
        experiment = replace(experiment, after=int(zero))
    return Setting(architecture, parameterization, experiment)


def _relation_and_control(
    setting: Setting, observable: Observable, axis: Axis
) -> tuple[Relation, Control]:
    """Raises ``NoTheoryError`` where no power is expected at the sizes that are tried."""
    relation = counted(setting, observable, axis)
    power, symbol = predicted_exponent(setting, observable, axis), axis.symbol
    chain = setting.architecture.family is Family.CHAIN
    if chain and axis is Axis.DEPTH:
        along_width = predicted_exponent(setting, observable, Axis.WIDTH)
        if along_width:
            raise NoTheoryError(
                f"chains are tried along n = 16 L, where n^{along_width} is seen, too"
            )
    parts = contributions(setting, observable, axis)
    if parts and power > parts[0]:
        raise NoTheoryError(
            f"{symbol}^{power} of queries or keys leads over {symbol}^{parts[0]} at larger sizes "
            "only"
        )
    if len(parts) > 1 and parts[0] - parts[1] <= _CLOSE[axis]:
        raise NoTheoryError(
            f"{symbol}^{parts[0]} leads over {symbol}^{parts[1]} at larger sizes only"
        )
    return relation, _control(setting, observable, axis)


def unpredicted(
    architecture: Architecture, parameterization: Parameterization, axis: Axis | None = None
) -> tuple[str, ...]:
    """Why there is no prediction of an observable that such networks have, a line each."""
    usual = preset("mup" if architecture.family is Family.CHAIN else "completep")
    reasons = []
    for each in tuple(Axis) if axis is None else (axis,):
        for observable in _OBSERVABLES:
            setting = _setting(architecture, parameterization, observable)
            why = _why_not(setting, observable, each)
            if why and not _why_not(replace(setting, parameterization=usual), observable, each):
                reasons.append(f"{each}.{observable}: {why}")
    return tuple(reasons)


def _why_not(setting: Setting, observable: Observable, axis: Axis) -> str:
    """Nothing, where there is a prediction."""
    try:
        _relation_and_control(setting, observable, axis)
    except NoTheoryError as error:
        return str(error)
    return ""


def _identifier(name: str) -> str:
    """A name without what a shell or a pattern would take for something else."""
    return "".join(x if x.isalnum() or x in "-_" else "-" for x in name).strip("-") or "variant"


def _control(setting: Setting, observable: Observable, axis: Axis) -> Control:
    """The first change of one exponent after which another power is expected.

    All rates times a power shift the claim's own measurement, and the control says so. Raises
    ``NoTheoryError`` where none of them has a power.
    """
    before = predicted_exponent(setting, observable, axis)
    for change in _changes(setting, axis):
        name = f"{setting.parameterization.name} with {change}"
        moved = replace(
            setting, parameterization=replace(change.applied(setting.parameterization), name=name)
        )
        try:
            after = predicted_exponent(moved, observable, axis)
        except NoTheoryError:
            continue
        if abs(after - before) >= _APART:
            return Control(name, moved, _shift(setting, observable, change))
    raise NoTheoryError(f"{observable}: no change of one exponent gives another power")


def _shift(setting: Setting, observable: Observable, change: Change) -> Power | None:
    """By what a control's measurement is the claim's own, where it is no more than that.

    Derivatives in the rate go as all rates do, what comes back from the readout as its weights, and
    signals without normalization, of homogeneous activations, as the input's.
    """
    architecture = setting.architecture
    if change.part == "rate":
        return change.factor
    homogeneous = architecture.activation in HOMOGENEOUS and not architecture.normalized
    signals = (Observable.FORWARD_SECOND_MOMENT, Observable.BRANCH_SECOND_MOMENT)
    of_readout = change.roles == (Role.OUTPUT,) and observable is Observable.BACKWARD_SECOND_MOMENT
    of_input = change.roles == (Role.INPUT,) and homogeneous and observable in signals
    return change.factor**2 if of_readout or of_input else None


def _changes(setting: Setting, axis: Axis) -> Iterator[Change]:
    """Of rates first; then of initial values. Smaller ones keep networks from exploding."""
    chain = setting.architecture.family is Family.CHAIN
    roles = setting.architecture.matrix_roles
    for exponent in (Fraction(-1, 2), Fraction(1, 2)):
        factor = Power(width=exponent) if axis is Axis.WIDTH else Power(depth=exponent)
        yield Change(setting.architecture.roles, "rate", factor)
        for role in roles:
            yield Change((role,), "initialization", factor)
        if not chain:
            yield Change((), "residual multiplier", factor)
