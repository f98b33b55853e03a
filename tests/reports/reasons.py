"""A reason of every kind, as a judgement gives it, and the words that people read."""

from theory.verdict import Reason, ReasonKind

SMALLEST = Reason(ReasonKind.SMALLEST_MOVES, numbers={"movement": 0.1234})
END = Reason(ReasonKind.END_MOVES, numbers={"movement": -0.05})
ACROSS = Reason(ReasonKind.ACROSS, ("n=64, L=4",), {"replicates": 240})

SENTENCES: list[tuple[Reason, str]] = [
    (Reason(ReasonKind.INSIDE), "the interval lies inside the margin"),
    (
        Reason(ReasonKind.INSIDE, ("n=64, L=4",)),
        "the interval lies inside the margin (worst cell: n=64, L=4)",
    ),
    (
        Reason(ReasonKind.DISJOINT, ("n=64, L=4",)),
        "the interval is disjoint from the margin (worst cell: n=64, L=4)",
    ),
    (
        ACROSS,
        "the interval reaches across the margin (worst cell: n=64, L=4); about 240 replicates "
        "would decide",
    ),
    (
        Reason(ReasonKind.ACROSS),
        "the interval reaches across the margin; more than a million replicates would decide",
    ),
    (
        Reason(ReasonKind.INTERRUPTED, numbers={"measured": 3, "wanted": 160}),
        "interrupted after 3 of 160 replicates",
    ),
    (
        Reason(ReasonKind.MISSING_TRIALS, numbers={"incomplete": 5, "replicates": 32, "most": 0.1}),
        "5 of 32 replicates miss a trial, more than 10%: they may not be missing by chance",
    ),
    (
        Reason(ReasonKind.DIVERGED, numbers={"diverged": 1, "trials": 64}),
        "1 of 64 trials diverged",
    ),
    (
        Reason(
            ReasonKind.DIVERGED_REPLICATES,
            numbers={"diverged": 40, "trials": 160, "broken": 30, "replicates": 32},
        ),
        "40 of 160 trials diverged, in 30 of 32 replicates",
    ),
    (
        Reason(
            ReasonKind.DIVERGED_AT_CARRIED_RATE,
            numbers={"diverged": 40, "trials": 160, "broken": 30, "replicates": 32},
        ),
        "40 of 160 trials diverged at the carried learning rate, in 30 of 32 replicates",
    ),
    (
        Reason(ReasonKind.NO_SPREAD),
        "no spread at all: the replicates are copies of one another",
    ),
    (
        Reason(ReasonKind.LESS_THAN_LIMIT, ("n=64, L=4",), {"p": 0.00123}),
        "at n=64, L=4 there is less than at the largest size (p = 0.0012): the limit is not "
        "approached from this side",
    ),
    (
        Reason(ReasonKind.MORE_THAN_LIMIT, ("n=64, L=4",), {"p": 1.2e-9}),
        "at n=64, L=4 there is more than at the largest size (p = 1.2e-09): the limit is not "
        "approached from this side",
    ),
    (
        Reason(ReasonKind.EXCESS_UNKNOWN, ("n=64, L=4",), {"most": 0.25}),
        "the excess at n=64, L=4 is not known to 25%: too small, or too few replicates",
    ),
    (
        Reason(ReasonKind.BEST_RATE_AT_EDGE, numbers={"edge": 7, "trials": 96}),
        "the best learning rate of 7 of 96 trials lies at the edge of the grid",
    ),
    (
        Reason(ReasonKind.CARRIED_RATE_AT_EDGE, ("", "n=64, L=8")),
        "at the size of tuning; n=64, L=8 the best or the carried learning rate lies at the edge "
        "of the grid",
    ),
    (
        SMALLEST,
        "no power law in this range: leaving out the smallest size moves the exponent by +0.123",
    ),
    (
        END,
        "no power law in this range: from mid-range to its end the exponent moves by -0.050",
    ),
    (
        Reason(ReasonKind.RESTS_ON_SMALLEST, numbers={"movement": 0.2}),
        "no power law in this range: leaving out the smallest size moves the exponent by +0.200, "
        "and it is no longer outside the margin",
    ),
    (
        Reason(ReasonKind.MISFIT_MATTERS, numbers={"p": 0.0004}, because=(SMALLEST, END)),
        "the declared law does not fit (lack of fit: p = 0.0004), and it matters: leaving out the "
        "smallest size moves the exponent by +0.123, from mid-range to its end the exponent moves "
        "by -0.050",
    ),
    (
        Reason(ReasonKind.HEAVY_TAILS, numbers={"trimmed": 0.25}),
        "heavy tails: the trimmed mean +0.250 lies on the other side of the margin",
    ),
    (
        Reason(ReasonKind.SKEWED, ("n=64, L=4",), {"replicates": 32, "error": 0.0216}),
        "too skewed for 32 replicates: at n=64, L=4 the t interval errs by about 2.2% on one side",
    ),
    (
        Reason(ReasonKind.CONTROL_NOT_REJECTED, ("alpha = 0", "inconclusive"), {}, (ACROSS,)),
        "negative control 'alpha = 0' is inconclusive, not rejected: the interval reaches across "
        "the margin (worst cell: n=64, L=4); about 240 replicates would decide",
    ),
    (
        Reason(ReasonKind.MISFIT, numbers={"p": 0.034}),
        "the declared law does not fit (lack of fit: p = 0.034)",
    ),
    (
        Reason(ReasonKind.MISFIT, numbers={"p": 0.034, "curvature": 1}),
        "the declared law does not fit (curvature: p = 0.034)",
    ),
    (
        Reason(ReasonKind.MISFIT_ALONE, numbers={"p": 0.034, "level": 0.00213}, because=(END,)),
        "taken alone the declared law does not fit (lack of fit: p = 0.034), which among all "
        "regressions of the look counts from 0.0021 on: from mid-range to its end the exponent "
        "moves by -0.050",
    ),
    (
        Reason(ReasonKind.MISFIT_ALONE, numbers={"p": 0.034, "level": 0.00213}),
        "taken alone the declared law does not fit (lack of fit: p = 0.034), which among all "
        "regressions of the look counts from 0.0021 on",
    ),
    (
        Reason(ReasonKind.FIT_UNTESTED),
        "the fit cannot be tested with so few cells or replicates",
    ),
    (
        Reason(ReasonKind.BEND, numbers={"low": 0.11, "high": 0.14}, because=(SMALLEST,)),
        "no single exponent: leaving out the smallest size moves the exponent by +0.123 "
        "[+0.110, +0.140]",
    ),
    (
        Reason(ReasonKind.BEND_UNRESOLVED, numbers={"low": -0.2, "high": 0.1}, because=(END,)),
        "not resolved: from mid-range to its end the exponent moves by -0.050 [-0.200, +0.100]",
    ),
    (
        Reason(ReasonKind.LEFT_OUT, numbers={"incomplete": 1, "replicates": 32}),
        "1 of 32 replicates miss a trial and are left out",
    ),
    (Reason(ReasonKind.NO_CONTROL), "judged without a negative control"),
    (
        Reason(ReasonKind.WORST_GROUP, ("t=3",), {"accepted": 2, "rejected": 1, "invalid": 0}),
        "2 accepted, 1 rejected; the worst is t=3: ",
    ),
    (
        Reason(ReasonKind.UNDECIDED_LINE, numbers={"replicates": 7}),
        "undecided: about 7 replicates would decide",
    ),
    (
        Reason(ReasonKind.UNDECIDED_LINE),
        "the interval reaches across the margin; more sizes or a finer grid would decide, more "
        "replicates would not",
    ),
    (
        Reason(ReasonKind.MISSING_AT, ("L = 8: 4 of 4",)),
        "missing: L = 8: 4 of 4 (an empty field may be a nan that was computed: --empty diverged)",
    ),
    (
        Reason(ReasonKind.DIVERGED_AT, tuple(f"L = {2**k}: 1 of 4" for k in range(8))),
        "diverged: L = 1: 1 of 4; L = 2: 1 of 4; L = 4: 1 of 4; L = 8: 1 of 4; L = 16: 1 of 4; "
        "L = 32: 1 of 4 and 2 more",
    ),
    (
        Reason(ReasonKind.NO_SIZE_TO_SPARE),
        "one replicate, or copies of it, at as many sizes as the line has parameters: no spread",
    ),
    (
        Reason(ReasonKind.ZEROS_MISSING, ("L = 8: 2",), {"zeros": 2}),
        "2 measurements are exactly zero and taken as missing (L = 8: 2)",
    ),
    (
        Reason(ReasonKind.ONE_REPLICATE, numbers={"deviation": 0.0312}),
        "one replicate decides nothing: its interval assumes that points scatter around the line "
        "(by up to 0.031) as replicates would",
    ),
    (
        Reason(ReasonKind.EXACT_LAW, numbers={"deviation": 2.2e-16}),
        "no spread: the replicates are equal, and their points lie within 2e-16 of the line",
    ),
    (
        Reason(ReasonKind.RATE_AT_END, ("n = 64: lowest", "n = 128: lowest")),
        "the best learning rate lies at an end of its grid: n = 64: lowest; n = 128: lowest",
    ),
    (
        Reason(ReasonKind.PLATEAU, ("n = 64: 0.001 to 0.02",)),
        "a plateau, on which losses differ by less than noise: n = 64: 0.001 to 0.02",
    ),
    (
        Reason(ReasonKind.RATES_DIVERGED, numbers={"diverged": 3, "trials": 60}),
        "3 of 60 runs diverged and count as worse than all of their sweep",
    ),
    (
        Reason(ReasonKind.SINGLE_MINIMA, numbers={"ends": 3, "trials": 24}),
        "3 of 24 single sweeps have their minimum at an end",
    ),
    (
        Reason(
            ReasonKind.SINGLE_MINIMA,
            numbers={"ends": 0, "trials": 9, "estimate": -0.6, "low": -1.0, "high": -0.2},
        ),
        "by the minimum of each replicate the exponent is -0.600 [-1.000, -0.200], and 0 of 9 "
        "single sweeps have their minimum at an end",
    ),
    (
        Reason(ReasonKind.GRID_STEP, numbers={"reach": 0.1667}),
        "the grid of rates allows no interval shorter than ±0.167: half a step at either end",
    ),
    (
        Reason(ReasonKind.ONE_SEED),
        "one seed decides nothing: its interval takes the deviation of the curve from a parabola "
        "for noise",
    ),
]
