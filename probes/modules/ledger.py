"""What is known of a network's parameters while a cell is measured.

The measuring of a cell and the attribution of a step both write into it. Imports ``probes`` only.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from probes.modules.problem import Cell, Mending, Problem, ReadFacts
from probes.modules.training import owners_of


class Ledger:
    """A problem, its parameters by id, and what is known of them so far."""

    def __init__(
        self,
        problem: Problem,
        steps: tuple[int, ...],
        degrees: Mapping[int, int],
        mending: Mapping[str, Mending],
        known: dict[Hashable, ReadFacts],
    ) -> None:
        self.problem, self.steps, self.known = problem, steps, known
        self.cell = Cell()
        named = dict(problem.model.named_parameters())
        self.names = {id(p): name for name, p in named.items() if p.requires_grad}
        self.parameters = {id(p): p for p in named.values() if p.requires_grad}
        self.owner = owners_of(problem, self.parameters)
        self.seen: set[int] = set()  # whose rate has a number
        self.unseen: dict[int, str] = {}  # why nothing is known of a parameter's rate
        self.degrees = {key: degrees.get(place[0], 0) for key, place in self.owner.items()}
        self.mending = {key: mending[name] for key, name in self.names.items() if name in mending}
        self.attributed: set[int] = set()
        self.silent: set[int] = set()  # whose gradient is rounding
        self.facts: dict[tuple[str, int], ReadFacts] = {}
