"""Holm's procedure over families of decisions. Imports numpy.

The same numbers as ``multipletests(method="holm")`` of statsmodels, which takes one family at a
time and collects garbage at each call (0.2 s): a calibration judges thousands of families.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


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
