"""What people add to networks and parameterizations, by power counting: healthy, and with mistakes.

The mistakes are those of public reports: a bias whose rate falls with the fan-in, attention over
the root of its width, a readout that starts at zero and learns too fast.
"""

from dataclasses import fields, replace
from fractions import Fraction

import pytest

from theory import (
    Architecture,
    Axis,
    Family,
    InputError,
    Normalization,
    NoTheoryError,
    Observable,
    OneStep,
    Optimizer,
    Parameterization,
    Parts,
    Power,
    Role,
    RoleScaling,
    Setting,
    chain,
    completep,
    count_powers,
    depth_mup,
    diagnose,
    mup,
    predictions_of,
    residual,
    standard,
    transformer,
)
from theory.counted_observables import predicted_exponent
from theory.cures import Change
from theory.power_counting import Layer
from theory.scaling import ONE

PART_NAMES = [part.name for part in fields(Parts)]
optimizers = pytest.mark.parametrize("optimizer", Optimizer)


def with_parts(network: Architecture, *names: str) -> Architecture:
    return replace(network, parts=Parts(**dict.fromkeys(names, True)))


def changed(parameterization: Parameterization, role: Role, **parts: object) -> Parameterization:
    item = replace(parameterization[role], **parts)  # type: ignore[arg-type]
    return parameterization.changed("changed", {role: item})


def problems(
    network: Architecture, parameterization: Parameterization, axis: Axis = Axis.WIDTH
) -> list[str]:
    """What is wrong, but for Adam's epsilon."""
    found = map(str, diagnose(network, parameterization, axis))
    return [text for text in found if "epsilon" not in text]


@optimizers
@pytest.mark.parametrize("part", PART_NAMES)
@pytest.mark.parametrize("alpha", [Fraction(1, 2), Fraction(1)])
def test_completep_is_healthy_with_every_part(
    alpha: Fraction, part: str, optimizer: Optimizer
) -> None:
    """At alpha = 1/2 the inside of blocks is lazy, and that is all that is wrong."""
    network = with_parts(transformer(), part)
    assert not problems(network, completep(alpha, optimizer))
    inside = problems(network, completep(alpha, optimizer), Axis.DEPTH)
    assert all("own change" in text and "L^-1/2" in text for text in inside)
    assert bool(inside) == (alpha < 1)


@optimizers
def test_standard_parameterization_is_not(optimizer: Optimizer) -> None:
    assert problems(transformer(), standard(optimizer))


def test_muon_moves_square_matrices_by_an_orthogonal_one() -> None:
    """A rate of order one in the variance convention, whatever the width; Adam's is 1/n."""
    for optimizer, rate in ((Optimizer.MUON, ONE), (Optimizer.ADAM, Power(width=-1))):
        scaling = mup(optimizer).in_variance_convention()[Role.BRANCH_FIRST]
        assert scaling.rate == rate


def test_the_attention_scale_is_a_multiplier_of_queries() -> None:
    """The network is the same, and so is every count but how queries are said to be scaled."""
    for optimizer in Optimizer:
        factor = Power(width="1/4", depth="1/3")
        base = completep(1, optimizer)
        scores = replace(base, attention=base.attention * factor)
        query = replace(base[Role.QUERY], multiplier=base[Role.QUERY].multiplier * factor)
        queries = base.changed(base.name, {Role.QUERY: query})
        one, other = (count_powers(transformer(), each) for each in (scores, queries))
        assert one.stream_change[Layer(Role.KEY, 1)] == other.stream_change[Layer(Role.KEY, 1)]
        assert one.output_change == other.output_change
        assert one.stream_change == other.stream_change


def test_attention_over_the_root_of_its_width_is_named_and_mended() -> None:
    parameterization = replace(mup(Optimizer.ADAM), attention=Power(width="-1/2"))
    found = diagnose(transformer(), parameterization, Axis.WIDTH)
    assert {str(one) for one in found if "scores" in one.quantity} == {
        "the change of attention scores of query goes as n^1/2",
        "the change of attention scores of key goes as n^1/2",
    }
    cures = {tuple(c for c in cure if c.part != "epsilon") for cure in found.cures}
    assert cures == {(Change((), "attention scale", Power(width="-1/2")),)}
    assert not problems(transformer(), found.cured())


def test_lost_forward_multipliers_of_readout_and_attention_are_both_mended() -> None:
    lost = changed(mup(Optimizer.ADAM), Role.OUTPUT, multiplier=ONE)
    lost = replace(lost, attention=Power(width="-1/2"))
    found = diagnose(transformer(), lost, Axis.WIDTH)
    mended = found.cured()
    assert mended.attention == Power(width=-1)
    assert mended[Role.OUTPUT].multiplier == Power(width=-1)


def test_a_bias_that_learns_by_its_fan_in_stands_still() -> None:
    network = with_parts(residual(2), "biases")
    parameterization = changed(mup(Optimizer.ADAM), Role.BIAS, rate=Power(width=-1))
    found = diagnose(network, parameterization, Axis.WIDTH)
    assert {one.layer.role for one in found if one.layer} == {Role.BIAS}
    # Adam's step on multiplier * b goes as either; as b starts at zero, both do the same.
    parts = ("multiplier", "rate")
    assert found.cures == tuple((Change((Role.BIAS,), part, Power(width=1)),) for part in parts)


def test_a_readout_that_starts_at_zero_is_judged_by_what_it_learns() -> None:
    zero = changed(mup(Optimizer.ADAM), Role.OUTPUT, starts_at_zero=True)
    assert not problems(transformer(), zero)
    fast = changed(zero, Role.OUTPUT, rate=Power(width=1))
    assert "the change of stream and output of output goes as n^1" in problems(transformer(), fast)
    cures = diagnose(transformer(), fast, Axis.WIDTH).cures
    parts = {(change.roles, change.part) for cure in cures for change in cure}
    assert ((Role.OUTPUT,), "rate") in parts
    assert all(part != "initialization" for _, part in parts)  # there is none to change


@optimizers
@pytest.mark.parametrize("role", [Role.OUTPUT, Role.BRANCH_LAST, Role.QUERY])
def test_mup_from_zero_is_healthy(role: Role, optimizer: Optimizer) -> None:
    """But for queries under SGD, whose first gradients are sums of n random products."""
    parameterization = changed(mup(optimizer), role, starts_at_zero=True)
    small = {
        "the size of query goes as n^-1/2",
        "the own change of key goes as n^-1, expected n^-1/2",
    }
    expected = small if role is Role.QUERY and optimizer.is_linear else set()
    assert set(problems(transformer(), parameterization)) == expected


@pytest.mark.parametrize("optimizer", Optimizer)
def test_where_powers_of_a_step_are_not_known_none_is_predicted(optimizer: Optimizer) -> None:
    """Deep chains but under SGD; outputs that grow, whose loss SGD feels."""
    deep = Setting(chain(), mup(optimizer), OneStep(4))
    if optimizer.is_linear:
        assert predicted_exponent(deep, Observable.STREAM_CHANGE, Axis.DEPTH) == Fraction(3, 2)
    else:
        with pytest.raises(NoTheoryError, match="inputs of a batch become alike"):
            predicted_exponent(deep, Observable.STREAM_CHANGE, Axis.DEPTH)
        alone = replace(deep, experiment=OneStep(1))
        assert predicted_exponent(alone, Observable.STREAM_CHANGE, Axis.DEPTH) == Fraction(3, 2)
    growing = changed(mup(optimizer), Role.OUTPUT, multiplier=ONE)
    wide = Setting(residual(2), growing, OneStep(4))
    if optimizer.is_linear:
        with pytest.raises(NoTheoryError, match=r"outputs grow as n\^1/2 at initialization"):
            predicted_exponent(wide, Observable.STREAM_CHANGE, Axis.WIDTH)
    else:
        assert predicted_exponent(wide, Observable.STREAM_CHANGE, Axis.WIDTH) == 0


def test_nothing_is_predicted_of_a_step_that_moves_the_readout_alone() -> None:
    zero = changed(mup(), Role.OUTPUT, starts_at_zero=True)
    with pytest.raises(NoTheoryError, match="output starts at zero"):
        predicted_exponent(
            Setting(residual(2), zero, OneStep(4)), Observable.STREAM_CHANGE, Axis.WIDTH
        )


def test_a_tied_embedding_that_is_too_large_is_named() -> None:
    """One weight, read twice: initial values of order one make logits of order n^1/2."""
    network = with_parts(transformer(), "tied")
    parameterization = changed(mup(Optimizer.ADAM), Role.OUTPUT, multiplier=ONE)
    found = diagnose(network, parameterization, Axis.WIDTH)
    assert found
    cures = {tuple(c for c in cure if c.part != "epsilon") for cure in found.cures}
    assert (Change((Role.OUTPUT,), "multiplier", Power(width=-1)),) in cures


def test_a_tied_readout_learns_at_the_embedding_s_rate() -> None:
    network = with_parts(residual(2), "tied")
    for optimizer in Optimizer:
        count = count_powers(network, mup(optimizer))
        halved = replace(
            mup(optimizer)[Role.INPUT], rate=mup(optimizer)[Role.INPUT].rate * Power(width=-1)
        )
        slow = count_powers(network, mup(optimizer).changed("slow", {Role.INPUT: halved}))
        for layer in (Layer(Role.INPUT), Layer(Role.OUTPUT)):
            assert slow.own_change[layer] == count.own_change[layer] * Power(width=-1)


def test_a_frozen_embedding_freezes_a_tied_readout() -> None:
    network = with_parts(residual(2), "tied")
    count = count_powers(network, changed(mup(), Role.INPUT, frozen=True))
    assert not {Layer(Role.INPUT), Layer(Role.OUTPUT)} & count.own_change.keys()
    kept = count_powers(network, changed(mup(), Role.OUTPUT, frozen=True))
    assert {Layer(Role.INPUT), Layer(Role.OUTPUT)} <= kept.own_change.keys()


def test_a_multiplier_of_the_forward_pass_only_is_not_lazy() -> None:
    """Its gradient is n times as large as a derivative: SGD rates of order one suffice."""
    base = mup().with_rates_times(Power(width=-1), "constant rates")
    assert "n^-1" in " ".join(problems(residual(2), base))
    forward_only = changed(base, Role.OUTPUT, backward=ONE)
    assert not problems(residual(2), forward_only)
    assert count_powers(residual(2), forward_only).nontrivial(Axis.WIDTH)


def test_signals_that_explode_on_the_way_back_are_named() -> None:
    parameterization = changed(mup(), Role.BRANCH_LAST, backward=ONE)
    assert "the branches on the way back goes as n^1/2" in problems(residual(2), parameterization)


def test_frozen_weights_change_nothing_and_are_not_judged() -> None:
    count = count_powers(residual(2), changed(mup(), Role.INPUT, frozen=True))
    assert Layer(Role.INPUT) not in count.own_change
    assert Layer(Role.INPUT) in count.gradient
    assert not problems(residual(2), changed(mup(), Role.INPUT, frozen=True))
    names = {
        p.observable for p in predictions_of(residual(2), changed(mup(), Role.INPUT, frozen=True))
    }
    assert Observable.INPUT_CHANGE not in names
    assert Observable.STREAM_CHANGE in names


def test_a_network_of_which_nothing_inside_learns_has_no_powers() -> None:
    frozen = RoleScaling(multiplier=Power(width="-1/2"), frozen=True)
    still = mup().changed("still", dict.fromkeys(residual(2).block_roles, frozen))
    with pytest.raises(NoTheoryError, match="nothing inside the network learns"):
        count_powers(residual(2), still)


def test_a_gate_multiplies_what_the_other_half_of_a_branch_gives() -> None:
    """Exponents of both add up in what enters the last weight, and each sees the other."""
    network = with_parts(residual(2, normalization=Normalization.RMS), "gated")
    large = Power(width="1/4")
    for role in (Role.BRANCH_FIRST, Role.BRANCH_GATE):
        item = replace(mup()[role], multiplier=mup()[role].multiplier * large)
        count = count_powers(network, mup().changed("large", {role: item}))
        assert count.branch == large
        other = {Role.BRANCH_FIRST: Role.BRANCH_GATE, Role.BRANCH_GATE: Role.BRANCH_FIRST}[role]
        # r m^2 g X^2 n, with a gradient that is divided by the size of the stream.
        assert count.own_change[Layer(Role.BRANCH_LAST, 2)].width == (large**2 / count.size).width
        assert count.own_change[Layer(other, 1)].width == (large / count.size).width


@pytest.mark.parametrize(
    ("network", "part"),
    [
        (residual(2), "gains"),
        (residual(2), "post_norm"),
        (residual(3), "gated"),
        (chain(), "gated"),
        (residual(2), "grouped"),
        (residual(2), "parallel"),
        (replace(residual(2), dropout=Fraction(1, 4)), "biases"),
    ],
)
def test_parts_that_a_family_does_not_have_are_refused(network: Architecture, part: str) -> None:
    with pytest.raises(InputError, match="leave it out"):
        with_parts(network, part)


def test_depth_of_post_norm_needs_branches_that_do_not_add_up() -> None:
    """Each normalization divides what comes back: branches above L^-1/2 make it vanish."""
    network = with_parts(transformer(), "post_norm")
    assert "the sum of the branches goes as L^1/2" in problems(network, mup(), Axis.DEPTH)
    assert not [x for x in problems(network, depth_mup(), Axis.DEPTH) if "own change" not in x]


def test_families_that_have_parts_say_so() -> None:
    assert str(with_parts(transformer(), "gated", "post_norm")).startswith(
        "transformer, gated, post-norm"
    )
    assert with_parts(transformer(), "gated").family is Family.TRANSFORMER
