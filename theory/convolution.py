"""Which positions the weights of a convolutional network see. Imports ``theory`` only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from theory.errors import InputError
from theory.scaling import whole


class Padding(StrEnum):
    """What lies beyond the edge of the grid: its other side, or nothing."""

    CIRCULAR = "circular"
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Convolution:
    """Windows of ``kernel`` positions along each of the ``dimensions`` of a grid.

    The grid has ``side`` positions along each dimension. Raises ``InputError`` for another number
    of dimensions than 1 or 2, an even kernel, or a side that the kernel exceeds.
    """

    dimensions: int = 1
    kernel: int = 3
    side: int = 16
    padding: Padding = Padding.CIRCULAR

    def __post_init__(self) -> None:
        for name, value in (("kernel", self.kernel), ("side", self.side)):
            whole(name, value)
        if self.dimensions not in (1, 2):
            raise InputError(f"dimensions {self.dimensions} of a convolution: expected 1 or 2")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(f"kernel {self.kernel}: expected an odd number, 1, 3, 5 ...")
        if self.side < self.kernel:
            raise InputError(
                f"side {self.side} of a grid: expected at least the kernel, {self.kernel}"
            )

    @property
    def positions(self) -> int:
        """Positions of the grid."""
        return int(self.side**self.dimensions)

    @property
    def taps(self) -> int:
        """Positions of a window."""
        return int(self.kernel**self.dimensions)

    @property
    def loses_signal(self) -> bool:
        """Windows reach beyond the edge, and find nothing there."""
        return self.padding is Padding.ZERO and self.kernel > 1

    def __str__(self) -> str:
        window = "x".join([str(self.kernel)] * self.dimensions)
        grid = "x".join([str(self.side)] * self.dimensions)
        return f"convolutions {window} on {grid}, {self.padding} padding"
