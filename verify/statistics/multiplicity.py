"""Holm's procedure over a campaign. Imports numpy and statsmodels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.multitest import multipletests


def holm_levels(p_values: Sequence[float], alpha: float) -> list[float]:
    """The level at which Holm's step-down procedure tests each member of a family.

    The j-th smallest p-value is tested at alpha / (m - j + 1); from the first one that fails on,
    all remaining ones keep the level of that failure. An interval at confidence 1 - level
    therefore decides exactly when Holm does.
    """
    if len(p_values) == 0:
        return []
    known = np.nan_to_num(p_values, nan=1.0)  # no evidence decides nothing
    decided = multipletests(known, alpha=alpha, method="holm")[0]
    order = np.argsort(known, kind="stable")
    family = len(p_values)
    stop = alpha / (family - int(decided.sum())) if not decided.all() else alpha
    levels = [stop] * family
    for rank, index in enumerate(order):
        if decided[index]:
            levels[index] = alpha / (family - rank)
    return levels
