"""What is claimed and what was measured, as judging takes them. Imports numpy and ``theory``.

``verify.judging.quantities.claim_of`` is the one place where a claim is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from theory.arrays import BoolArray, FloatArray
from theory.expectations import Band
from theory.relations import Relation
from verify.statistics.regression import PowerLaw


@dataclass(frozen=True, eq=False)
class Claim:
    """A relation about measurements, with everything fixed before the run.

    ``sizes`` (all cells,) are those of all cells along the axis. ``labels`` and ``judged_sizes``
    are of the cells that have a statistic: an excess over the largest size has none there, and a
    carried rate none where it is tuned. ``law`` is the regression of an exponent.
    """

    relation: Relation
    margin: float
    replicates: int
    labels: tuple[str, ...]
    sizes: FloatArray
    judged_sizes: FloatArray
    law: PowerLaw | None
    exact_values: Callable[[], FloatArray] = field(repr=False)

    @property
    def band(self) -> Band:
        """The values of the statistic that accept."""
        return self.relation.band(self.margin)

    @cached_property
    def predicted(self) -> FloatArray:
        """Predicted values (cells,): a number's or a curve's, and ones for any other relation.

        They are computed when they are first needed, because a curve can take seconds.
        """
        return self.exact_values()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Measurements of shape (replicates, cells), or (replicates, cells, rates) of a sweep.

    Diverged trials are infinite or nan. ``other`` holds the second setting of a paired relation,
    ``rates`` the base rates of a sweep (of both settings), ``missing`` (replicates, cells) what was
    never measured.
    """

    values: FloatArray
    other: FloatArray | None = None
    rates: FloatArray | None = None
    missing: BoolArray | None = None
