"""An exponent that rests on the points around one line. Imports numpy and ``verify``.

Where replicates agree to the last digit, or there is only one, no spread of replicates makes an
interval. The deviation of the points from the line does, under the assumption that it is
independent from size to size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from theory.arrays import FloatArray
from theory.expectations import Band
from theory.verdict import Reason, ReasonKind
from verify.judging.claim import Claim
from verify.statistics.distributions import student_above, student_quantile
from verify.statistics.equivalence import Interval
from verify.statistics.regression import PowerLaw

# A law without spread is one to three digits; copies of one noisy run deviate by more.
MOST_DEVIATION = 1e-3
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """An exponent with a standard error and its degrees of freedom.

    ``decides``: whether it may be accepted or rejected; one replicate may not. ``logs`` (cells,)
    are the points, ``ends`` (2, cells) their own intervals where they have some, ``spread`` the
    error that one replicate alone would have.
    """

    claim: Claim
    replicates: int
    estimate: float
    error: float
    degrees: float
    spread: float
    decides: bool
    p_value: float
    notes: tuple[Reason, ...]
    law: PowerLaw
    logs: FloatArray
    ends: FloatArray | None = None
    floor: float = 0.0

    def interval(self, level: float) -> Interval:
        """At confidence 1 - level; it reaches at least ``floor`` to either side."""
        reach = student_quantile(1.0 - level / 2.0, self.degrees) * self.error
        reach = max(reach, self.floor)
        return Interval(self.estimate, self.estimate - reach, self.estimate + reach, level)


def line_p_value(
    estimate: float, error: float, degrees: float, band: Band, floor: float = 0.0
) -> float:
    """The smallest level at which the t interval is inside the band, or disjoint from it."""
    distance = min(abs(estimate - end) for end in band)
    if distance < floor:
        return 1.0
    return min(1.0, 2.0 * student_above(distance / error, degrees))


def line_of(
    claim: Claim, logs: FloatArray, replicates: int, notes: tuple[Reason, ...]
) -> Line | None:
    """The regression of logs (cells,), which replicates share; ``None`` where no cell is to spare.

    One replicate decides nothing. More that agree decide if the points lie on the line, and are
    copies of one another, ``None`` again, if they do not.
    """
    assert claim.law is not None
    law = claim.law
    design = law.design_matrix
    degrees = len(logs) - design.shape[1]
    if degrees < 1:
        return None
    coefficients = law.coefficients(logs)
    left = logs - design @ coefficients
    deviation = float(np.abs(left).max())
    if replicates > 1 and deviation > MOST_DEVIATION:
        return None
    variance = float(left @ left) / degrees * float(np.linalg.inv(design.T @ design)[1, 1])
    estimate, error = float(coefficients[1]), max(math.sqrt(variance), _ROUNDING)
    kind = ReasonKind.ONE_REPLICATE if replicates == 1 else ReasonKind.EXACT_LAW
    said = Reason(kind, numbers={"deviation": deviation})
    line = Line(
        claim, replicates, estimate, error, degrees, error, replicates > 1, 1.0,
        (said, *notes), law, logs,
    )  # fmt: skip
    if not line.decides:
        return line
    return replace(line, p_value=line_p_value(estimate, error, degrees, claim.band))
