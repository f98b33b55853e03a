"""What a convolution sees: the positions of a window, side by side. Imports torch and ``theory``.

A convolution is a matrix that multiplies windows, so that both engines hold its weights as they
hold others, and a matrix-free one is a Gaussian matrix that is asked windows.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import torch
from torch import Tensor

from theory.convolution import Convolution


@cache
def neighbours(convolution: Convolution) -> Tensor:
    """(positions, taps): which position each place of each window holds.

    Positions count along the rows of a grid; ``positions``, one more than there are, is nothing.
    """
    side, reach = convolution.side, convolution.kernel // 2
    offsets = list(product(range(-reach, reach + 1), repeat=convolution.dimensions))
    found = []
    for place in product(range(side), repeat=convolution.dimensions):
        for offset in offsets:
            seen = [i + o for i, o in zip(place, offset, strict=True)]
            if convolution.loses_signal and not all(0 <= i < side for i in seen):
                found.append(convolution.positions)
                continue
            index = 0
            for i in seen:
                index = index * side + i % side
            found.append(index)
    return torch.tensor(found).view(convolution.positions, convolution.taps)


def windows(states: Tensor, convolution: Convolution) -> Tensor:
    """(R, B positions, n) to (R, B positions, taps n); nothing is 0."""
    members, rows, width = states.shape
    by_input = states.view(members, rows // convolution.positions, convolution.positions, width)
    if convolution.loses_signal:
        by_input = torch.nn.functional.pad(by_input, (0, 0, 0, 1))
    index = neighbours(convolution).to(states.device)
    return by_input[:, :, index].reshape(members, rows, -1)
