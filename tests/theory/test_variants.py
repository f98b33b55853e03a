"""Predictions of any parameterization: ordinary ones, whose controls power counting contradicts."""

from fractions import Fraction

import pytest

from theory import (
    Activation,
    Architecture,
    Axis,
    Normalization,
    NoTheoryError,
    Observable,
    Optimizer,
    Parameterization,
    Power,
    Role,
    Setting,
    am_mup,
    chain,
    completep,
    depth_mup,
    mup,
    ntk,
    residual,
    transformer,
)
from theory.counted_observables import predicted_exponent
from theory.cures import Change
from theory.experiments import OneStep, Propagation
from theory.variants import predictions_of, unpredicted

VARIANTS = [
    (network, preset(optimizer=optimizer))
    for network in (
        residual(1),
        residual(2),
        residual(2, normalization=Normalization.RMS),
        transformer(),
        chain(),
    )
    for preset in (mup, depth_mup, completep, am_mup, ntk)
    for optimizer in Optimizer
]


@pytest.mark.parametrize(("network", "parameterization"), VARIANTS)
def test_every_control_is_expected_at_another_power(
    network: Architecture, parameterization: Parameterization
) -> None:
    predictions = predictions_of(network, parameterization)
    assert len({prediction.id for prediction in predictions}) == len(predictions)
    for prediction in predictions:
        axis = prediction.relation.axis
        assert isinstance(axis, Axis)
        observable = prediction.observable
        claimed = predicted_exponent(prediction.setting, observable, axis)
        (control,) = prediction.controls
        other = predicted_exponent(control.setting, observable, axis)
        assert abs(other - claimed) >= Fraction(1, 2) > 2 * prediction.margin
        assert f"{axis.symbol}^{claimed}" in prediction.sentence


def test_both_axes_and_all_observables_of_residual_blocks() -> None:
    predictions = predictions_of(residual(2), completep())
    assert len(predictions) == 20
    assert predictions_of(residual(2), completep(), Axis.DEPTH) == predictions[10:]
    assert {prediction.id for prediction in predictions[:2]} == {
        "completep-1.width.forward_second_moment",
        "completep-1.width.backward_second_moment",
    }


def test_what_has_no_power_at_the_sizes_that_are_tried_says_why() -> None:
    """A last layer that learns by L^1/4 too fast; keys by n^1/2; a stream smaller than branches."""
    assert unpredicted(residual(1), completep()) == ()
    last = Change((Role.BRANCH_LAST,), "rate", Power(depth="1/4")).applied(completep())
    (said, *_) = unpredicted(residual(2), last, Axis.DEPTH)
    assert said == "depth.stream_change: L^1/4 leads over L^0 at larger sizes only"
    keys = Change((Role.KEY,), "rate", Power(width=1)).applied(completep(1, Optimizer.ADAM))
    (said, *_) = unpredicted(transformer(), keys, Axis.WIDTH)
    assert said == "width.stream_change: n^1 of queries or keys leads over n^0 at larger sizes only"
    small = Change((Role.INPUT,), "multiplier", Power(depth="-1/4")).applied(depth_mup())
    assert any(
        "the stream starts smaller than its branches" in said
        for said in unpredicted(transformer(), small, Axis.DEPTH)
    )


def test_branches_that_grow_with_width_show_no_power_of_depth() -> None:
    """Networks are as wide as they are along depth: branches of n^1/2 / L are large in all."""
    large = Change((Role.BRANCH_FIRST,), "initialization", Power(width="1/2")).applied(completep())
    said = unpredicted(residual(2), large, Axis.DEPTH)
    assert len(said) == 10
    assert all("is not stable in width at initialization" in one for one in said)


def test_a_stream_that_starts_small_in_width_only_has_no_power_of_depth() -> None:
    """Sizes squared: 1/n of the input and 1/L of the branches. A single branch has L^-2."""
    small = Change((Role.INPUT,), "initialization", Power(width="-1/2")).applied(completep())
    said = " ".join(unpredicted(transformer(), small, Axis.DEPTH))
    assert "depth.forward_second_moment: completep(1)" in said
    assert "one is larger in wide networks and the other in deep ones" in said
    asked = [one.observable for one in predictions_of(transformer(), small, Axis.DEPTH)]
    assert asked[0] is Observable.BRANCH_SECOND_MOMENT


def test_chains_are_tried_along_a_ray_where_width_shows_nothing() -> None:
    assert "chains are tried along n = 16 L, where n^-1/2 is seen, too" in " ".join(
        unpredicted(chain(), ntk(), Axis.DEPTH)
    )


def test_what_grows_into_a_saturating_activation_has_no_power() -> None:
    large = Change((Role.INPUT,), "multiplier", Power(width="1/2")).applied(mup())
    tanh = residual(1, Activation.TANH)
    assert predictions_of(residual(1), large, Axis.WIDTH)
    with pytest.raises(NoTheoryError, match="predicts nothing"):
        predictions_of(tanh, large, Axis.WIDTH)


@pytest.mark.parametrize(("power", "slow"), [("-1/4", True), ("-1/2", False)])
def test_what_shrinks_slowly_into_a_curved_activation_has_no_power(power: str, slow: bool) -> None:
    """From 64 to 512 units, n^-1/4 falls from 0.35 to 0.21: tanh is a line for neither."""
    network = residual(1, Activation.TANH)
    small = Change((Role.INPUT,), "initialization", Power(width=power)).applied(mup())
    said = [one for one in unpredicted(network, small, Axis.WIDTH) if "enters tanh" in one]
    assert bool(said) == slow
    assert not [one for one in unpredicted(residual(1), small, Axis.WIDTH) if "enters" in one]


def test_sizes_relative_to_a_branch_follow_the_stream() -> None:
    """An input of n^-1/4 without normalization: branches are as much smaller, too."""
    small = Change((Role.INPUT,), "initialization", Power(width="-1/4")).applied(
        depth_mup(Optimizer.ADAM)
    )
    setting = Setting(residual(1), small, OneStep(batch=4))
    wanted = {Observable.BLOCK_OWN_CHANGE: 0, Observable.BLOCK_CHANGE: Fraction(1, 4)}
    for observable, exponent in wanted.items():
        assert predicted_exponent(setting, observable, Axis.WIDTH) == exponent


def test_what_explodes_has_no_power_and_says_where_to_ask() -> None:
    with pytest.raises(NoTheoryError, match=r"predicts nothing of chain.*diagnose"):
        predictions_of(chain(1, Activation.TANH), mup())


def test_a_normalized_stream_is_as_large_as_the_larger_of_input_and_branches() -> None:
    small = Change((Role.INPUT,), "initialization", Power(width="-1/2")).applied(completep())
    for network, exponent in ((residual(2), -1), (transformer(), 0)):
        setting = Setting(network, small, Propagation(batch=4))
        found = predicted_exponent(setting, Observable.FORWARD_SECOND_MOMENT, Axis.WIDTH)
        assert found == exponent
