"""Parameterizations of the literature, for every optimizer. Imports ``theory`` only.

A base learning rate of order one is meant to stay best at every width and depth, where the
source says so. Conventions differ: NTK, mean-field, muP, depth-muP and CompleteP are written here
in the multiplier convention (W has N(0, 1) entries), standard, residual He and AM-muP in the
variance convention (the scale is in W); ``in_variance_convention`` converts. Biases and gains start
at zero, and scale as weights of fan-in 1. What no source says of an optimizer is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache

from theory.architecture import Role
from theory.errors import InputError, choices
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.scaling import ONE, Power, Rational, rational

_FIRST_ROLES = (Role.BRANCH_FIRST, Role.BRANCH_GATE, Role.QUERY, Role.KEY)
_BRANCH_ROLES = (*_FIRST_ROLES, Role.BRANCH_INNER, Role.BRANCH_LAST)
_VECTORS = (Role.BIAS, Role.GAIN)
_HALF, _ROOT = Power(width="-1/2"), Power(width="1/2")
_BY_WIDTH = Power(width=1)


def _uniform(
    name: str,
    ends: tuple[RoleScaling, RoleScaling],
    block: RoleScaling,
    source: str,
    optimizer: Optimizer,
) -> Parameterization:
    """The same scaling for every n x n matrix, and one each for input and output.

    Vectors learn as the input does, whose fan-in is constant, too.
    """
    inside = ((role, block) for role in (Role.HIDDEN, *_BRANCH_ROLES))
    vector = replace(ends[0], std=ONE, starts_at_zero=True)
    vectors = ((role, vector) for role in _VECTORS)
    roles = ((Role.INPUT, ends[0]), *inside, (Role.OUTPUT, ends[1]), *vectors)
    return Parameterization(name, ONE, roles, source, optimizer)


def standard(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """1/fan_in initialization, one learning rate for all weights, residual multiplier 1.

    >>> from scaleproof import Axis, chain, count_powers, standard
    >>> count_powers(chain(), standard()).stable_in_training(Axis.WIDTH)
    False
    """
    inner = RoleScaling(std=_HALF)
    source = "common practice; arXiv 2203.03466, Table 3 (SP)"
    return _uniform("standard", (RoleScaling(), inner), inner, source, optimizer)


def ntk(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """Neural tangent parameterization: 1/sqrt(n) multipliers, constant rates; lazy under SGD.

    >>> from scaleproof import Axis, chain, count_powers, ntk
    >>> count_powers(chain(), ntk()).nontrivial(Axis.WIDTH)
    False
    """
    inner = RoleScaling(multiplier=_HALF)
    return _uniform("ntk", (RoleScaling(), inner), inner, "arXiv 1806.07572", optimizer)


def mean_field(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """muP by its other name: NTK inside, output 1/n, and SGD rates times n.

    The mean-field networks of arXiv 2305.07810 and 2510.04327, which coincide with muP. Factors
    1/n at inner layers too, as in multi-layer mean-field limits, would make signals vanish there.

    >>> from scaleproof import Axis, chain, diagnose, mean_field
    >>> print(diagnose(chain(), mean_field(), Axis.WIDTH))
    nothing is wrong
    """
    return replace(mup(optimizer), name="mean_field", source="arXiv 2011.14522 (MFP), 2305.07810")


def mup(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """Maximal update in width; nothing scales with depth (alpha = 0).

    In the multiplier convention, SGD rates are n for every role; Adam rates are n^-1/2 for n x n
    matrices and 1 at both ends, its epsilon following the gradients' size. Lion is as Adam; Muon
    moves n x n matrices at rate n^1/2, for an orthogonal matrix keeps the size of a signal.

    >>> from scaleproof import Axis, chain, diagnose, mup
    >>> print(diagnose(chain(), mup(), Axis.WIDTH))
    nothing is wrong
    """
    if optimizer.is_linear:
        block = RoleScaling(multiplier=_HALF, rate=_BY_WIDTH)
        ends = (RoleScaling(rate=_BY_WIDTH), RoleScaling(Power(width=-1), rate=_BY_WIDTH))
    else:
        # Gradients: 1/n at the input and at the output, n^-3/2 in between.
        rate = _ROOT if optimizer is Optimizer.MUON else _HALF
        block = RoleScaling(multiplier=_HALF, rate=rate, epsilon=Power(width="-3/2"))
        small = Power(width=-1)
        ends = (RoleScaling(epsilon=small), RoleScaling(small, epsilon=small))
    source = f"arXiv 2203.03466, Table 3 (muP, {optimizer.upper()})"
    return _uniform("mup", ends, block, source, optimizer)


def depth_mup(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """muP in width; residual multiplier L^-1/2, SGD rate L^0 or Adam rate L^-1/2 in the blocks.

    >>> from scaleproof import depth_mup, diagnose, residual
    >>> print(diagnose(residual(1), depth_mup()))
    nothing is wrong
    """
    source = f"arXiv 2310.02244 (depth-muP, {optimizer.upper()})"
    return _with_depth("depth_mup", Fraction(1, 2), source, optimizer)


def completep(alpha: Rational = 1, optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """muP in width; branches times L^-alpha, SGD rate L^(2 alpha - 1), Adam rate L^(alpha - 1).

    alpha = 1 is CompleteP, alpha = 1/2 depth-muP. Raises ``InputError`` outside [1/2, 1].

    >>> from scaleproof import completep, diagnose, residual
    >>> print(diagnose(residual(2), completep()))
    nothing is wrong
    """
    exponent = rational(alpha)
    if not Fraction(1, 2) <= exponent <= 1:
        raise InputError(f"alpha = {exponent}: CompleteP is defined for alpha from 1/2 to 1")
    return _with_depth(f"completep({exponent})", exponent, "arXiv 2505.01618, Table 1", optimizer)


@cache
def _with_depth(name: str, alpha: Fraction, source: str, optimizer: Optimizer) -> Parameterization:
    """muP in width with branches of L^-alpha that each move the stream by 1/L."""
    base = mup(optimizer)
    rate = Power(depth=2 * alpha - 1 if optimizer.is_linear else alpha - 1)
    branches = {
        role: replace(
            base[role],
            rate=base[role].rate * rate,
            epsilon=base[role].epsilon * Power(depth=0 if optimizer.is_linear else -alpha),
        )
        for role in (*_BRANCH_ROLES, *_VECTORS)
    }
    variant = base.changed(name, branches, residual=Power(depth=-alpha))
    return replace(variant, source=source)


def depth_mup_corrected(
    power: Rational = "1/2", optimizer: Optimizer = Optimizer.SGD
) -> Parameterization:
    """depth-muP with the rate of each block's first internal layer multiplied by L^power.

    The published power is not stated in the abstract, so it stays a parameter; 1/2 cancels the
    L^-1/2 decay of that layer's update. Blocks of one layer have no internal layer and are
    unchanged.

    >>> from scaleproof import depth_mup_corrected
    >>> depth_mup_corrected("1/4").name
    'depth_mup_corrected(1/4)'
    """
    base = depth_mup(optimizer)
    first = base[Role.BRANCH_FIRST]
    corrected = replace(first, rate=first.rate * Power(depth=power))
    name = f"depth_mup_corrected({rational(power)})"
    variant = base.changed(name, dict.fromkeys(_FIRST_ROLES, corrected))
    return replace(variant, source="arXiv 2512.21075, abstract")


def mean_ode(excess: Rational = 0) -> Parameterization:
    """Two-layer blocks of M inner units on a stream of fixed width D, trained by SGD.

    Branches are sqrt(D) / (L M) times a sum over M inner units, M the width of a cell; rates of
    L M move each unit's weights by order one whatever L and M are (arXiv 2509.10167: the scale of
    complete feature learning). With an ``excess`` e, branches are (L M)^e times as large, and units
    learn by (L M)^-e: the a of that source is (L M)^e, and 1/2 its lazy limit. Input and output
    weights have constant rates. The powers of D are in ``Architecture.stream_constant``. Raises
    ``InputError`` for an excess outside [0, 1/2].
    """
    exponent = rational(excess)
    if not 0 <= exponent <= Fraction(1, 2):
        raise InputError(f"excess {exponent}: expected 0 to 1/2, from complete learning to lazy")
    size = 1 - exponent
    rate = Power(width=1 - 2 * exponent, depth=1 - 2 * exponent)
    inside = RoleScaling(_HALF, rate=rate)
    ends = (RoleScaling(), RoleScaling())
    source = "arXiv 2509.10167, residual scale a / (L M)"
    base = _uniform(f"mean_ode({exponent})", ends, inside, source, Optimizer.SGD)
    roles = {
        Role.BRANCH_FIRST: RoleScaling(rate=rate),
        Role.BRANCH_LAST: RoleScaling(Power(width=-size), rate=rate),
    }
    return base.changed(base.name, roles, residual=Power(depth=-size))


def residual_he(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """Standard widths with Var W = c / (K fan_in) in the branch weights, K = L, and constant rates.

    The residual-aware initialization of AM-muP alone, without its mean-field output. Adam's epsilon
    is fixed, as in practice; ``theory.power_counting.with_matched_epsilon`` lets it follow.

    >>> from scaleproof import Axis, count_powers, residual, residual_he
    >>> count_powers(residual(1), residual_he()).stable_at_initialization(Axis.DEPTH)
    True
    """
    base = standard(optimizer)
    branch = RoleScaling(std=Power(width="-1/2", depth="-1/2"))
    variant = base.changed("residual_he", dict.fromkeys(_BRANCH_ROLES, branch))
    return replace(variant, source="arXiv 2510.04327, abstract (residual-aware He fan-in)")


def am_mup(optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """Mean-field output and Var W = c / (K fan_in) in every residual-branch weight.

    Variance convention: the factor K^-1/2 is in the weight and the learning rate is not adjusted
    for it. In width this is muP with its scales moved into the weights; K, the number of blocks,
    is the depth L. Gradients inside a block of m layers go as L^-(m-1)/2, so for Adam, of which the
    source says nothing, ``theory.power_counting.with_matched_epsilon`` gives epsilon's power of L.

    >>> from scaleproof import am_mup, chain, count_powers
    >>> print(count_powers(chain(), am_mup()).largest_stable_rate)
    L^-3/2
    """
    width_only = mup(optimizer).in_variance_convention()
    branch = width_only[Role.BRANCH_LAST]
    thinner = replace(branch, std=branch.std * Power(depth="-1/2"))
    variant = width_only.changed("am_mup", dict.fromkeys(_BRANCH_ROLES, thinner))
    return replace(variant, source="arXiv 2510.04327, abstract")


_PRESETS: Mapping[str, Callable[..., Parameterization]] = {
    preset.__name__: preset
    for preset in (
        *(standard, ntk, mean_field, mup, depth_mup),
        *(residual_he, am_mup, completep, depth_mup_corrected),
    )
}
_OF_AN_EXPONENT = (completep, depth_mup_corrected)
_CALL = re.compile(r"(\w+)(?:\(([^()]*)\))?")


def preset(name: str, optimizer: Optimizer = Optimizer.SGD) -> Parameterization:
    """A preset by name, such as ``mup`` or ``completep(3/4)``.

    Raises ``InputError`` for an unknown one, or one that takes no exponent.
    """
    match = _CALL.fullmatch(name.replace(" ", ""))
    if match is None or match[1] not in _PRESETS:
        raise choices("preset", name, _PRESETS)
    factory, argument = _PRESETS[match[1]], match[2]
    if argument is None:
        return factory(optimizer=optimizer)
    if factory not in _OF_AN_EXPONENT:
        raise InputError(f"preset {name!r}: {match[1]} takes no exponent; leave the brackets out")
    return factory(rational(argument), optimizer=optimizer)


def is_preset(name: str) -> bool:
    """Whether a preset has this name, with or without an exponent."""
    match = _CALL.fullmatch(name)
    return match is not None and match[1] in _PRESETS
