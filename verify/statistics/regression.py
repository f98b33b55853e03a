"""Exponents by regression, one per replicate. Imports numpy, ``theory`` and ``verify``.

The unit of replication is the replicate: its cells share the data, and some a Brownian path, so
their noise is correlated, but the slopes of different replicates are independent and identically
distributed whatever the noise does across cells. Their mean with a t interval is the estimate.

Logarithms of measurements have shape (replicates, columns, cells); a campaign has one column for a
prediction, a calibration thousands. Everything made from them has shape (replicates, columns).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.arrays import FloatArray
from theory.errors import InputError
from theory.scaling import Axis, Cell, Power
from verify.statistics.distributions import fisher_above, student_quantile
from verify.statistics.equivalence import Interval


def _identifies(design: FloatArray) -> bool:
    """Full column rank; columns of unit length, for a correction in 1/n is small, not absent."""
    lengths = np.linalg.norm(design, axis=0)
    if not lengths.all():
        return False
    return bool(np.linalg.matrix_rank(design / lengths) == design.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class PowerLaw:
    """The regression log y = intercept + exponent log(size) + declared correction columns.

    ``sizes`` has shape (cells,), ``corrections`` (cells, columns). Raises ``InputError`` when the
    cells cannot identify its parameters.
    """

    sizes: FloatArray
    corrections: FloatArray
    axis: str

    def __post_init__(self) -> None:
        columns = self.design_matrix.shape[1]
        if not _identifies(self.design_matrix):
            raise InputError(
                f"{len(self.sizes)} cells along {self.axis} cannot identify {columns} regression "
                "parameters; add cells of different size or drop a correction column"
            )

    @classmethod
    def of_cells(
        cls, cells: Sequence[Cell], axis: Axis, corrections: Sequence[Power] = ()
    ) -> PowerLaw:
        """The law along one axis of networks, corrections being powers of width and depth."""
        sizes = np.array([float(cell.along(axis)) for cell in cells])
        columns = np.array([[power.at(cell) for power in corrections] for cell in cells])
        return cls(sizes, columns.reshape(len(cells), len(corrections)), str(axis))

    @property
    def log_size(self) -> FloatArray:
        """log of the size along the axis: shape (cells,)."""
        return np.log(self.sizes)

    @property
    def design_matrix(self) -> FloatArray:
        """Columns 1, log size, corrections: shape (cells, 2 + corrections)."""
        return np.column_stack([np.ones(len(self.sizes)), self.log_size, self.corrections])

    def coefficients(self, logs: FloatArray) -> FloatArray:
        """Least-squares coefficients: (..., cells) to (..., 2 + corrections)."""
        solved: FloatArray = logs @ np.linalg.pinv(self.design_matrix).T
        return solved

    def exponents(self, logs: FloatArray) -> FloatArray:
        """The exponent of every replicate: (..., cells) to (...)."""
        solved: FloatArray = logs @ np.linalg.pinv(self.design_matrix)[1]
        return solved

    def curvature(self, logs: FloatArray) -> FloatArray | None:
        """How far the local exponent moves from the middle of the range to its end.

        From an added (log size)^2 term; ``None`` when no degree of freedom is left to see one.
        """
        centred = self.log_size - self.log_size.mean()
        design = np.column_stack([self.design_matrix, centred**2])
        if len(self.sizes) <= design.shape[1] or not _identifies(design):
            return None
        movement: FloatArray = logs @ np.linalg.pinv(design)[-1] * np.ptp(self.log_size)
        return movement

    def without_smallest(self, logs: FloatArray) -> FloatArray | None:
        """Exponent without the smallest size minus exponent with it.

        ``None`` when too few sizes would remain to leave a degree of freedom.
        """
        larger = self.sizes > self.sizes.min()
        columns = self.design_matrix[larger]
        if len(columns) <= columns.shape[1] or not _identifies(columns):
            return None
        smaller = PowerLaw(self.sizes[larger], self.corrections[larger], self.axis)
        return smaller.exponents(logs[..., larger]) - self.exponents(logs)

    def lack_of_fit(self, logs: FloatArray) -> FloatArray | None:
        """p-value of "the mean over replicates obeys this law": (replicates, columns, cells) to
        (columns,).

        Hotelling's T^2 of the mean of all contrasts of cells that the law says are zero, with the
        covariance that replicates show; ``None`` when the cells are all needed for the fit, or the
        replicates are too few. (``test_mvmean`` of statsmodels for many columns at once.)
        """
        replicates, count = len(logs), len(self.sizes) - self.design_matrix.shape[1]
        if count == 0 or replicates <= count + 1:
            return None
        # The design has full column rank: the last rows span what the law says is zero.
        contrasts = np.linalg.svd(self.design_matrix.T)[2][-count:].T
        projected = logs @ contrasts
        mean = projected.mean(axis=0)
        centred = projected - mean
        covariance = np.einsum("rki,rkj->kij", centred, centred) / (replicates - 1)
        # Where replicates show no spread, what is left is rounding.
        rounding = np.square(np.finfo(np.float64).eps * np.maximum(np.abs(logs).max((0, 2)), 1.0))
        least = 1e-12 * np.trace(covariance, axis1=1, axis2=2) + rounding
        covariance += least[:, None, None] * np.eye(count)
        distance = np.einsum("ki,ki->k", mean, np.linalg.solve(covariance, mean[..., None])[..., 0])
        scale = replicates * (replicates - count) / (count * (replicates - 1))
        return fisher_above(distance * scale, count, replicates - count)

    def local_exponents(self, logs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Exponents between neighbouring sizes: the sizes, and samples (..., sizes - 1)."""
        sizes = np.unique(self.sizes)
        means = np.stack([logs[..., self.sizes == size].mean(axis=-1) for size in sizes], axis=-1)
        return sizes, np.diff(means, axis=-1) / np.diff(np.log(sizes))

    def extrapolated(self, logs: FloatArray, size: float, corrections: FloatArray) -> FloatArray:
        """The logarithm at a further size, with its corrections: (..., cells) to (...)."""
        row = np.concatenate([[1.0, np.log(size)], corrections])
        value: FloatArray = self.coefficients(logs) @ row
        return value

    def fitted(self, logs: FloatArray) -> FloatArray:
        """Fitted values on the original scale, geometric mean over replicates: (cells,)."""
        curve: FloatArray = np.exp(self.design_matrix @ self.coefficients(logs).mean(axis=0))
        return curve

    def cluster_robust(self, logs: FloatArray, level: float) -> Interval:
        """The exponent from pooled OLS with errors clustered by replicate: logs (R, cells).

        A cross-check by other means, never the verdict; the numbers of ``OLS.fit(cov_type=
        "cluster", use_t=True)`` of statsmodels.
        """
        replicates = len(logs)
        if replicates < 2:
            raise InputError("one replicate has no spread; measure at least two")
        design = self.design_matrix
        inverse = np.linalg.inv(design.T @ design) / replicates
        mean = logs.mean(axis=0)
        coefficients = replicates * inverse @ design.T @ mean
        scores = (logs - design @ coefficients) @ design
        small = replicates / (replicates - 1) * (logs.size - 1) / (logs.size - design.shape[1])
        covariance = small * inverse @ (scores.T @ scores) @ inverse
        reach = student_quantile(1.0 - level / 2.0, replicates - 1) * float(covariance[1, 1]) ** 0.5
        estimate = float(coefficients[1])
        return Interval(estimate, estimate - reach, estimate + reach, level)
