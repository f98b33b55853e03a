"""What a verdict is, and why it is that one, as data. Imports the standard library only.

Words are made of reasons in ``reports.reasons`` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What the measurements say about a prediction.

    ACCEPTED: the interval lies inside predicted +- margin. REJECTED: it is disjoint from it.
    INCONCLUSIVE: neither yet. INVALID: a precondition failed, so the data say nothing.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class ReasonKind(StrEnum):
    """Why a verdict is what it is; behind each, the places and numbers that its reason has."""

    # The interval, and the cell that tells most where there are several (places: that cell).
    INSIDE = "inside"
    DISJOINT = "disjoint"
    ACROSS = "across"  # numbers: replicates that would decide, if less than a million
    WORST_GROUP = "worst group"  # places: its label; numbers: how many, by verdict; because: why
    UNDECIDED_LINE = "undecided line"  # the same, where no spread of replicates made it
    # Why there is nothing to judge.
    INTERRUPTED = "interrupted"  # numbers: measured, wanted
    MISSING_TRIALS = "missing trials"  # numbers: incomplete, replicates, most (a share)
    DIVERGED = "diverged"  # numbers: diverged, trials
    DIVERGED_REPLICATES = "diverged replicates"  # numbers: diverged, trials, broken, replicates
    DIVERGED_AT_CARRIED_RATE = "diverged at the carried rate"  # the same numbers
    MISSING_AT = "missing at"  # places: the cells, each with how many replicates miss it
    DIVERGED_AT = "diverged at"  # places: the cells
    NO_SPREAD = "no spread"
    NO_SIZE_TO_SPARE = "no size to spare"
    LESS_THAN_LIMIT = "less than the limit"  # places: the worst cell; numbers: p
    MORE_THAN_LIMIT = "more than the limit"  # the same
    EXCESS_UNKNOWN = "excess unknown"  # places: the worst cell; numbers: most (a share)
    BEST_RATE_AT_EDGE = "best rate at the edge"  # numbers: edge (trials there), trials
    CARRIED_RATE_AT_EDGE = "carried rate at the edge"  # places: cells, "" for that of tuning
    # Why a decision does not stand.
    SMALLEST_MOVES = "smallest size moves the exponent"  # numbers: movement
    END_MOVES = "end of the range moves the exponent"  # numbers: movement
    RESTS_ON_SMALLEST = "rests on the smallest size"  # numbers: movement
    MISFIT_MATTERS = "misfit matters"  # numbers: p, curvature (1) if of that; because: moves
    HEAVY_TAILS = "heavy tails"  # numbers: trimmed
    SKEWED = "skewed"  # places: the worst cell; numbers: replicates, error (a share)
    CONTROL_NOT_REJECTED = "control not rejected"  # places: its name, its verdict; because: why
    # What a decision does not hang on, and a reader should know.
    MISFIT = "misfit"  # the same numbers
    MISFIT_ALONE = "misfit if taken alone"  # numbers: level (where it counts) too; because: moves
    FIT_UNTESTED = "fit untested"
    BEND = "no single exponent"  # because: which moves it; numbers: low, high of the movement
    BEND_UNRESOLVED = "bend not resolved"  # the same
    LEFT_OUT = "left out"  # numbers: incomplete, replicates
    ZEROS_MISSING = "zeros taken as missing"  # places: the cells; numbers: zeros
    ONE_REPLICATE = "one replicate"  # numbers: deviation (the largest of a point from the line)
    EXACT_LAW = "exact law"  # the same
    RATE_AT_END = "best rate at an end"  # places: sizes, each with its end
    PLATEAU = "plateau"  # places: sizes with the rates that are as good
    RATES_DIVERGED = "rates diverged"  # numbers: diverged, trials
    SINGLE_MINIMA = "minima of single replicates"  # numbers: ends, trials; estimate, low, high
    GRID_STEP = "step of the grid"  # numbers: reach (to either side, the least that it allows)
    ONE_SEED = "one seed"
    NO_CONTROL = "no control"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its kind, the names and numbers in it, and the reasons behind it."""

    kind: ReasonKind
    places: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    because: tuple[Reason, ...] = ()
