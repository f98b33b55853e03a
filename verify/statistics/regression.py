"""Exponents by regression, one per replicate. Imports numpy, statsmodels and ``theory``.

The unit of replication is the replicate: its cells share the data, so their noise is correlated,
but the slopes of different replicates are independent and identically distributed whatever the
noise does across cells. Their mean with a t interval is the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm

from theory.errors import DomainError
from theory.scaling import Axis, Cell, Power

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """The regression log y = intercept + exponent log(size) + declared correction columns.

    Raises ``DomainError`` when the cells cannot identify its parameters.
    """

    cells: tuple[Cell, ...]
    axis: Axis
    corrections: tuple[Power, ...] = ()

    def __post_init__(self) -> None:
        columns = self.design.shape[1]
        if np.linalg.matrix_rank(self.design) < columns:
            raise DomainError(
                f"{len(self.cells)} cells along {self.axis} cannot identify {columns} regression "
                "parameters; add cells of different size or drop a correction column"
            )

    @property
    def log_size(self) -> FloatArray:
        """log of the size along the axis: shape (cells,)."""
        return np.log([float(cell.along(self.axis)) for cell in self.cells])

    @property
    def design(self) -> FloatArray:
        """Columns 1, log size, corrections: shape (cells, 2 + corrections)."""
        columns = [np.ones(len(self.cells)), self.log_size]
        columns += [np.array([power.at(cell) for cell in self.cells]) for power in self.corrections]
        return np.stack(columns, axis=1)

    def coefficients(self, log_values: FloatArray) -> FloatArray:
        """Least-squares coefficients of every replicate: shape (replicates, columns)."""
        solved: FloatArray = log_values @ np.linalg.pinv(self.design).T
        return solved

    def exponents(self, log_values: FloatArray) -> FloatArray:
        """The exponent of every replicate: shape (replicates,)."""
        return self.coefficients(log_values)[:, 1]

    def curvature(self, log_values: FloatArray) -> FloatArray | None:
        """How far the local exponent moves from the middle of the range to its end, per replicate.

        From an added (log size)^2 term; ``None`` when no degree of freedom is left to see one.
        """
        if len(self.cells) <= self.design.shape[1] + 1:
            return None
        centred = self.log_size - self.log_size.mean()
        design = np.column_stack([self.design, centred**2])
        quadratic = (log_values @ np.linalg.pinv(design).T)[:, -1]
        movement: FloatArray = quadratic * np.ptp(self.log_size)
        return movement

    def without_smallest(self, log_values: FloatArray) -> FloatArray | None:
        """Exponent without the smallest size minus exponent with it, per replicate.

        ``None`` when too few sizes would remain to leave a degree of freedom.
        """
        keep = self.log_size > self.log_size.min()
        if keep.sum() <= self.design.shape[1]:
            return None
        kept = tuple(cell for cell, kept in zip(self.cells, keep, strict=True) if kept)
        smaller = PowerLaw(kept, self.axis, self.corrections)
        return smaller.exponents(log_values[:, keep]) - self.exponents(log_values)

    def cluster_robust(self, log_values: FloatArray, level: float) -> tuple[float, float, float]:
        """Exponent and its interval from pooled OLS with errors clustered by replicate.

        A cross-check by other means (statsmodels, t distribution), never the verdict.
        """
        replicates, cells = log_values.shape
        if replicates < 2:
            raise DomainError("one replicate has no spread; measure at least two")
        fit = sm.OLS(log_values.ravel(), np.tile(self.design, (replicates, 1))).fit(
            cov_type="cluster",
            cov_kwds={"groups": np.repeat(np.arange(replicates), cells)},
            use_t=True,
        )
        low, high = fit.conf_int(alpha=level)[1]
        return float(fit.params[1]), float(low), float(high)


def fitted_curve(law: PowerLaw, log_values: FloatArray) -> Sequence[float]:
    """The fitted values at the cells, on the original scale: geometric mean over replicates."""
    return [float(v) for v in np.exp(law.design @ law.coefficients(log_values).mean(axis=0))]
