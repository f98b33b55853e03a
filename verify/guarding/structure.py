"""What grows, what is repeated along depth, and the role of every read. Imports ``theory``.

Roles come from shapes at the smallest and the largest size. Blocks come from the order of reads:
the longer network has a section more, which repeats one sequence of shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from theory.errors import InputError
from theory.module_scaling import ReadRole
from theory.scaling import Axis

if TYPE_CHECKING:
    from probes.modules.problem import Cell, ReadFacts


@dataclass(frozen=True, slots=True)
class Line:
    """One read of one parameter, or of the same parameter in every block.

    ``members``: by size, the parameters and reads that are one. ``group``: lines of one group are
    the same parameter of other blocks; their noise is alike.
    """

    parameter: str
    read: int
    module: str
    role: ReadRole
    members: Mapping[int, tuple[tuple[str, int], ...]]
    group: str
    scores: tuple[str, ...]
    order: int
    rates: Mapping[int, float]

    @property
    def parameter_itself(self) -> str:
        """The parameter's name, without the number of the read."""
        return self.parameter.partition(" (read")[0]


def folded(name: str) -> str:
    """A name with the numbers among its parts replaced by ``*``."""
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def lines_of(cells: Mapping[int, Cell], axis: Axis, degrees: Mapping[str, int]) -> list[Line]:
    """All lines, in the order of first reads; cells by size, of one seed."""
    if axis is Axis.WIDTH:
        return _lines_in_width(cells, degrees)
    return _lines_in_depth(cells, degrees)


def _lines_in_width(cells: Mapping[int, Cell], degrees: Mapping[str, int]) -> list[Line]:
    sizes = sorted(cells)
    facts = {size: {(r.parameter, r.read): r for r in cells[size].reads} for size in sizes}
    small, large = facts[sizes[0]], facts[sizes[-1]]
    lines: list[Line] = []
    for order, (key, one) in enumerate(large.items()):
        if any(key not in facts[size] for size in sizes):
            continue
        role = _role(small[key], one, degrees)
        lines.append(
            Line(
                parameter=one.parameter + (f" (read {one.read + 1})" if one.read else ""),
                read=one.read,
                module=one.parameter.rpartition(".")[0],
                role=role,
                members=dict.fromkeys(sizes, (key,)),
                group=folded(one.parameter) + str(one.read),
                scores=one.scores,
                order=order,
                rates={size: facts[size][key].rate for size in sizes},
            )
        )
    return lines


def _role(small: ReadFacts, large: ReadFacts, degrees: Mapping[str, int]) -> ReadRole:
    return ReadRole(
        contraction_grows=large.fan_in > small.fan_in,
        output_grows=large.features > small.features,
        growing=sum(a != b for a, b in zip(small.shape, large.shape, strict=True)),
        fan_in=large.fan_in,
        linear=large.degree_of_input == 1,
        additive=large.additive,
        lookup=large.integer_input,
        dimensions=sum(size > 1 for size in large.shape),
        inner=large.inner,
        feeds_scores=bool(large.scores),
        ends_branch=large.ends_branch,
        on_stream=large.on_stream,
        follows_gradient=degrees.get(large.parameter, 0) == 1,
    )


@dataclass(frozen=True, slots=True)
class Blocks:
    """Reads before the blocks, reads of a block, and reads after: numbers of them."""

    before: int
    period: int
    after: int

    def count(self, reads: int) -> int:
        """How many blocks a network with so many reads has."""
        return (reads - self.before - self.after) // self.period


def blocks_of(shorter: Sequence[object], longer: Sequence[object]) -> Blocks | None:
    """What is repeated: the two sequences of signatures differ by whole repetitions.

    ``None`` where they do not differ so.
    """
    added = len(longer) - len(shorter)
    if added <= 0:
        return None
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    if list(longer[start + added :]) != list(shorter[start:]):
        return None
    section = longer[start : start + added]
    period = next(
        b
        for b in range(1, added + 1)
        if added % b == 0 and all(section[i] == section[i - b] for i in range(b, added))
    )
    first, end = start, start + added
    while first and longer[first - 1] == longer[first - 1 + period]:
        first -= 1
    while end < len(longer) and longer[end] == longer[end - period]:
        end += 1
    end = first + (end - first) // period * period
    return Blocks(first, period, len(longer) - end)


def _lines_in_depth(cells: Mapping[int, Cell], degrees: Mapping[str, int]) -> list[Line]:
    sizes = sorted(cells)
    reads = {size: cells[size].reads for size in sizes}
    signatures = {size: [_signature(one) for one in reads[size]] for size in sizes}
    blocks = blocks_of(signatures[sizes[0]], signatures[sizes[-1]])
    if blocks is None:
        raise InputError(
            f"depths {sizes[0]} and {sizes[-1]}: the deeper network is not the other one with "
            "more of the same blocks; expected one kind of block, repeated"
        )
    largest = reads[sizes[-1]]
    lines = []
    places = [*range(blocks.before + blocks.period), *range(-blocks.after, 0)]
    for order, place in enumerate(places):
        in_block = blocks.before <= place < blocks.before + blocks.period
        members = {size: _members(reads[size], blocks, place) for size in sizes}
        chosen = members[sizes[-1]]
        one = chosen[len(chosen) // 2]
        role = replace(
            _role(one, one, degrees),
            in_block=in_block,
            has_branches=in_block and _has_branches(largest, blocks),
        )
        names = _merged([m.parameter for m in chosen])
        lines.append(
            Line(
                parameter=names + (f" (read {one.read + 1})" if one.read else ""),
                read=one.read,
                module=names.rpartition(".")[0],
                role=role,
                members={
                    size: tuple((m.parameter, m.read) for m in members[size]) for size in sizes
                },
                group=names + str(one.read),
                scores=tuple(sorted({folded(s) for m in chosen for s in m.scores})),
                order=order,
                rates={size: members[size][0].rate for size in sizes},
            )
        )
    return lines


def _signature(one: ReadFacts) -> tuple[object, ...]:
    """What tells a read of a block from its neighbours."""
    shown = (one.operation, one.shape, one.fan_in, one.read, one.degree_of_input, one.additive)
    return *shown, one.ends_branch, bool(one.scores), one.inner


def _has_branches(reads: Sequence[ReadFacts], blocks: Blocks) -> bool:
    end = blocks.before + blocks.period
    return any(one.ends_branch for one in reads[blocks.before : end])


def _members(reads: Sequence[ReadFacts], blocks: Blocks, place: int) -> tuple[ReadFacts, ...]:
    if place < 0:
        return (reads[len(reads) + place],)
    if place < blocks.before:
        return (reads[place],)
    return tuple(reads[place : len(reads) - blocks.after : blocks.period])


def _merged(names: Sequence[str]) -> str:
    """One name for all: parts in which they differ become ``*``."""
    split = [name.split(".") for name in names]
    if len({len(parts) for parts in split}) != 1:
        return names[0]
    return ".".join(parts[0] if len(set(parts)) == 1 else "*" for parts in zip(*split, strict=True))
