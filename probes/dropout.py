"""What dropout keeps, for every replicate on its own. Imports torch, numpy and ``theory``."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor


class Masks:
    """For each weight, which coordinates of what enters it are kept, in every pass.

    Drawn when they are first met, in the order of the pass, by the generator of each replicate.
    """

    def __init__(self, dropout: Fraction, generators: Sequence[np.random.Generator]) -> None:
        self._dropped, self._generators = float(dropout), tuple(generators)
        self._factors: dict[Hashable, Tensor] = {}

    def apply(self, key: Hashable, entering: Tensor) -> Tensor:
        """Coordinates (R, B, n) that are 0 or 1 / (1 - p) times as large."""
        if key not in self._factors:
            shape = entering.shape[1:]
            kept = np.stack([each.random(shape, np.float32) for each in self._generators])
            factors = torch.from_numpy(kept >= self._dropped).to(entering) / (1 - self._dropped)
            self._factors[key] = factors
        return entering * self._factors[key]
