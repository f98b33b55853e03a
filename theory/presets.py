"""Parameterizations of the literature, for SGD. Imports ``theory`` only.

A base learning rate of order one is meant to stay best at every width and depth, where the
source says so. Conventions differ: muP and depth-muP are written in the multiplier convention
(W has N(0, 1) entries), standard and AM-muP in the variance convention (the scale is in W).
"""

from __future__ import annotations

from theory.architecture import Role
from theory.parameterization import Parameterization, RoleScaling
from theory.scaling import ONE, Power, Rational, rational

_BRANCH_ROLES = (Role.BRANCH_FIRST, Role.BRANCH_INNER, Role.BRANCH_LAST)


def _uniform(
    name: str,
    residual: Power,
    ends: tuple[RoleScaling, RoleScaling],
    block: RoleScaling,
    source: str,
) -> Parameterization:
    """The same scaling for every n x n matrix, and one each for input and output."""
    roles = [(Role.INPUT, ends[0]), *((role, block) for role in (Role.HIDDEN, *_BRANCH_ROLES))]
    return Parameterization(name, residual, (*roles, (Role.OUTPUT, ends[1])), source)


def standard() -> Parameterization:
    """He initialization, one learning rate for all weights, residual multiplier 1."""
    inner = RoleScaling(std=Power(width="-1/2"))
    source = "common practice; arXiv 2203.03466, Table 3 (SP)"
    return _uniform("standard", ONE, (RoleScaling(), inner), inner, source)


def mup() -> Parameterization:
    """Maximal update in width; nothing scales with depth (alpha = 0)."""
    block = RoleScaling(multiplier=Power(width="-1/2"), rate=Power(width=1))
    ends = (RoleScaling(rate=Power(width=1)), RoleScaling(Power(width=-1), rate=Power(width=1)))
    return _uniform("mup", ONE, ends, block, "arXiv 2203.03466, Table 3 (muP, SGD)")


def depth_mup() -> Parameterization:
    """muP in width, residual multiplier L^-1/2 and SGD rate L^0 in depth."""
    base = mup()
    return Parameterization(
        "depth_mup", Power(depth="-1/2"), base.roles, "arXiv 2310.02244 (depth-muP, SGD)"
    )


def depth_mup_corrected(power: Rational = "1/2") -> Parameterization:
    """depth-muP with the rate of each block's first internal layer multiplied by L^power.

    The published power is not stated in the abstract, so it stays a parameter; 1/2 cancels the
    L^-1/2 decay of that layer's update. Blocks of one layer have no internal layer and are
    unchanged.
    """
    base = depth_mup()
    first = base[Role.BRANCH_FIRST]
    corrected = RoleScaling(first.multiplier, first.std, first.rate * Power(depth=power))
    name = f"depth_mup_corrected({rational(power)})"
    variant = base.changed(name, {Role.BRANCH_FIRST: corrected})
    return Parameterization(name, variant.residual, variant.roles, "arXiv 2512.21075, abstract")


def am_mup() -> Parameterization:
    """Mean-field output and Var W = c / (K fan_in) in every residual-branch weight.

    Variance convention: the factor K^-1/2 is in the weight and the learning rate is not adjusted
    for it. In width this is muP with its scales moved into the weights; K, the number of blocks,
    is the depth L.
    """
    width_only = mup().in_variance_convention()
    hidden = width_only[Role.HIDDEN]
    branch = RoleScaling(std=hidden.std * Power(depth="-1/2"), rate=hidden.rate)
    variant = width_only.changed("am_mup", dict.fromkeys(_BRANCH_ROLES, branch))
    return Parameterization("am_mup", ONE, variant.roles, "arXiv 2510.04327, abstract")
