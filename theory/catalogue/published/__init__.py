"""Tables of parameterizations as their sources print them, cell by cell. Imports ``theory`` only.

Each file beside this one is a source, or several on one subject. A cell has its place, a few words
of what it says, and the powers of width and depth that they mean. ``comparison`` holds the tables
against presets and power counting. What a file knows to differ stands there with its reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from theory.scaling import Axis, Power

FILES = ("mup", "depth_mup", "completep", "u_mup", "muon")


class ScaledQuantity(StrEnum):
    """What a cell gives: of an initial weight, in front of it, or of its steps.

    A multiplier stands in front of the weight, a residual one in front of a branch. Decay is the
    factor that the rate multiplies; decay per step is their product.
    """

    VARIANCE = "variance"
    STD = "std"
    MULTIPLIER = "multiplier"
    RATE = "rate"
    EPSILON = "epsilon"
    DECAY = "decay"
    DECAY_PER_STEP = "decay per step"
    RESIDUAL = "residual"


class Side(StrEnum):
    """What a table is held against."""

    PRESET = "preset"
    POWER_COUNTING = "power counting"


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell of a table; ``power`` is ``None`` where it names none.

    ``roles`` are those of theory, or the field's words for what theory does not have.
    """

    row: str
    column: str
    says: str
    roles: tuple[str, ...]
    optimizers: tuple[str, ...]
    quantity: ScaledQuantity
    power: Power | None


@dataclass(frozen=True, slots=True)
class Known:
    """A disagreement that is explained: of a role's quantity, or along an axis in networks."""

    against: Side
    optimizer: str
    what: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One parameterization of one table, and what it is held against.

    ``axes`` are those of which it speaks; ``scales`` says along which of them its source says that
    it works, or that it does not.
    """

    document: str
    read: str
    name: str
    variant: str
    preset: str
    axes: tuple[Axis, ...]
    optimizers: tuple[str, ...]
    networks: tuple[str, ...]
    scales: Mapping[Axis, bool]
    note: str
    entries: tuple[Entry, ...]
    known: tuple[Known, ...]

    def __str__(self) -> str:
        return f"{self.document}, {self.name}: {self.variant}"


@dataclass(frozen=True, slots=True)
class Publication:
    """What a file holds; ``not_found`` names tables whose text could not be had."""

    tables: tuple[Table, ...]
    not_found: tuple[str, ...]


@cache
def publication(name: str) -> Publication:
    """What the file of that name holds."""
    text = files("theory.catalogue.published").joinpath(f"{name}.toml").read_text("utf-8")
    document = tomllib.loads(text)
    shared = {key: document[key] for key in ("document", "read")}
    tables = tuple(table_of(shared | fields) for fields in document["tables"])
    return Publication(tables, tuple(document["not_found"]))


def tables() -> tuple[Table, ...]:
    """Every table of every file."""
    return tuple(table for name in FILES for table in publication(name).tables)


def table_of(fields: dict[str, Any]) -> Table:
    """A table from what a file says of it."""
    optimizers = tuple(fields.pop("optimizers"))
    return Table(
        axes=tuple(map(Axis, fields.pop("axes"))),
        optimizers=optimizers,
        networks=tuple(fields.pop("networks")),
        scales={Axis(axis): said for axis, said in fields.pop("scales", {}).items()},
        note=fields.pop("note", ""),
        entries=tuple(_entry(cell, optimizers) for cell in fields.pop("cells")),
        known=tuple(_known(one) for one in fields.pop("known", ())),
        **fields,
    )


def _entry(fields: dict[str, Any], optimizers: tuple[str, ...]) -> Entry:
    powers = {axis: fields.pop(axis) for axis in Axis if axis in fields}
    return Entry(
        power=None if fields.pop("open", False) else Power(**powers),
        quantity=ScaledQuantity(fields.pop("quantity")),
        roles=tuple(fields.pop("roles")),
        optimizers=tuple(fields.pop("optimizers", optimizers)),
        **fields,
    )


def _known(fields: dict[str, Any]) -> Known:
    return Known(Side(fields.pop("against")), what=tuple(fields.pop("what")), **fields)
