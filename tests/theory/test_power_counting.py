"""Power counting: what the sources say comes out of it, and it respects the symmetry."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.test_scaling import powers
from theory import (
    Activation,
    Architecture,
    Axis,
    BlockForm,
    DomainError,
    Normalization,
    Observable,
    OneStep,
    Optimizer,
    Parameterization,
    Power,
    Role,
    RoleScaling,
    Setting,
    am_mup,
    chain,
    completep,
    count_powers,
    depth_mup,
    depth_mup_corrected,
    diagnose,
    mup,
    ntk,
    residual,
    residual_he,
    standard,
    transformer,
)
from theory.counted_observables import counted_best_rate, predicted_exponent
from theory.exact.first_step import output_reuse_ratio, stream_reuse_ratio
from theory.exact.propagation import forward_second_moment
from theory.power_counting import Layer, with_matched_epsilon
from theory.scaling import ONE, Cell

FIRST, LAST = Layer(Role.BRANCH_FIRST, 1), Layer(Role.BRANCH_LAST, 2)
ONE_STEP = OneStep(batch=1)
architectures = st.sampled_from(
    [
        chain(),
        transformer(),
        residual(1, normalization=Normalization.RMS),
        residual(3, normalization=Normalization.RMS),
    ]
    + [residual(m, form=form) for m in (1, 2, 3, 4) for form in BlockForm]
)
optimizers = st.sampled_from(Optimizer)
scalings = st.builds(RoleScaling, powers, powers, powers, powers)


@st.composite
def parameterizations(draw: st.DrawFn) -> Parameterization:
    """Any exponents at all."""
    roles = tuple((role, draw(scalings)) for role in Role)
    return Parameterization("random", draw(powers), roles, "drawn", draw(optimizers))


@given(architectures, parameterizations(), st.fixed_dictionaries(dict.fromkeys(Role, powers)))
def test_the_symmetry_changes_no_exponent(
    architecture: Architecture, parameterization: Parameterization, factors: dict[Role, Power]
) -> None:
    moved = parameterization.moved(factors, "moved")
    assert count_powers(architecture, moved) == count_powers(architecture, parameterization)


@given(architectures, parameterizations(), powers)
def test_changes_are_linear_in_the_rate(
    architecture: Architecture, parameterization: Parameterization, factor: Power
) -> None:
    before = count_powers(architecture, parameterization)
    after = count_powers(architecture, parameterization.with_rates_times(factor, "faster"))
    assert after.stream_change == {k: v * factor for k, v in before.stream_change.items()}
    assert after.largest_stable_rate * factor == before.largest_stable_rate


@given(architectures, parameterizations())
def test_at_the_largest_stable_rate_the_fastest_change_is_of_order_one(
    architecture: Architecture, parameterization: Parameterization
) -> None:
    rate = count_powers(architecture, parameterization).largest_stable_rate
    count = count_powers(architecture, parameterization.with_rates_times(rate, "tuned"))
    for axis in Axis:
        changes = (count.total_stream_change, count.total_output_change)
        assert max(change.along(axis) for change in changes) == 0


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_mup_is_the_fixed_point_in_width(layers: int, optimizer: Optimizer) -> None:
    count = count_powers(residual(layers), mup(optimizer))
    changes = [*count.own_change.values(), *count.stream_change.values()]
    assert {power.width for power in changes} == {0}
    assert count.stable_in_training(Axis.WIDTH)
    assert count.nontrivial(Axis.WIDTH)


def test_ntk_is_lazy_and_standard_blows_up_in_width() -> None:
    lazy = count_powers(residual(1), ntk())
    assert lazy.total_stream_change.width == Fraction(-1, 2)
    assert lazy.total_output_change.width == 0
    assert not lazy.nontrivial(Axis.WIDTH)
    assert count_powers(residual(1), standard()).total_output_change.width == 1


@given(
    st.fractions(0, Fraction(3, 2), max_denominator=8),
    st.fractions(-1, Fraction(3, 2), max_denominator=8),
)
def test_the_phase_diagram_of_depth_comes_out(alpha: Fraction, gamma: Fraction) -> None:
    """arXiv 2310.02244: branches L^-alpha, Adam rate L^-gamma, one layer per block.

    Stable at initialization iff alpha >= 1/2, in training iff also alpha + gamma >= 1, non-trivial
    iff alpha + gamma <= 1.
    """
    base = mup(Optimizer.ADAM)
    block = base[Role.BRANCH_LAST]
    slowed = replace(
        block,
        rate=block.rate * Power(depth=-gamma),
        epsilon=block.epsilon * Power(depth=-alpha),
    )
    count = count_powers(
        residual(1), base.changed("phase", {Role.BRANCH_LAST: slowed}, Power(depth=-alpha))
    )
    assert count.stable_at_initialization(Axis.DEPTH) == (alpha >= Fraction(1, 2))
    assert count.stable_in_training(Axis.DEPTH) == (alpha >= Fraction(1, 2) and alpha + gamma >= 1)
    assert count.nontrivial(Axis.DEPTH) == (alpha + gamma <= 1)


def test_blocks_of_two_layers_collapse_and_the_correction_blows_up() -> None:
    plain = count_powers(residual(2), depth_mup())
    assert plain.own_change[FIRST] == Power(depth="-1/2")
    assert plain.total_stream_change == ONE
    corrected = count_powers(residual(2), depth_mup_corrected())
    assert corrected.own_change[FIRST] == ONE
    assert corrected.stream_change[FIRST] == Power(depth="1/2")
    assert corrected.total_output_change == Power(depth="1/2")
    complete = count_powers(residual(2), completep())
    assert set(complete.own_change.values()) == {ONE}
    assert complete.total_stream_change == ONE
    assert complete.branch == Power(depth=-1)


@given(st.fractions(Fraction(1, 2), 1, max_denominator=8), optimizers, st.sampled_from([1, 2, 3]))
def test_completep_is_maximal_at_every_alpha(
    alpha: Fraction, optimizer: Optimizer, layers: int
) -> None:
    count = count_powers(residual(layers), completep(alpha, optimizer))
    assert count.stable_in_training(Axis.DEPTH)
    assert count.nontrivial(Axis.DEPTH)


def test_maximal_rates_of_chains_and_of_residual_blocks() -> None:
    assert count_powers(chain(), am_mup()).largest_stable_rate == Power(depth="-3/2")
    assert count_powers(residual(1), am_mup()).largest_stable_rate == Power(depth=-1)


@pytest.mark.parametrize("preset", [mup, depth_mup, completep])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_epsilon_follows_the_gradient_where_the_sources_scale_it(
    preset: Callable[..., Parameterization], layers: int
) -> None:
    parameterization = preset(optimizer=Optimizer.ADAM)
    count = count_powers(residual(layers), parameterization)
    assert all(power == ONE for power in count.over_epsilon.values())
    assert not any("epsilon" in str(item) for item in diagnose(residual(layers), parameterization))


def test_epsilon_follows_the_gradient_in_chains() -> None:
    count = count_powers(chain(), mup(Optimizer.ADAM))
    assert set(count.over_epsilon.values()) == {ONE}
    assert count.gradient[Layer(Role.HIDDEN, 1)] == Power(width="-3/2")


def test_chains_that_are_not_critical_follow_no_power() -> None:
    shrinking = mup().changed("shrinking", {Role.HIDDEN: RoleScaling(Power(width=-1))})
    assert not count_powers(chain(), shrinking).stable_at_initialization(Axis.WIDTH)
    assert any("factor of every layer" in str(item) for item in diagnose(chain(), shrinking))
    for uncritical in (chain(1), chain(1, Activation.TANH)):
        (size,) = [p for p in diagnose(uncritical, am_mup()) if p.exponent is None]
        assert "the size of signals need not follow a power of L" in str(size)
    for critical in (chain(1, Activation.IDENTITY), chain(1, Activation.ABS), chain(2)):
        assert count_powers(critical, am_mup()).critical


@pytest.mark.parametrize("layers", [1, 2])
def test_branches_with_a_mean_add_up_coherently(layers: int) -> None:
    """h + L^-alpha relu(W h): stable only from alpha = 1; centred or odd, from 1/2."""
    uncentred = residual(layers, form=BlockForm.POST_ACTIVATION)
    assert count_powers(uncentred, depth_mup()).accumulated == Power(depth="1/2")
    assert not count_powers(uncentred, depth_mup()).stable_at_initialization(Axis.DEPTH)
    assert count_powers(uncentred, completep()).stable_in_training(Axis.DEPTH)
    for stable in (
        residual(layers, form=BlockForm.POST_ACTIVATION_CENTRED),
        residual(layers, Activation.TANH, BlockForm.POST_ACTIVATION),
    ):
        assert count_powers(stable, depth_mup()) == count_powers(residual(layers), depth_mup())


def test_means_of_smooth_branches_are_quadratic_where_the_branch_is_small() -> None:
    """Scales inside the weights: u ~ L^-1/2 and E gelu(u) ~ 1/L: L of them stay of order one."""
    for activation, exponent in ((Activation.GELU, 0), (Activation.RELU, Fraction(1, 2))):
        network = residual(1, activation, BlockForm.POST_ACTIVATION)
        assert count_powers(network, am_mup()).accumulated.depth == exponent
        sizes = [forward_second_moment(network, am_mup(), Cell(8, depth)) for depth in (50, 800)]
        assert (sizes[1] < 1.01 * sizes[0]) == (exponent == 0)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("preset", [am_mup, residual_he, ntk])
def test_a_matched_epsilon_is_never_overtaken(
    preset: Callable[..., Parameterization], layers: int
) -> None:
    architecture, parameterization = residual(layers), preset(optimizer=Optimizer.ADAM)
    assert any("epsilon" in str(item) for item in diagnose(architecture, parameterization)) == (
        preset is not am_mup or layers > 1
    )
    matched = with_matched_epsilon(architecture, parameterization)
    assert set(count_powers(architecture, matched).over_epsilon.values()) == {ONE}
    assert matched[Role.BRANCH_LAST].rate == parameterization[Role.BRANCH_LAST].rate


OF_FIRST_LAYERS = {Observable.FIRST_LAYER_OWN_CHANGE, Observable.FIRST_LAYER_CHANGE}
HALF, ONE_ALPHA = Setting(residual(2), depth_mup(), ONE_STEP), completep(1)
NORMALIZED = Setting(residual(1, normalization=Normalization.RMS), depth_mup(), ONE_STEP)
TRANSFORMER = Setting(transformer(), depth_mup(), ONE_STEP)


@pytest.mark.parametrize(
    ("observable", "half", "one"),
    [
        (Observable.BRANCH_SECOND_MOMENT, "-1", "-2"),
        (Observable.BLOCK_OWN_CHANGE, "-1/2", "0"),
        (Observable.BLOCK_CHANGE, "0", "0"),
        (Observable.FIRST_LAYER_OWN_CHANGE, "-1/2", "0"),
        (Observable.FIRST_LAYER_CHANGE, "0", "0"),
        (Observable.BACKWARD_COUPLING, "0", "0"),
        (Observable.BLOCK_COUPLING, "-2", "-4"),
        (Observable.BLOCK_COUPLING_AMPLITUDE, "-1", "-2"),
        (Observable.STREAM_COUPLING, "0", "-1"),
        (Observable.OUTPUT_COUPLING, "0", "-1"),
        (Observable.OUTPUT_REUSE_DISTANCE, "0", "-1"),
        (Observable.STREAM_REUSE_DISTANCE, "0", "-1"),
        (Observable.DRIFT_SHARE, "0", "0"),
        (Observable.LAST_LAYER_RATIO, "0", "0"),
        (Observable.INPUT_CHANGE, "0", "0"),
        (Observable.TRAINED_LOSS, "0", "0"),
        (Observable.TRAINING_LOSS, "0", "0"),
    ],
)
def test_exponents_of_blocks_at_one_half_and_at_one(
    observable: Observable, half: str, one: str
) -> None:
    layers = 2 if observable in OF_FIRST_LAYERS else 1
    for parameterization, expected in ((depth_mup(), half), (ONE_ALPHA, one)):
        setting = Setting(residual(layers), parameterization, ONE_STEP)
        assert predicted_exponent(setting, observable, Axis.DEPTH) == Fraction(expected)
        width = Fraction(-1 if observable is Observable.BACKWARD_COUPLING else 0)
        assert predicted_exponent(setting, observable, Axis.WIDTH) == width


@pytest.mark.parametrize("alpha", ["1/2", "3/4", "1"])
def test_distances_from_independence_are_those_of_the_exact_sums(alpha: str) -> None:
    """From L = 512 to 1024, where the next term is a few thousandths."""
    parameterization = completep(alpha)
    setting = Setting(residual(1), parameterization, ONE_STEP)
    for observable, ratio in (
        (Observable.OUTPUT_REUSE_DISTANCE, output_reuse_ratio),
        (Observable.STREAM_REUSE_DISTANCE, stream_reuse_ratio),
    ):
        near, far = (
            1 - 1 / ratio(residual(1), parameterization, Cell(64, depth)) for depth in (512, 1024)
        )
        expected = float(predicted_exponent(setting, observable, Axis.DEPTH))
        assert math.log2(far / near) == pytest.approx(expected, abs=0.02)


def test_chains_have_no_blocks_and_drift_less_and_less() -> None:
    setting = Setting(chain(), mup(), ONE_STEP)
    with pytest.raises(DomainError, match="has no blocks: block_coupling"):
        predicted_exponent(setting, Observable.BLOCK_COUPLING, Axis.DEPTH)
    assert predicted_exponent(setting, Observable.DRIFT_SHARE, Axis.DEPTH) == -1


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("preset", [mup, depth_mup, completep, depth_mup_corrected])
def test_normalization_and_attention_change_no_exponent_of_a_stable_stream(
    preset: Callable[..., Parameterization], optimizer: Optimizer
) -> None:
    """In width and, where branches do not outgrow the stream, in depth."""
    parameterization = preset(optimizer=optimizer)
    usual = count_powers(residual(2), parameterization)
    for architecture in (residual(2, normalization=Normalization.RMS), transformer()):
        count = count_powers(architecture, parameterization)
        for layer, power in usual.own_change.items():
            assert count.own_change[layer].width == power.width
            if preset is not mup:
                assert count.own_change[layer] == power
                assert count.output_change[layer] == usual.output_change[layer]
        assert count.total_stream_change.width == 0


def test_a_query_is_slow_in_width_at_first() -> None:
    count = count_powers(transformer(), depth_mup())
    query, key = Layer(Role.QUERY, 1), Layer(Role.KEY, 1)
    assert count.own_change[query] == Power("-1/2", "-1/2") == count.own_change[key]
    assert count.stream_change[query] == Power("-1/2", "-1/2")
    assert count.output_change[query] == Power(width=-1)


def test_normalized_branches_that_grow_leave_the_gradient_at_the_input_alone() -> None:
    count = count_powers(residual(2, normalization=Normalization.RMS), mup())
    assert count.size == count.accumulated == Power(depth="1/2")
    assert count.stream_gradient == ONE
    assert count.own_change[FIRST] == Power(depth="-1/2")
    assert count.total_output_change == ONE


def test_the_best_rate_is_counted_as_the_largest_stable_one() -> None:
    corrected = replace(HALF, parameterization=depth_mup_corrected())
    rates = tuple(Fraction(2) ** k for k in range(5))
    falling, flat = (counted_best_rate(each, Axis.DEPTH, rates) for each in (corrected, HALF))
    assert (falling.expected, flat.expected) == (-0.5, 0)
    assert flat.quantity.swept_rates() == rates


@pytest.mark.parametrize(
    ("setting", "observable", "why"),
    [
        (HALF, Observable.STREAM_COUPLING, "counted in pre-activation blocks of one layer"),
        (HALF, Observable.OUTPUT_REUSE_DISTANCE, "counted in pre-activation blocks of one layer"),
        (HALF, Observable.KURTOSIS, "kurtosis is a number"),
        (replace(HALF, parameterization=ONE_ALPHA), Observable.LIMIT_DISTANCE, "branches times L"),
        (Setting(chain(), mup(), ONE_STEP), Observable.LIMIT_DISTANCE, "branches times L"),
        (NORMALIZED, Observable.LIMIT_DISTANCE, "at its limit at every depth"),
        (NORMALIZED, Observable.STREAM_COUPLING, "counted in pre-activation blocks of one layer"),
        (TRANSFORMER, Observable.LIMIT_DISTANCE, "no exact recursion"),
        (TRANSFORMER, Observable.RECURSION_ERROR, "no exact recursion"),
        (
            replace(TRANSFORMER, parameterization=mup()),
            Observable.FORWARD_SECOND_MOMENT,
            "not stable in depth",
        ),
    ],
)
def test_what_is_not_counted_is_refused(setting: Setting, observable: Observable, why: str) -> None:
    with pytest.raises(DomainError, match=why):
        predicted_exponent(setting, observable, Axis.DEPTH)


def test_distances_from_infinite_size() -> None:
    at_start = Setting(chain(), mup(), ONE_STEP)
    assert predicted_exponent(HALF, Observable.LIMIT_DISTANCE, Axis.DEPTH) == -1
    for setting, depth in ((HALF, 0), (at_start, 1)):
        assert predicted_exponent(setting, Observable.RECURSION_ERROR, Axis.WIDTH) == -1
        assert predicted_exponent(setting, Observable.RECURSION_ERROR, Axis.DEPTH) == depth
