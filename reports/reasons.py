"""The words of reasons, and the only place where they are made. Imports ``theory.verdict``.

A reason is a value (``theory.verdict.Reason``, or the entry of it in a report); each kind has one
sentence here, filled with the places and numbers that ``ReasonKind`` lists behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from theory.verdict import ReasonKind


class ReasonLike(Protocol):
    """What a reason is, in a judgement or in a report."""

    @property
    def kind(self) -> ReasonKind:
        """Which sentence it is."""

    @property
    def places(self) -> Sequence[str]:
        """The names in it."""

    @property
    def numbers(self) -> Mapping[str, float]:
        """The numbers in it, by name."""

    @property
    def because(self) -> Sequence[ReasonLike]:
        """The reasons behind it."""


def reason_text(reasons: Iterable[ReasonLike]) -> str:
    """Return the reasons in words, joined by semicolons.

    >>> from scaleproof import reason_text
    >>> from theory.verdict import Reason, ReasonKind
    >>> reason_text([Reason(ReasonKind.INSIDE)])
    'the interval lies inside the margin'
    """
    return "; ".join(_WORDS[reason.kind](reason) for reason in reasons)


def fit_refusal_text(reason: ReasonLike) -> str:
    """Return why no power law is fitted, for a reader who knows that it is about that."""
    words = _NO_POWER_LAW if reason.kind in _NO_POWER_LAW else _WORDS
    return words[reason.kind](reason)


_Words = Callable[[ReasonLike], str]


def _template(text: str) -> _Words:
    """The words of a kind that has all of its places and numbers at all times."""
    return lambda reason: text.format(*reason.places, **reason.numbers)


def _interval(text: str) -> _Words:
    """Where the interval lies; in the cell that tells most, where there are several."""

    def words(reason: ReasonLike) -> str:
        where = "".join(f" (worst cell: {place})" for place in reason.places)
        return f"the interval {text} the margin{where}"

    return words


def _across(reason: ReasonLike) -> str:
    needed = reason.numbers.get("replicates")
    replicates = "more than a million" if needed is None else f"about {needed:.0f}"
    return f"{_interval('reaches across')(reason)}; {replicates} replicates would decide"


def _undecided_line(reason: ReasonLike) -> str:
    needed = reason.numbers.get("replicates")
    if needed is None:
        return (
            "the interval reaches across the margin; more sizes or a finer grid would decide, more "
            "replicates would not"
        )
    return f"undecided: about {needed:.0f} replicates would decide"


def _worst_group(reason: ReasonLike) -> str:
    counts = [f"{number:.0f} {verdict}" for verdict, number in reason.numbers.items() if number]
    return f"{', '.join(counts)}; the worst is {reason.places[0]}: {reason_text(reason.because)}"


def _places(text: str) -> _Words:
    """A sentence with all places of a kind that has any number of them, some at most."""

    def words(reason: ReasonLike) -> str:
        more = len(reason.places) - _MOST_PLACES
        named = "; ".join(reason.places[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
        return text.format(places=named, **reason.numbers)

    return words


def _single_minima(reason: ReasonLike) -> str:
    numbers = reason.numbers
    ends = "{ends:.0f} of {trials:.0f} single sweeps have their minimum at an end".format(**numbers)
    if "estimate" not in numbers:
        return ends
    beside = (
        "by the minimum of each replicate the exponent is {estimate:+.3f} [{low:+.3f}, {high:+.3f}]"
    )
    return f"{beside.format(**numbers)}, and {ends}"


def _carried_rate_at_edge(reason: ReasonLike) -> str:
    places = "; ".join(place or "the size of tuning" for place in reason.places)
    return f"at {places} the best or the carried learning rate lies at the edge of the grid"


def _control_not_rejected(reason: ReasonLike) -> str:
    name, verdict = reason.places
    why = reason_text(reason.because)
    return f"negative control {name!r} is {verdict}, not rejected: {why}"


def _movements(reason: ReasonLike) -> str:
    """What moves the exponent, as the end of a sentence; nothing where nothing is known to."""
    words = ", ".join(_NO_POWER_LAW[moved.kind](moved) for moved in reason.because)
    return f": {words}" if words else ""


def _misfit(reason: ReasonLike) -> str:
    test = "curvature" if reason.numbers.get("curvature") else "lack of fit"
    return f"the declared law does not fit ({test}: p = {reason.numbers['p']:.2g})"


def _misfit_matters(reason: ReasonLike) -> str:
    return f"{_misfit(reason)}, and it matters{_movements(reason)}"


def _misfit_alone(reason: ReasonLike) -> str:
    level = f"{reason.numbers['level']:.2g}"
    return (
        f"taken alone {_misfit(reason)}, which among all regressions of the look counts from "
        f"{level} on{_movements(reason)}"
    )


def _bend(text: str) -> _Words:
    def words(reason: ReasonLike) -> str:
        low, high = reason.numbers["low"], reason.numbers["high"]
        return f"{text}{_movements(reason)} [{low:+.3f}, {high:+.3f}]"

    return words


def _no_power_law(kind: ReasonKind) -> _Words:
    return lambda reason: f"no power law in this range: {_NO_POWER_LAW[kind](reason)}"


_WITHOUT_SMALLEST = "leaving out the smallest size moves the exponent by {movement:+.3f}"
# The kinds that say that there is none, without saying so: they are the reasons of others too.
_NO_POWER_LAW: Mapping[ReasonKind, _Words] = {
    ReasonKind.SMALLEST_MOVES: _template(_WITHOUT_SMALLEST),
    ReasonKind.END_MOVES: _template(
        "from mid-range to its end the exponent moves by {movement:+.3f}"
    ),
    ReasonKind.RESTS_ON_SMALLEST: _template(
        f"{_WITHOUT_SMALLEST}, and it is no longer outside the margin"
    ),
}

_MOST_PLACES = 6
_DIVERGED = "{diverged:.0f} of {trials:.0f} trials diverged"
_REPLICATES = ", in {broken:.0f} of {replicates:.0f} replicates"
_MISSING = "{incomplete:.0f} of {replicates:.0f} replicates miss a trial"
_LIMIT = (
    "at {{0}} there is {} than at the largest size (p = {{p:.2g}}): the limit is not approached "
    "from this side"
)
_WORDS: Mapping[ReasonKind, _Words] = {
    ReasonKind.INSIDE: _interval("lies inside"),
    ReasonKind.DISJOINT: _interval("is disjoint from"),
    ReasonKind.ACROSS: _across,
    ReasonKind.WORST_GROUP: _worst_group,
    ReasonKind.UNDECIDED_LINE: _undecided_line,
    ReasonKind.INTERRUPTED: _template(
        "interrupted after {measured:.0f} of {wanted:.0f} replicates"
    ),
    ReasonKind.MISSING_TRIALS: _template(
        f"{_MISSING}, more than {{most:.0%}}: they may not be missing by chance"
    ),
    ReasonKind.DIVERGED: _template(_DIVERGED),
    ReasonKind.DIVERGED_REPLICATES: _template(_DIVERGED + _REPLICATES),
    ReasonKind.DIVERGED_AT_CARRIED_RATE: _template(
        f"{_DIVERGED} at the carried learning rate{_REPLICATES}"
    ),
    ReasonKind.NO_SPREAD: _template("no spread at all: the replicates are copies of one another"),
    ReasonKind.NO_SIZE_TO_SPARE: _template(
        "one replicate, or copies of it, at as many sizes as the line has parameters: no spread"
    ),
    ReasonKind.MISSING_AT: _places(
        "missing: {places} (an empty field may be a nan that was computed: --empty diverged)"
    ),
    ReasonKind.DIVERGED_AT: _places("diverged: {places}"),
    ReasonKind.LESS_THAN_LIMIT: _template(_LIMIT.format("less")),
    ReasonKind.MORE_THAN_LIMIT: _template(_LIMIT.format("more")),
    ReasonKind.EXCESS_UNKNOWN: _template(
        "the excess at {0} is not known to {most:.0%}: too small, or too few replicates"
    ),
    ReasonKind.BEST_RATE_AT_EDGE: _template(
        "the best learning rate of {edge:.0f} of {trials:.0f} trials lies at the edge of the grid"
    ),
    ReasonKind.CARRIED_RATE_AT_EDGE: _carried_rate_at_edge,
    **{kind: _no_power_law(kind) for kind in _NO_POWER_LAW},
    ReasonKind.MISFIT_MATTERS: _misfit_matters,
    ReasonKind.HEAVY_TAILS: _template(
        "heavy tails: the trimmed mean {trimmed:+.3f} lies on the other side of the margin"
    ),
    ReasonKind.SKEWED: _template(
        "too skewed for {replicates:.0f} replicates: at {0} the t interval errs by about "
        "{error:.1%} on one side"
    ),
    ReasonKind.CONTROL_NOT_REJECTED: _control_not_rejected,
    ReasonKind.MISFIT: _misfit,
    ReasonKind.MISFIT_ALONE: _misfit_alone,
    ReasonKind.FIT_UNTESTED: _template("the fit cannot be tested with so few cells or replicates"),
    ReasonKind.BEND: _bend("no single exponent"),
    ReasonKind.BEND_UNRESOLVED: _bend("not resolved"),
    ReasonKind.LEFT_OUT: _template(f"{_MISSING} and are left out"),
    ReasonKind.ZEROS_MISSING: _places(
        "{zeros:.0f} measurements are exactly zero and taken as missing ({places})"
    ),
    ReasonKind.ONE_REPLICATE: _template(
        "one replicate decides nothing: its interval assumes that points scatter around the line "
        "(by up to {deviation:.2g}) as replicates would"
    ),
    ReasonKind.EXACT_LAW: _template(
        "no spread: the replicates are equal, and their points lie within {deviation:.1g} of the "
        "line"
    ),
    ReasonKind.RATE_AT_END: _places("the best learning rate lies at an end of its grid: {places}"),
    ReasonKind.PLATEAU: _places("a plateau, on which losses differ by less than noise: {places}"),
    ReasonKind.RATES_DIVERGED: _template(
        "{diverged:.0f} of {trials:.0f} runs diverged and count as worse than all of their sweep"
    ),
    ReasonKind.SINGLE_MINIMA: _single_minima,
    ReasonKind.GRID_STEP: _template(
        "the grid of rates allows no interval shorter than ±{reach:.3f}: half a step at either end"
    ),
    ReasonKind.ONE_SEED: _template(
        "one seed decides nothing: its interval takes the deviation of the curve from a parabola "
        "for noise"
    ),
    ReasonKind.NO_CONTROL: _template("judged without a negative control"),
}
