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
from theory.diagnosis import Change
from theory.experiments import Propagation
from theory.variants import predictions_of

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


def test_what_explodes_has_no_power_and_says_where_to_ask() -> None:
    with pytest.raises(NoTheoryError, match=r"predicts nothing of chain.*diagnose"):
        predictions_of(chain(1, Activation.TANH), mup())


def test_a_normalized_stream_is_as_large_as_the_larger_of_input_and_branches() -> None:
    small = Change((Role.INPUT,), "initialization", Power(width="-1/2")).applied(completep())
    for network, exponent in ((residual(2), -1), (transformer(), 0)):
        setting = Setting(network, small, Propagation(batch=4))
        found = predicted_exponent(setting, Observable.FORWARD_SECOND_MOMENT, Axis.WIDTH)
        assert found == exponent
