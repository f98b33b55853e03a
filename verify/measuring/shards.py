"""A campaign in parts that know nothing of each other. Imports ``verify.measuring``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace

from theory.errors import InputError
from verify.measuring.schedule import Group

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``count``; every trial is in one of them.

    Raises ``InputError`` for a number that is none of 1 to ``count``.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= _MOST:
            raise InputError(
                f"shard {self}: expected K/N with K from 1 to N, and N at most {_MOST}, as in 3/16"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def read(cls, text: str) -> Shard:
        """The shard of a text such as 3/16."""
        numbers = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if numbers is None:
            raise InputError(f"shard {text!r}: expected K/N, such as 3/16")
        return cls(int(numbers[1]), int(numbers[2]))

    def part(self, groups: Sequence[Group]) -> list[Group]:
        """The groups of this part, in their order.

        The longest go first, each to the part that has least to do: every part comes to the same
        division, because costs are expected ones.
        """
        if self.count == 1:
            return list(groups)
        loads, ours = [(0.0, part) for part in range(1, self.count + 1)], set()
        for i in sorted(range(len(groups)), key=lambda i: (-groups[i].cost, i)):
            load, part = loads[0]
            heapreplace(loads, (load + groups[i].cost, part))
            if part == self.number:
                ours.add(i)
        return [group for i, group in enumerate(groups) if i in ours]


WHOLE = Shard(1, 1)
