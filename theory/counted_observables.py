"""What power counting says of each observable: exponents, and relations that say whose they are.

The counts of ``theory.power_counting``, put together to what an experiment measures. Imports
``theory`` only.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from theory.architecture import HOMOGENEOUS, Activation, Architecture, Family, Role
from theory.errors import NoTheoryError
from theory.experiments import OneStep, Setting
from theory.observables import FINITE_SIZE, Observable
from theory.power_counting import ROOT_WIDTH, Layer, PowerCount, count_powers, fastest
from theory.relations import BestRateExponentEquals, ExponentEquals, Relation
from theory.scaling import ONE, Axis, Power

# The catalogue asks three times as often as it has networks to count.
_count_powers = cache(count_powers)


def predicted_exponent(setting: Setting, observable: Observable, axis: Axis) -> Fraction:
    """The exponent of an observable in a setting, for any parameterization.

    Of a loss, that of the learning rate at which it is smallest: the largest one that is stable.
    Raises ``NoTheoryError`` where no power describes it: signals that grow or decay exponentially
    with depth, or an observable that the architecture does not have.
    """
    count = _count_powers(setting.architecture, setting.parameterization)
    _require_a_power(setting, count, observable, axis)
    if observable in _OF_BLOCKS:
        return _block_exponent(setting, count, observable).along(axis)
    if observable in FINITE_SIZE and not setting.architecture.has_exact_theory:
        raise NoTheoryError(
            f"{setting.architecture} has no exact recursion: {observable} needs one"
        )
    if observable in FINITE_SIZE:
        return _finite_size(setting, observable).along(axis)
    if observable in _VALUES:
        raise NoTheoryError(f"{observable} is a number, not a power of {axis}")
    if observable is Observable.INPUT_CHANGE:
        return _change_of_input(setting, count).along(axis)
    if setting.architecture.parts.post_norm and observable is Observable.FORWARD_SECOND_MOMENT:
        raise NoTheoryError(f"{setting.architecture}: every state has the size 1")
    moved = count.total_stream_change.along(axis)
    exponents = {
        Observable.FORWARD_SECOND_MOMENT: 2 * _state(setting, count).along(axis),
        Observable.BACKWARD_SECOND_MOMENT: 2 * count.stream_gradient.along(axis),
        Observable.STREAM_CHANGE: moved,
        Observable.TRAINED_STREAM_CHANGE: moved,
        Observable.OUTPUT_CHANGE: count.total_output_change.along(axis),
        Observable.MAXIMAL_UPDATE_RATE: -moved,
        Observable.LAST_LAYER_RATIO: ONE.along(axis),
        Observable.DRIFT_SHARE: _drift_share(setting.architecture).along(axis),
        Observable.TRAINED_LOSS: count.largest_stable_rate.along(axis),
        Observable.TRAINING_LOSS: count.largest_stable_rate.along(axis),
    }
    if observable not in exponents:
        raise NoTheoryError(f"{observable}: powers are not counted of it")
    return exponents[observable]


def _require_a_power(
    setting: Setting, count: PowerCount, observable: Observable, axis: Axis
) -> None:
    """Raises ``NoTheoryError`` where signals do not follow one power in this direction."""
    _require_one_step(setting, axis)
    # Networks are tried along depth where they are wide: what grows with width has grown there.
    axes = (Axis.WIDTH, Axis.DEPTH) if axis is Axis.DEPTH else (Axis.WIDTH,)
    unstable = [each for each in axes if count.accumulated.along(each) > 0]
    if unstable or not count.critical:
        raise NoTheoryError(
            f"{setting.parameterization.name} is not stable in {(*unstable, axis)[0]} at "
            f"initialization: {observable} need not follow a power of {axis.symbol}"
        )
    _require_one_regime(setting, axis)
    if observable in _OF_CHANGES:
        _require_a_step(setting, observable, axis)
    if setting.architecture.normalized:
        _require_one_leader(setting, count, observable, axis)


def _require_one_leader(
    setting: Setting, count: PowerCount, observable: Observable, axis: Axis
) -> None:
    """Raises ``NoTheoryError`` where a normalized stream is now its input and now its branches."""
    started, name = setting.parameterization[Role.INPUT].scale, setting.parameterization.name
    ahead = {each: started.along(each) - count.accumulated.along(each) for each in Axis}
    in_turn = axis is Axis.DEPTH and ahead[Axis.WIDTH] * ahead[Axis.DEPTH] < 0
    if in_turn and observable is Observable.FORWARD_SECOND_MOMENT:
        raise NoTheoryError(
            f"{name}: of input and branches, one is larger in wide networks and the other in deep "
            "ones"
        )
    behind = ahead[Axis.WIDTH] < 0 or (axis is Axis.DEPTH and ahead[Axis.DEPTH] < 0)
    if behind and observable not in _AT_ONE_PLACE:
        raise NoTheoryError(
            f"{name}: the stream starts smaller than its branches, and grows from block to block: "
            f"{observable} is a sum over blocks of several powers of {axis.symbol}"
        )


def _require_a_step(setting: Setting, observable: Observable, axis: Axis) -> None:
    """Raises ``NoTheoryError`` where a step is not that of order one in one direction."""
    architecture, parameterization = setting.architecture, setting.parameterization
    linear = parameterization.optimizer.is_linear
    deep = axis is Axis.DEPTH and architecture.family is Family.CHAIN
    several = setting.experiment.batch > 1 and observable in _OF_ALL_LAYERS
    if deep and several and not linear:
        raise NoTheoryError(
            f"{parameterization.name}: in a deep chain the inputs of a batch become alike, and "
            f"{parameterization.optimizer} magnifies what is left of their differences"
        )
    last, first = parameterization[Role.OUTPUT], parameterization[Role.INPUT]
    stream = ONE if architecture.normalized else first.scale
    logits = last.scale * ROOT_WIDTH * stream
    if architecture.parts.tied:  # the stream remembers the embedding, and meets it again
        logits = last.multiplier * first.std * ROOT_WIDTH**2 * stream
    if linear and logits.along(axis) > 0:
        raise NoTheoryError(
            f"{parameterization.name}: outputs grow as {axis.symbol}^{logits.along(axis)} at "
            "initialization, and so does the loss, which is counted as of order one"
        )


def _require_one_step(setting: Setting, axis: Axis) -> None:
    """Raises ``NoTheoryError`` where powers are not those of the first step from small scores."""
    architecture, parameterization = setting.architecture, setting.parameterization
    _require_moving(setting, axis)
    if architecture.family is Family.TRANSFORMER:
        scores = parameterization.attention * ROOT_WIDTH**3
        for role in (Role.QUERY, Role.KEY):
            scores = scores * parameterization[role].scale
        if scores.along(axis) > 0:
            raise NoTheoryError(
                f"{parameterization.name}: attention scores grow as {axis.symbol}^"
                f"{scores.along(axis)} at initialization, and a saturated softmax follows no power"
            )
    bias = parameterization[Role.BIAS] if architecture.parts.biases else None
    if bias is not None and not bias.starts_at_zero and bias.scale.along(axis) > 0:
        raise NoTheoryError(
            f"{parameterization.name}: biases grow as {axis.symbol}^{bias.scale.along(axis)} at "
            "initialization, and take over from the signals"
        )


def _require_moving(setting: Setting, axis: Axis) -> None:
    """Raises ``NoTheoryError`` where a weight is still zero, or was thrown out of all bounds."""
    architecture, parameterization = setting.architecture, setting.parameterization
    zero = [role for role in architecture.matrix_roles if parameterization[role].starts_at_zero]
    after = setting.experiment.after if isinstance(setting.experiment, OneStep) else 0
    if zero and not after:
        raise NoTheoryError(
            f"{parameterization.name}: {', '.join(zero)} starts at zero, so that the first step "
            "moves nothing else; its powers are those of the second"
        )
    if after:
        count = _count_powers(architecture, parameterization)
        moved = fastest((count.total_output_change, count.total_stream_change / count.size))
        if moved.along(axis) > 0:
            raise NoTheoryError(
                f"{parameterization.name}: the steps before move the network by {axis.symbol}^"
                f"{moved.along(axis)}, and what follows has no power"
            )


def _own_change(setting: Setting, count: PowerCount, layer: Layer) -> Power:
    """Raises ``NoTheoryError`` for a layer that is frozen."""
    if layer not in count.own_change:
        raise NoTheoryError(f"{setting.parameterization.name}: {layer} is frozen")
    return count.own_change[layer]


def _change_of_input(setting: Setting, count: PowerCount) -> Power:
    """Of h_0: the embedding, behind its normalization where it has one."""
    first = Layer(Role.INPUT)
    own = _own_change(setting, count, first)
    return count.stream_change[first] if setting.architecture.parts.post_norm else own


def _by_vectors(setting: Setting, count: PowerCount) -> list[Power]:
    """What biases and gains do to their own block, relative to what it adds."""
    branch = count.branch * Power(depth=1)
    if not setting.architecture.normalized:
        branch = branch * _state(setting, count)
    vectors = (Role.BIAS, Role.GAIN)
    return [p / branch for layer, p in count.stream_change.items() if layer.role in vectors]


def _by_vectors_of_first(setting: Setting, count: PowerCount) -> list[Power]:
    """What biases and gains do to what the first layer of a block produces."""
    first = setting.parameterization[Role.BRANCH_FIRST].scale * ROOT_WIDTH
    own, none = count.own_change, Layer(Role.BIAS, 1)
    found = [own[none]] if none in own else []
    gain = Layer(Role.GAIN, 1)
    return [*found, own[gain] * first] if gain in own else found


_OF_ALL_LAYERS = {Observable.STREAM_CHANGE, Observable.OUTPUT_CHANGE}
_OF_CHANGES = {
    *_OF_ALL_LAYERS,
    Observable.INPUT_CHANGE,
    Observable.BLOCK_OWN_CHANGE,
    Observable.BLOCK_CHANGE,
    Observable.FIRST_LAYER_OWN_CHANGE,
    Observable.FIRST_LAYER_CHANGE,
}
_AT_ONE_PLACE = {Observable.FORWARD_SECOND_MOMENT, Observable.BRANCH_SECOND_MOMENT}


def contributions(setting: Setting, observable: Observable, axis: Axis) -> list[Fraction]:
    """Exponents of what the roles add to an observable, largest first; each only once.

    Queries and keys are left out: attention starts uniform, and their part is small. The largest is
    the power at large sizes; where the next is close, sizes have to be very large.
    """
    count = _count_powers(setting.architecture, setting.parameterization)
    state = _state(setting, count)
    stream, output = (
        [power for layer, power in powers.items() if layer.role not in (Role.QUERY, Role.KEY)]
        for powers in (count.stream_change, count.output_change)
    )
    relative = [power / state for power in stream]
    powers = {
        Observable.STREAM_CHANGE: stream,
        Observable.OUTPUT_CHANGE: output,
        Observable.BLOCK_CHANGE: relative,
    }.get(observable, [])
    if observable is Observable.FORWARD_SECOND_MOMENT and axis is Axis.WIDTH:
        powers = [_state(setting, count) ** 2, count.accumulated**2]
    if observable is Observable.FIRST_LAYER_CHANGE:
        entering = relative if setting.architecture.normalized else stream
        first = setting.parameterization[Role.BRANCH_FIRST].scale * ROOT_WIDTH
        powers = [power * first for power in entering] + [
            _own_change(setting, count, Layer(Role.BRANCH_FIRST, 1)),
            *_by_vectors_of_first(setting, count),
        ]
    found = {power.along(axis) for power in powers}
    if observable is Observable.BLOCK_CHANGE:
        found.update(power.along(axis) for power in _by_vectors(setting, count))
        if not setting.architecture.ends_with_activation:
            found.add(predicted_exponent(setting, Observable.BLOCK_OWN_CHANGE, axis))
    return sorted(found, reverse=True)


def _require_one_regime(setting: Setting, axis: Axis) -> None:
    """Raises ``NoTheoryError`` where an activation is neither small nor large all the time."""
    activation, name = setting.architecture.activation, setting.parameterization.name
    entering = [power.along(axis) for power in _entering(setting)]
    if activation in (Activation.TANH, Activation.ERF) and any(p > 0 for p in entering):
        raise NoTheoryError(
            f"{name}: what enters {activation} grows with {axis}, and a saturated activation "
            "follows no power of it"
        )
    slow = [p for p in entering if 0 < abs(p) < Fraction(1, 2)]
    if slow and activation not in HOMOGENEOUS:
        raise NoTheoryError(
            f"{name}: {axis.symbol}^{slow[0]} enters {activation}, which is neither of small nor "
            "of large numbers at the sizes that are tried"
        )


def _entering(setting: Setting) -> list[Power]:
    """The sizes of what enters activations, at initialization."""
    architecture, parameterization = setting.architecture, setting.parameterization
    signal = ONE if architecture.normalized else parameterization[Role.INPUT].scale
    entering = [] if architecture.normalized else [signal]
    for role in architecture.branch_roles:
        signal = signal * parameterization[role].scale * ROOT_WIDTH
        entering.append(signal)
    return entering if architecture.ends_with_activation else entering[:-1]


def _state(setting: Setting, count: PowerCount) -> Power:
    """The size of the stream.

    Normalized branches do not shrink with it: the larger of input and branches is what remains.
    """
    stream = setting.parameterization[Role.INPUT].scale
    return count.size if setting.architecture.normalized else stream


_VALUES = {
    Observable.KURTOSIS,
    Observable.INCREMENT_RATIO,
    Observable.OUTPUT_REUSE_RATIO,
    Observable.STREAM_REUSE_RATIO,
    Observable.FITTED_OUTPUT,
    Observable.FITTED_SECOND_MOMENT,
    Observable.FITTED_KURTOSIS,
}


def _finite_size(setting: Setting, observable: Observable) -> Power:
    """Distances from infinite size.

    Depth-muP is the Euler scheme of a stochastic system, of first order in law. A second moment
    averages over n coordinates; in a chain, L layers add to its logarithm.
    """
    chain = setting.architecture.family is Family.CHAIN
    if setting.architecture.normalized and observable is Observable.LIMIT_DISTANCE:
        raise NoTheoryError(
            f"{setting.architecture} is at its limit at every depth: {observable} is noise of width"
        )
    if observable is Observable.RECURSION_ERROR:
        return Power(width=-1, depth=1 if chain else 0)
    if chain or setting.parameterization.residual != Power(depth="-1/2"):
        raise NoTheoryError(
            f"{setting.parameterization.name}: {observable} is about the limit of residual "
            "networks with branches times L^-1/2"
        )
    return Power(depth=-1)


_OF_FIRST_LAYERS = {Observable.FIRST_LAYER_OWN_CHANGE, Observable.FIRST_LAYER_CHANGE}
_OF_ONE_LAYER = {
    Observable.BLOCK_COUPLING,
    Observable.BLOCK_COUPLING_AMPLITUDE,
    Observable.STREAM_COUPLING,
    Observable.OUTPUT_COUPLING,
    Observable.OUTPUT_REUSE_DISTANCE,
    Observable.STREAM_REUSE_DISTANCE,
}
_OF_BLOCKS = {
    *_OF_FIRST_LAYERS,
    *_OF_ONE_LAYER,
    Observable.BRANCH_SECOND_MOMENT,
    Observable.BLOCK_OWN_CHANGE,
    Observable.BLOCK_CHANGE,
    Observable.BACKWARD_COUPLING,
}


def _drift_share(architecture: Architecture) -> Power:
    """The part of the stream's change along its gradient.

    Of order one where a skip path carries it. In a chain, L layers add to it coherently, and the
    rest, spread over directions, is L^1/2 times larger.
    """
    return Power(depth=-1) if architecture.family is Family.CHAIN else ONE


def _block_exponent(setting: Setting, count: PowerCount, observable: Observable) -> Power:
    """Observables of residual blocks.

    Coupling in blocks of one layer: a step moves what enters block l by delta, in part along the
    gradient of the states below, which W_l^T g has entered through the residual multiplier s: W_l
    answers s delta along g. Block l adds s times this to the stream, and L blocks add up
    coherently.
    """
    architecture, parameterization = setting.architecture, setting.parameterization
    if architecture.family is Family.CHAIN:
        raise NoTheoryError(
            f"{architecture} has no blocks: {observable} is about residual networks"
        )
    first, last = (
        Layer(Role.BRANCH_FIRST, 1),
        Layer(Role.BRANCH_LAST, architecture.layers_per_block),
    )
    if observable in _OF_FIRST_LAYERS:
        if Role.BRANCH_FIRST not in architecture.branch_roles:
            raise NoTheoryError(f"{architecture} has no first layer inside its blocks")
        own = _own_change(setting, count, first)
        carried = count.total_stream_change / count.size
        carried = carried * parameterization[first.role].scale * ROOT_WIDTH
        if observable is Observable.FIRST_LAYER_OWN_CHANGE:
            return own
        return fastest((own, carried, *_by_vectors_of_first(setting, count)))
    if observable is Observable.BLOCK_OWN_CHANGE and architecture.ends_with_activation:
        raise NoTheoryError(
            f"{architecture}: {observable} is about branches that end with a weight"
        )
    if observable in _OF_ONE_LAYER and not architecture.is_one_layer_pre_activation:
        raise NoTheoryError(
            f"{architecture}: {observable} is counted in pre-activation blocks of one layer; "
            "inside others, what a layer learns meets the weights behind it in full"
        )
    # Without normalization a branch is as large as what enters it, relative to which it is counted.
    state = _state(setting, count)
    own = _own_change(setting, count, last) / (count.branch / parameterization.residual)
    if not architecture.normalized:
        own = own / state
    carried = count.total_stream_change / state
    size = count.branch if architecture.normalized else count.branch * state
    coupled = count.total_stream_change * count.branch**2
    return {
        Observable.BRANCH_SECOND_MOMENT: size**2,
        Observable.BLOCK_OWN_CHANGE: own,
        Observable.BLOCK_CHANGE: fastest((own, carried, *_by_vectors(setting, count))),
        Observable.BACKWARD_COUPLING: Power(width=-1),
        Observable.BLOCK_COUPLING: coupled**2,
        Observable.BLOCK_COUPLING_AMPLITUDE: coupled,
        Observable.STREAM_COUPLING: coupled * Power(depth=1),
        Observable.OUTPUT_COUPLING: coupled * Power(depth=1),
        Observable.OUTPUT_REUSE_DISTANCE: count.branch**2 * Power(depth=1),
        Observable.STREAM_REUSE_DISTANCE: count.branch**2 * Power(depth=1),
    }[observable]


def counted(setting: Setting, observable: Observable, axis: Axis) -> Relation:
    """What power counting predicts, as a relation that says so."""
    origin = f"theory.power_counting, {observable} under {setting.parameterization.name}"
    return ExponentEquals(axis, predicted_exponent(setting, observable, axis), origin)


def counted_best_rate(setting: Setting, axis: Axis, rates: tuple[Fraction, ...]) -> Relation:
    """What power counting predicts of the best learning rate: the largest stable one."""
    value = predicted_exponent(setting, Observable.TRAINED_LOSS, axis)
    origin = f"theory.power_counting, largest stable rate of {setting.parameterization.name}"
    return BestRateExponentEquals(axis, value, origin, rates)
