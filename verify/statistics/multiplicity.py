"""Holm's and Benjamini and Hochberg's procedures over families. Imports numpy.

The same numbers as ``multipletests(method="holm")`` and ``"fdr_bh"`` of statsmodels, which takes
one family at a time and collects garbage at each call (0.2 s): a calibration judges thousands.
"""

from __future__ import annotations

import numpy as np

from theory.arrays import BoolArray, FloatArray


def holm_levels(p_values: FloatArray, alpha: float, members: BoolArray | None = None) -> FloatArray:
    """The level at which Holm's step-down procedure tests each member: shape (..., family).

    The j-th smallest p-value is tested at alpha / (m - j + 1); from the first one that fails on,
    all remaining ones keep the level of that failure. An interval at confidence 1 - level
    therefore decides exactly when Holm does. Families lie along the last axis; ``members`` leaves
    some out (already decided at an earlier look), whose levels are not to be used.
    """
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)  # no evidence: no decision
    if members is not None:
        p = np.where(members, p, np.inf)
    family = np.isfinite(p).sum(axis=-1, keepdims=True)
    order = np.argsort(p, axis=-1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=-1)
    thresholds = alpha / np.maximum(family - np.arange(p.shape[-1]), 1)
    passed = np.logical_and.accumulate(ranked <= thresholds, axis=-1)
    failure = np.minimum(passed.sum(axis=-1, keepdims=True), np.maximum(family - 1, 0))
    stop = alpha / np.maximum(family - failure, 1)
    levels = np.empty_like(p)
    np.put_along_axis(levels, order, np.where(passed, thresholds, stop), axis=-1)
    return levels


def discovery_levels(
    p_values: FloatArray, share: float, members: BoolArray | None = None
) -> FloatArray:
    """The level at which Benjamini and Hochberg's procedure tests each member: (..., family).

    With k the largest number such that k p-values are at most k share / m, everything up to that is
    discovered, and of what is discovered an expected share at most is false (for independent or
    positively dependent tests; JRSS B 57, 1995). Where all hypotheses are true, any discovery at
    all has that probability. Families and ``members`` are those of ``holm_levels``.
    """
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    if members is not None:
        p = np.where(members, p, np.inf)
    family = np.maximum(np.isfinite(p).sum(axis=-1, keepdims=True), 1)
    ranks = np.arange(1, p.shape[-1] + 1)
    below = np.sort(p, axis=-1) <= ranks * share / family
    discovered = np.max(np.where(below, ranks, 1), axis=-1, keepdims=True, initial=1)
    return np.broadcast_to(discovered * share / family, p.shape)
