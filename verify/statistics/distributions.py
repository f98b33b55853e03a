"""Quantiles and tails of distributions. Imports scipy.special.

The same numbers as ``scipy.stats``, which takes half a second of processor time to import: a
command that judges a small table takes no longer than that in all.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from scipy import special

from theory.arrays import FloatArray


@overload
def student_quantile(probability: float, degrees: float) -> float: ...
@overload
def student_quantile(probability: FloatArray, degrees: float | FloatArray) -> FloatArray: ...
@overload
def student_quantile(probability: float, degrees: FloatArray) -> FloatArray: ...
def student_quantile(
    probability: float | FloatArray, degrees: float | FloatArray
) -> float | FloatArray:
    """The value below which Student's t lies with a probability."""
    quantile: float | FloatArray = special.stdtrit(degrees, probability)
    return quantile


@overload
def student_above(value: float, degrees: float) -> float: ...
@overload
def student_above(value: FloatArray, degrees: float | FloatArray) -> FloatArray: ...
def student_above(value: float | FloatArray, degrees: float | FloatArray) -> float | FloatArray:
    """The probability that Student's t lies above a value."""
    tail: float | FloatArray = special.stdtr(degrees, -value)
    return tail


def fisher_above(value: FloatArray, numerator: int, denominator: int) -> FloatArray:
    """The probability that F lies above a value."""
    tail: FloatArray = special.fdtrc(numerator, denominator, value)
    return tail


def half_or_more(successes: int, trials: int) -> float:
    """The probability of so many successes or more, each as likely as a failure."""
    return 1.0 if successes == 0 else float(special.bdtrc(successes - 1, trials, 0.5))


def normal_below(value: float | FloatArray) -> FloatArray:
    """The probability that a standard normal variable lies below a value."""
    return np.asarray(special.ndtr(value), dtype=np.float64)


@overload
def chi_squared_quantile(probability: float, degrees: float) -> float: ...
@overload
def chi_squared_quantile(probability: FloatArray, degrees: float) -> FloatArray: ...
def chi_squared_quantile(probability: float | FloatArray, degrees: float) -> float | FloatArray:
    """The value below which chi squared lies with a probability."""
    quantile: float | FloatArray = 2.0 * special.gammaincinv(degrees / 2.0, probability)
    return quantile
