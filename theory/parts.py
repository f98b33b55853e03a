"""What people put into a network besides its weights and activations. Imports ``theory.errors``.

None of it changes an architecture's family; ``theory.architecture`` says which takes what.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts that a network has besides the plain ones; all are absent unless they are named.

    * ``biases``: every weight inside the stack but queries and keys adds a vector b to its product.
    * ``gains``: what enters a branch is multiplied by 1 + g, coordinate by coordinate.
    * ``gated``: branches of two layers are W_2 (phi(W_gate z) * W_1 z) (arXiv 2002.05202).
    * ``tied``: the readout's weight is the embedding's, transposed; it has a multiplier only.
    * ``parallel``: attention and the other branch read the same stream (GPT-J; arXiv 2204.02311).
    * ``grouped``: two heads share their keys and values (arXiv 2305.13245).
    * ``post_norm``: the stream is normalized after each branch, and after the embedding.
    """

    biases: bool = False
    gains: bool = False
    gated: bool = False
    tied: bool = False
    parallel: bool = False
    grouped: bool = False
    post_norm: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Which parts there are."""
        return tuple(part.name for part in fields(self) if getattr(self, part.name))


PLAIN = Parts()
