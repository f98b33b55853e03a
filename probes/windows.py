"""What a convolution sees: the positions of a window, side by side. Imports torch and ``theory``.

A convolution is a matrix that multiplies windows, so that both engines hold its weights as they
hold others, and a matrix-free one is a Gaussian matrix that is asked windows.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from theory.convolution import Convolution


def windows(states: Tensor, convolution: Convolution) -> Tensor:
    """(R, B positions, n) to (R, B positions, taps n), positions counted along rows of the grid."""
    members, rows, width = states.shape
    side, reach = convolution.side, convolution.kernel // 2
    axes = range(2, 2 + convolution.dimensions)
    grid = states.view(members, rows // convolution.positions, *[side for _ in axes], width)
    for axis in axes:
        first, last = grid.narrow(axis, 0, reach), grid.narrow(axis, side - reach, reach)
        if convolution.loses_signal:
            first, last = torch.zeros_like(first), torch.zeros_like(last)
        grid = torch.cat([last, grid, first], axis)
    # Slices and their sums, where an index would be gathered and scattered one by one.
    seen = []
    for offset in product(range(convolution.kernel), repeat=convolution.dimensions):
        part = grid
        for axis, start in zip(axes, offset, strict=True):
            part = part.narrow(axis, start, side)
        seen.append(part)
    return torch.cat(seen, -1).view(members, rows, -1)
