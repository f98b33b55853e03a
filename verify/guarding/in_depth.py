"""What is wrong along depth: in blocks, by the alpha of their branches, and outside of them.

Imports ``theory`` and ``verify.guarding``.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from theory.module_scaling import Quantity
from theory.scaling import Axis
from verify.guarding.parameters import ALIKE, Cause, Parameter, by_itself, cause_of, is_around
from verify.guarding.structure import Line

_ALPHAS = (0.5, 1.0)


def in_depth(parameters: Sequence[Parameter], rescaled: list[Cause]) -> list[Cause]:
    """The causes; those that something downstream takes out again are added to ``rescaled``."""
    outside = [one for one in parameters if not one.line.role.in_block]
    inside = [one for one in parameters if one.line.role.in_block]
    made = [cause for one in outside for cause in _outside_blocks(one, rescaled)]
    if any(one.line.role.has_branches for one in inside):
        in_blocks = _with_alpha(inside)
        return _before_explosion(in_blocks) or made + in_blocks
    return made + [
        cause_of("initialization", one.line, one.gain)
        for one in inside
        if one.gain is not None and one.gain.rejected
    ]


def _before_explosion(causes: Sequence[Cause]) -> list[Cause]:
    """Where branches are too large the stream explodes, and nothing else can be read off.

    But a bias that is added at the end of a branch is multiplied with it.
    """
    ends = [
        cause
        for cause in causes
        if cause.kind in ("depth multiplier", "initialization")
        and cause.line is not None
        and cause.line.role.ends_branch
        and cause.evidence.interval[0] > -0.3
    ]
    multipliers = [cause for cause in ends if cause.kind == "depth multiplier"]
    biases = [cause for cause in causes if any(is_around(one, cause) for one in multipliers)]
    return ends + biases


def _outside_blocks(one: Parameter, rescaled: list[Cause]) -> list[Cause]:
    made = by_itself(one, Axis.DEPTH, rescaled)
    share = one.found.get(Quantity.SHARE)
    if one.line.role.follows_gradient and not made and share is not None and share.rejected:
        made.append(cause_of("rate", one.line, share))
    return made


def _with_alpha(inside: Sequence[Parameter]) -> list[Cause]:
    """Causes in blocks, read with the alpha that needs the least to be wrong.

    Where all gains agree with one alpha, it is that one: what is off then are rates.
    """
    options = {alpha: _in_blocks(inside, alpha) for alpha in _ALPHAS}
    by_gain = min(_ALPHAS, key=lambda a: _gains_off(inside, a))
    if _gains_off(inside, by_gain) == 0:
        return _depth_rates(options[by_gain], inside)
    return _depth_rates(min(options.values(), key=len), inside)


def _wanted_gain(line: Line, alpha: float) -> float:
    return -alpha if line.role.ends_branch else 0.0


def _wanted_own(line: Line, alpha: float) -> float:
    if line.role.ends_branch or line.role.on_stream:
        return -1.0
    return 2 * alpha - 1 if line.role.follows_gradient else alpha - 1


def _gains_off(inside: Sequence[Parameter], alpha: float) -> int:
    return sum(
        one.gain is not None and one.gain.off_from(_wanted_gain(one.line, alpha)) for one in inside
    )


def _in_blocks(inside: Sequence[Parameter], alpha: float) -> list[Cause]:
    made = []
    for one in inside:
        gain, own = one.gain, one.own
        right_gain, right_own = _wanted_gain(one.line, alpha), _wanted_own(one.line, alpha)
        gain_off = gain is not None and gain.off_from(right_gain)
        own_off = own is not None and own.off_from(right_own)
        if gain_off and own_off:
            assert gain is not None
            assert own is not None
            by_gain, by_own = gain.estimate - right_gain, (own.estimate - right_own) / one.power
            # An exploding stream blurs the own change; where it moves too, it is a factor.
            blurred = one.line.role.ends_branch and by_gain > 0.35
            if abs(by_gain - by_own) <= (0.75 * by_gain if blurred else ALIKE):
                kind = "depth multiplier" if one.line.role.ends_branch else "multiplier"
                made.append(cause_of(kind, one.line, gain, right_gain))
                continue
        if gain_off:
            assert gain is not None
            made.append(cause_of("initialization", one.line, gain, right_gain))
        if own_off:
            assert own is not None
            made.append(cause_of("rate", one.line, own, right_own))
    return made


def _depth_rates(causes: list[Cause], inside: Sequence[Parameter]) -> list[Cause]:
    """Rates that are off by one power in all of a block are the depth's, not the parameter's."""
    rates = [cause for cause in causes if cause.kind == "rate"]
    if len(rates) < 2 or len(rates) < len([one for one in inside if one.own is not None]):
        return causes
    middle = statistics.median(cause.departure for cause in rates)
    if any(abs(cause.departure - middle) > ALIKE for cause in rates):
        return causes
    return [
        replace(cause, kind="depth rate") if cause.kind == "rate" else cause for cause in causes
    ]
