"""What is wrong is named, healthy presets are silent, and every cure cures."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from theory import (
    Activation,
    Architecture,
    Axis,
    Diagnosis,
    InputError,
    Normalization,
    NoTheoryError,
    Optimizer,
    Parameterization,
    Power,
    Role,
    am_mup,
    chain,
    completep,
    depth_mup,
    depth_mup_corrected,
    diagnose,
    mean_field,
    mup,
    ntk,
    residual,
    transformer,
)
from theory.cures import Change
from theory.power_counting import Layer
from theory.scaling import ONE

HALF = Fraction(1, 2)
NETWORKS = {
    "residual 1": residual(1),
    "residual 2": residual(2),
    "residual 3": residual(3),
    "normalized": residual(2, normalization=Normalization.RMS),
    "transformer": transformer(),
}
SLOW = ("residual 3", "transformer")
networks = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
optimizers = pytest.mark.parametrize("optimizer", Optimizer)


def along(axis: Axis, exponent: Fraction) -> Power:
    return Power(width=exponent) if axis is Axis.WIDTH else Power(depth=exponent)


# Silence


def but_for_epsilon(found: Diagnosis) -> list[str]:
    return [str(problem) for problem in found if "epsilon" not in problem.quantity]


@networks
@optimizers
def test_mup_is_silent_in_width(network: Architecture, optimizer: Optimizer) -> None:
    for preset in (mup, mean_field, am_mup, depth_mup):
        assert but_for_epsilon(diagnose(network, preset(optimizer), Axis.WIDTH)) == []
    assert not diagnose(chain(), mup(optimizer), Axis.WIDTH)


@networks
@optimizers
def test_completep_is_silent_in_both(network: Architecture, optimizer: Optimizer) -> None:
    found = diagnose(network, completep(1, optimizer))
    assert but_for_epsilon(found) == []
    attention = network == transformer() and optimizer is Optimizer.ADAM
    assert (str(found) == "nothing is wrong") != attention


def test_gradients_of_queries_and_keys_fall_below_an_epsilon_for_square_matrices() -> None:
    """They are sums of n random products: n^-1/2 of the others, which the epsilon follows."""
    assert str(diagnose(transformer(), mup(Optimizer.ADAM), Axis.WIDTH)).splitlines() == [
        "the gradient relative to Adam's epsilon of query goes as n^-1/2",
        "the gradient relative to Adam's epsilon of key goes as n^-1/2",
        "cure: epsilon of query times n^-1/2 and epsilon of key times n^-1/2",
    ]


def test_depth_mup_is_silent_in_blocks_of_one_layer() -> None:
    assert not diagnose(residual(1), depth_mup())


# What is named


def test_inner_layers_of_depth_mup_fall_behind() -> None:
    found = diagnose(residual(2), depth_mup())
    assert [str(problem) for problem in found] == ["the own change of branch.first goes as L^-1/2"]
    assert not diagnose(residual(2), found.cured())


def test_a_faster_first_layer_alone_moves_the_stream_too_much() -> None:
    (growth,) = diagnose(residual(2), depth_mup_corrected())
    assert growth.layer == Layer(Role.BRANCH_FIRST, 1)
    assert (growth.exponent, growth.axis) == (HALF, Axis.DEPTH)


def test_from_mup_in_depth_completep_is_found() -> None:
    assert str(diagnose(residual(2), mup())).splitlines() == [
        "the sum of the branches goes as L^1/2",
        "the change of stream and output of branch.first goes as L^1",
        "the change of stream and output of branch.last goes as L^1",
        "cure: rate of branch.first, branch.last times L and residual multiplier times L^-1",
        "  or: multiplier of branch.last times L^-1 and rate of branch.first, branch.last times L",
    ]
    cured = diagnose(residual(2), mup()).cured()
    roles = (Role.INPUT, *residual(2).block_roles, Role.OUTPUT)
    assert [cured[role] for role in roles] == [completep()[role] for role in roles]
    assert cured.residual == completep().residual


def test_a_sum_that_grows_and_a_change_that_grows() -> None:
    """Alpha 1/4: the sum of branches grows as L^1/4, the change of the stream as L^1/2."""
    branches, change = diagnose(residual(1), replace(mup(), residual=Power(depth="-1/4")))
    assert (branches.layer, branches.exponent) == (None, Fraction(1, 4))
    assert branches.quantity == "the sum of the branches"
    assert (change.layer, change.exponent) == (Layer(Role.BRANCH_LAST, 1), HALF)


def test_lazy_networks_move_neither_features_nor_in_any_role() -> None:
    found = diagnose(residual(1), ntk(), Axis.WIDTH)
    assert "the blocks' change of the stream, led by that of branch.last goes as n^-1/2" in str(
        found
    )
    (cure,) = found.cures
    assert [str(change) for change in cure] == [
        "multiplier of output times n^-1/2",
        "rate of input, branch.last, output times n",
    ]


def test_a_change_that_grows_is_as_bad_as_the_worse_of_stream_and_output() -> None:
    """Layers of a chain move the stream by L^3/2 and the output by L."""
    hidden = Layer(Role.HIDDEN, 1)
    (problem,) = [one for one in diagnose(chain(), mup()) if one.layer == hidden]
    assert problem.exponent == Fraction(3, 2)


def test_an_initialization_that_is_off_is_not_answered_with_a_rate() -> None:
    """1/n for n^-1/2 in all square matrices: branches vanish, and so do queries and keys."""
    base = mup(Optimizer.ADAM)
    inside = (Role.QUERY, Role.KEY, Role.BRANCH_FIRST, Role.BRANCH_LAST)
    small = Change(inside, "initialization", Power(width="-1/2")).applied(base)
    found = diagnose(transformer(), small, Axis.WIDTH)
    said = [str(problem) for problem in found]
    assert "every branch goes as n^-1" in said
    assert {"the size of query goes as n^-1/2", "the size of key goes as n^-1/2"} <= set(said)
    assert [without_epsilon(cure) for cure in found.cures] == [
        (Change(inside, "initialization", Power(width=HALF)),)
    ]
    assert all(change.part != "rate" for cure in found.cures for change in cure)


def test_a_readout_that_is_compensated_twice_stops_the_output() -> None:
    base = mup(Optimizer.ADAM)
    twice = Change((Role.OUTPUT,), "initialization", Power(width="-1/2")).applied(base)
    found = diagnose(residual(2), twice, Axis.WIDTH)
    # Its own update still moves the output; what comes through the stream vanishes.
    assert "the change of the output through the stream goes as n^-1/2" in map(str, found)
    undone = (Change((Role.OUTPUT,), "initialization", Power(width=HALF)),)
    assert undone in map(without_epsilon, found.cures)


def test_one_axis_alone() -> None:
    both, width, depth = (diagnose(residual(2), ntk(), axis) for axis in (None, *Axis))
    assert both.problems == width.problems + depth.problems
    assert {problem.axis for problem in width} == {Axis.WIDTH}


def test_a_fixed_epsilon_is_named_and_follows_in_the_cure() -> None:
    found = diagnose(residual(1), ntk(Optimizer.ADAM), Axis.WIDTH)
    assert any("branch.last" in str(one) and "epsilon" in str(one) for one in found)
    assert any(change.part == "epsilon" for change in found.cures[0])
    assert not diagnose(residual(1), found.cured(), Axis.WIDTH)


def test_chains_that_are_not_critical_have_no_cure() -> None:
    found = diagnose(chain(1, Activation.TANH), am_mup())
    assert "the size of signals need not follow a power of L" in str(found)
    assert found.cures == ()
    with pytest.raises(NoTheoryError, match="no three changes"):
        found.cured()


@pytest.mark.parametrize(
    ("first", "second"), [("a model", mup()), (residual(1), "mup"), (mup(), residual(1))]
)
def test_other_things_are_one_line(first: Any, second: Any) -> None:
    with pytest.raises(InputError, match=r"diagnose takes an architecture and a parameterization"):
        diagnose(first, second)


INSIDE = (Role.QUERY, Role.KEY, Role.BRANCH_FIRST, Role.BRANCH_LAST)


@pytest.mark.parametrize(
    ("mistake", "cure"),
    [
        # Public reports: an initialization divided by width; a readout's multiplier lost; its
        # entries compensated twice.
        (Change(INSIDE, "initialization", Power(width="-1/2")), None),
        (Change((Role.OUTPUT,), "multiplier", Power(width=1)), None),
        (Change((Role.OUTPUT,), "initialization", Power(width="-1/2")), None),
        (Change(INSIDE, "decay", ONE), Change(INSIDE, "decay", Power(width=HALF))),
    ],
    ids=str,
)
def test_mistakes_of_public_reports_are_undone(mistake: Change, cure: Change | None) -> None:
    """Weight decay that follows the rate is one, too: n^-1/2 of a weight a step."""
    base = mup(Optimizer.ADAM)
    if mistake.part == "decay":
        roles = {role: replace(item, decay=ONE) for role, item in base.roles}
        wrong = base.changed("decay follows the rate", roles)
    else:
        wrong = mistake.applied(base)
    undone = cure or mistake._replace(factor=ONE / mistake.factor)
    found = diagnose(transformer(), wrong, Axis.WIDTH)
    assert [without_epsilon(one) for one in found.cures] == [(undone,)]


# Cures


def without_epsilon(cure: tuple[Change, ...]) -> tuple[Change, ...]:
    return tuple(change for change in cure if change.part != "epsilon")


def single_mistakes(network: Architecture, base: Parameterization, axis: Axis) -> Iterator[Change]:
    roles = dict.fromkeys((Role.INPUT, *network.block_roles, Role.OUTPUT))
    for quarters in (-2, -1, 1, 2):
        factor = along(axis, Fraction(quarters, 4))
        for role in roles:
            for part in ("initialization", "multiplier", "rate"):
                yield Change((role,), part, factor)
        if axis is Axis.DEPTH:
            yield Change((), "residual multiplier", factor)


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(network, marks=[pytest.mark.slow] if name in SLOW else [], id=name)
        for name, network in NETWORKS.items()
    ],
)
@optimizers
@pytest.mark.parametrize("axis", Axis)
def test_every_single_mistake_is_named_and_every_cure_cures(
    network: Architecture, optimizer: Optimizer, axis: Axis
) -> None:
    """The mistake undone is a cure, unless a smaller one is."""
    base = completep(1, optimizer)
    silent = set()
    for mistake in single_mistakes(network, base, axis):
        wrong = mistake.applied(base)
        found = diagnose(network, wrong, axis)
        if not found:
            silent.add(str(mistake))
            continue
        assert found.cures, str(mistake)
        undone = mistake._replace(factor=ONE / mistake.factor)
        shortest = [without_epsilon(cure) for cure in found.cures]
        only_epsilon = all("epsilon" in problem.quantity for problem in found)
        assert (
            (undone,) in shortest
            or only_epsilon
            or all(
                len(cure) == 1 and abs(cure[0].factor.along(axis)) <= abs(undone.factor.along(axis))
                for cure in shortest
            )
        ), str(mistake)
        for cure in found.cures:
            mended = wrong
            for change in cure:
                mended = change.applied(mended)
            assert not diagnose(network, mended, axis), (str(mistake), cure)
    assert silent == harmless(network, optimizer, axis)


def harmless(network: Architecture, optimizer: Optimizer, axis: Axis) -> set[str]:
    """Alpha between 1/2 and 1 by another name; and queries of SGD that learn as Adam's do."""
    if network == residual(1) and axis is Axis.DEPTH:
        return {f"initialization of branch.last times L^{more}" for more in ("1/4", "1/2")}
    if network == transformer() and optimizer is Optimizer.SGD and axis is Axis.WIDTH:
        names = ("query", "key")
        return {f"rate of {name} times n^{more}" for name in names for more in ("1/4", "1/2")}
    return set()
