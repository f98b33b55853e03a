"""Presets say what their sources say, and moving a scale is a symmetry."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.theory.test_scaling import powers
from theory import (
    Architecture,
    DomainError,
    Family,
    Parameterization,
    Power,
    Role,
    RoleScaling,
    am_mup,
    depth_mup,
    depth_mup_corrected,
    mup,
    residual,
    standard,
)
from theory.scaling import ONE

scalings = st.builds(RoleScaling, powers, powers, powers)


@given(scalings, powers, powers)
def test_moving_a_scale_is_a_group_action(scaling: RoleScaling, p: Power, q: Power) -> None:
    assert scaling.moved(p).moved(q) == scaling.moved(p * q)
    assert scaling.moved(ONE) == scaling


@given(scalings, powers)
def test_moving_keeps_the_layer_and_squares_the_rate(scaling: RoleScaling, p: Power) -> None:
    moved = scaling.moved(p)
    assert moved.scale == scaling.scale
    # SGD moves multiplier * W by multiplier^2 * rate * gradient: this is what must not change.
    assert moved.multiplier**2 * moved.rate == scaling.multiplier**2 * scaling.rate


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
def test_correction_changes_the_first_layer_only(power: Fraction) -> None:
    plain, corrected = depth_mup(), depth_mup_corrected(power)
    assert corrected[Role.BRANCH_FIRST].rate == plain[Role.BRANCH_FIRST].rate * Power(depth=power)
    for role in set(Role) - {Role.BRANCH_FIRST}:
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
