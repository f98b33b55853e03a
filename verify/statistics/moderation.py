"""Variances of many small samples, each drawn towards what they have in common.

Two or three replicates know a mean to within a t interval that is useless among a hundred others.
Smyth (Stat. Appl. Genet. Mol. Biol. 3, 2004, article 3, section 6.2) takes the true variances as
drawn from a scaled inverse chi-square, fits that to all samples, and adds its degrees of freedom.
Where variances differ much from sample to sample, little is added. Imports numpy and scipy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from theory.arrays import FloatArray

_FEWEST = 3  # variances, to say how much they differ


class Moderated(NamedTuple):
    """Variances and their degrees of freedom, which may be infinite."""

    variances: FloatArray
    degrees: FloatArray


def moderated(
    variances: FloatArray, degrees: FloatArray, together: float | None = None
) -> Moderated:
    """The posterior variance of every sample, and its degrees of freedom.

    ``together``: degrees of freedom of all samples; their sum, where samples are independent.

    A variance of zero stays: it is no estimate, but a quantity that does not vary. A sample
    without degrees of freedom gets what the others have in common, nan if that is nothing.
    """
    known = (degrees > 0) & (variances > 0)
    kept = np.where(degrees > 0, variances, np.nan)
    if np.count_nonzero(known) < _FEWEST:
        return Moderated(kept, degrees.astype(np.float64))
    prior, prior_degrees = _prior(variances[known], degrees[known])
    drawn = known | (degrees == 0)
    if np.isinf(prior_degrees):
        posterior = np.where(drawn, prior, kept)
    else:
        own = np.where(degrees > 0, degrees * variances, 0.0)
        posterior = np.where(drawn, (prior_degrees * prior + own) / (prior_degrees + degrees), kept)
    # No sample knows more than all of them together.
    most = degrees[known].sum() if together is None else np.maximum(together, degrees)
    total = np.minimum(prior_degrees + degrees, most)
    return Moderated(posterior, np.where(drawn, total, degrees))


def _prior(variances: FloatArray, degrees: FloatArray) -> tuple[float, float]:
    """What the true variances have in common: a scale, and how closely they keep to it."""
    half = degrees / 2
    logs = np.log(variances) - special.digamma(half) + np.log(half)
    left = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    if left <= 0:  # no more than chance makes them differ: one variance, pooled
        return float(np.average(variances, weights=degrees)), np.inf
    prior = _inverse_trigamma(left)
    return float(np.exp(logs.mean() + special.digamma(prior) - np.log(prior))), 2 * prior


def _inverse_trigamma(value: float) -> float:
    """Where the trigamma function, which falls from infinity to zero, has a value."""
    root = optimize.brentq(
        lambda log: float(np.log(special.polygamma(1, np.exp(log))) - np.log(value)), -30.0, 30.0
    )
    return float(np.exp(root))
