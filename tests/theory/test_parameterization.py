"""Presets say what their sources say, and moving a scale is a symmetry."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.test_scaling import powers
from theory import (
    Architecture,
    DomainError,
    Family,
    Optimizer,
    Parameterization,
    Power,
    Role,
    RoleScaling,
    am_mup,
    completep,
    depth_mup,
    depth_mup_corrected,
    mup,
    residual,
    standard,
)
from theory.scaling import ONE

scalings = st.builds(RoleScaling, powers, powers, powers)


optimizers = st.sampled_from(Optimizer)


@given(scalings, powers, powers, optimizers)
def test_moving_a_scale_is_a_group_action(
    scaling: RoleScaling, p: Power, q: Power, optimizer: Optimizer
) -> None:
    assert scaling.moved(p, optimizer).moved(q, optimizer) == scaling.moved(p * q, optimizer)
    assert scaling.moved(ONE, optimizer) == scaling


@given(scalings, powers)
def test_moving_keeps_the_layer_and_its_update(scaling: RoleScaling, p: Power) -> None:
    # SGD moves multiplier * W by multiplier^2 * rate * gradient, Adam by multiplier * rate.
    for optimizer, weight in ((Optimizer.SGD, 2), (Optimizer.ADAM, 1)):
        moved = scaling.moved(p, optimizer)
        assert moved.scale == scaling.scale
        assert moved.multiplier**weight * moved.rate == scaling.multiplier**weight * scaling.rate
        assert moved.multiplier / moved.epsilon == scaling.multiplier / scaling.epsilon


@given(optimizers, st.sampled_from([standard, mup, depth_mup, am_mup]))
def test_conventions_are_inverse_to_each_other(
    optimizer: Optimizer, preset: Callable[[Optimizer], Parameterization]
) -> None:
    original = preset(optimizer)
    there = original.in_variance_convention()
    assert all(scaling.multiplier == ONE for _, scaling in there.roles)
    back = there.in_multiplier_convention()
    assert all(scaling.std == ONE for _, scaling in back.roles)
    assert back.in_variance_convention().roles == there.roles


def test_unknown_roles_are_named() -> None:
    with pytest.raises(DomainError, match="unknown role 'norm'; choose one of: input, hidden"):
        mup()["norm"]  # type: ignore[index]


@pytest.mark.parametrize("alpha", ["1/4", 2])
def test_completep_has_a_range(alpha: str | int) -> None:
    with pytest.raises(DomainError, match="from 1/2 to 1"):
        completep(alpha)


def test_completep_at_one_half_is_depth_mup() -> None:
    for optimizer in Optimizer:
        one_half = completep("1/2", optimizer)
        assert one_half.roles == depth_mup(optimizer).roles
        assert one_half.residual == depth_mup(optimizer).residual


def test_adam_rates_are_those_of_the_sources() -> None:
    # arXiv 2203.03466, Table 3, Adam, in rates of multiplier * W: 1, 1/n and 1/n; arXiv 2310.02244:
    # L^-1/2 in the blocks, with branches of L^-1/2; arXiv 2505.01618 at alpha = 1: L^0.
    adam = mup(Optimizer.ADAM).in_variance_convention()
    assert adam[Role.INPUT].rate == ONE
    assert adam[Role.HIDDEN].rate == Power(width=-1)
    assert adam[Role.OUTPUT].rate == Power(width=-1)
    deep = depth_mup(Optimizer.ADAM).in_variance_convention()
    assert deep[Role.BRANCH_LAST].rate == Power(width=-1, depth="-1/2")
    complete = completep(1, Optimizer.ADAM).in_variance_convention()
    assert complete[Role.BRANCH_FIRST].rate == Power(width=-1)


@pytest.mark.parametrize("preset", [standard, mup, depth_mup, depth_mup_corrected, am_mup])
def test_every_preset_covers_every_role(preset: object) -> None:
    parameterization = preset()  # type: ignore[operator]
    assert {role for role, _ in parameterization.roles} == set(Role)


def effective_rate(parameterization: Parameterization, role: Role) -> Power:
    """The rate of ``multiplier * W``, which does not depend on the convention."""
    return parameterization[role].rate * parameterization[role].multiplier ** 2


def test_mup_moves_every_role_as_much_as_its_own_scale_allows() -> None:
    # arXiv 2203.03466, Table 3, SGD, in rates of multiplier * W: n, 1 and 1/n.
    assert effective_rate(mup(), Role.INPUT) == Power(width=1)
    assert effective_rate(mup(), Role.HIDDEN) == ONE
    assert effective_rate(mup(), Role.OUTPUT) == Power(width=-1)
    assert mup()[Role.OUTPUT].scale == Power(width=-1)
    assert mup()[Role.HIDDEN].scale == Power(width="-1/2")


def test_depth_mup_adds_only_the_residual_multiplier() -> None:
    assert depth_mup().residual == Power(depth="-1/2")
    assert depth_mup().roles == mup().roles


@given(st.fractions(-2, 2, max_denominator=8))
def test_correction_changes_the_first_layers_only(power: Fraction) -> None:
    plain, corrected = depth_mup(), depth_mup_corrected(power)
    first = {Role.BRANCH_FIRST, Role.BRANCH_GATE, Role.QUERY, Role.KEY}
    for role in first:
        assert corrected[role].rate == plain[role].rate * Power(depth=power)
    for role in set(Role) - first:
        assert corrected[role] == plain[role]


def test_am_mup_is_mup_in_width_with_one_over_k_in_the_branch() -> None:
    variance = mup().in_variance_convention()
    assert am_mup()[Role.HIDDEN] == variance[Role.HIDDEN]
    assert am_mup()[Role.OUTPUT] == variance[Role.OUTPUT]
    branch = am_mup()[Role.BRANCH_LAST]
    assert branch.scale**2 == Power(width=-1, depth=-1)
    assert branch.rate == ONE
    assert all(scaling.multiplier == ONE for _, scaling in am_mup().roles)


def test_blocks_have_layers() -> None:
    with pytest.raises(DomainError, match="expected at least 1"):
        residual(0)


def test_a_chain_has_no_blocks() -> None:
    with pytest.raises(DomainError, match="no blocks"):
        Architecture(Family.CHAIN, layers_per_block=2)
