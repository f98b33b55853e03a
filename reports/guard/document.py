"""The document of a guard: what was measured of somebody's network, and what is wrong with it.

Imports pydantic and ``theory``. The JSON Schema ships beside the report's
(``schema/guard-1.schema.json``); ``schema_version`` changes when the document does.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from theory.module_scaling import Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict

SCHEMA_VERSION: Literal["1.0"] = "1.0"

# Where a network diverges, JSON has the name of what is no number.
_Number = Annotated[
    float,
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
        mode="serialization",
    ),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Interval(_Frozen):
    """An exponent with its interval, and the confidence of that interval."""

    estimate: _Number
    low: _Number
    high: _Number
    confidence: float


class Entry(_Frozen):
    """One exponent of one module or parameter along one axis, and what is said of it."""

    axis: Axis
    module: str = Field(description="its name in the model; (output) for the model's own output")
    parameter: str | None = Field(description="None for what a module's output does")
    quantity: Quantity
    step: int = Field(description="after so many steps; 0 at initialization")
    verdict: Verdict | None = Field(description="None where it is shown and not judged")
    interval: Interval
    expected: list[str] = Field(
        description="exponents, any of which is right, such as -1/2, or 'at most 0'; none where "
        "nothing is demanded"
    )
    margin: float
    slopes: dict[int, _Number] = Field(description="by seed")
    values: dict[int, _Number] = Field(description="geometric mean over seeds, by size")
    seeds_needed: int | None = Field(
        description="of an inconclusive entry: seeds that would decide, if spread and estimate "
        "stay; None where more than a million would be needed"
    )
    note: str = Field(description="a finding that changed the verdict, or nothing")


class Mend(_Frozen):
    """A change that would set a fault right: a power of the size on one thing."""

    on: Literal["initialization", "multiplier", "rate", "epsilon", "decay", "attention scale"]
    power: str = Field(description="of width or depth, the nearest quarter, such as -1/2")
    sentence: str


class Fault(_Frozen):
    """A cause: parameters or modules that share what is wrong with them."""

    axis: Axis
    cause: Literal[
        "initialization",
        "multiplier",
        "rate",
        "epsilon",
        "decay",
        "attention scale",
        "depth multiplier",
        "depth rate",
        "divergence",
        "optimizer",
        "unexplained",
    ]
    parameters: list[str] = Field(description="as in the model, * for the number of a block")
    modules: list[str]
    quantity: Quantity
    exponent: _Number = Field(description="measured minus expected")
    interval: Interval = Field(description="of the measured exponent, of the clearest parameter")
    expected: str
    sentence: str
    spoils: list[str] = Field(description="what else is off, and goes when this is mended")
    mend: Mend | None
    verified: bool | None = Field(description="on fresh seeds; None where undecided or not tried")
    verification: str = Field(description="what was seen when the mend was tried, or nothing")


class Run(_Frozen):
    """What was measured along one axis."""

    axis: Axis
    sizes: list[int]
    other: int | None = Field(description="the size along the other axis, if there is one")
    seeds: list[int]
    looks: list[int] = Field(description="seeds after each look that was taken")


class Change(_Frozen):
    """An exponent that moved against the lock file."""

    axis: Axis
    module: str
    parameter: str | None
    quantity: Quantity
    step: int
    before: float | None = Field(description="None where the lock file does not have it")
    after: float | None = Field(description="None where it is not measured any more")
    interval: Interval | None = Field(description="of the difference")
    paired: bool
    is_fault: bool = Field(description="whether it is rejected now")


class RateMove(_Frozen):
    """Whether the best rate moves along an axis."""

    axis: Axis
    rates: list[float]
    verdict: Verdict
    interval: Interval | None
    curves: dict[int, list[_Number]] = Field(description="mean loss at each rate, by size")
    reason: str


class GuardReport(_Frozen):
    """A guard's run: verdicts on every module and parameter, and the causes of what is wrong."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    target: str
    demand: Demand
    ok: bool = Field(description="no fault, nothing rejected and nothing undecided")
    exit_code: int = Field(description="0 healthy, 1 a fault, 3 undecided, 4 interrupted")
    runs: list[Run]
    steps: list[int]
    family: int = Field(description="entries that are judged together")
    family_alpha: float
    looks: int = Field(description="announced looks, which share the error rate equally")
    faults: list[Fault]
    entries: list[Entry]
    notes: list[str] = Field(description="what a reader should know, one line each")
    lock: str | None = Field(description="the lock file that was compared")
    changes: list[Change]
    rates: list[RateMove]
    versions: dict[str, str]
    seconds: float


def guard_json_schema() -> dict[str, Any]:
    """The JSON Schema of the document, made from this module."""
    return GuardReport.model_json_schema(mode="serialization")


def shipped_guard_json_schema() -> str:
    """The text of the schema that is shipped with the package."""
    path = files("reports").joinpath("schema", "guard-1.schema.json")
    return path.read_text(encoding="utf-8")
