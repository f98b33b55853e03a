"""The document of a comparison: what changed between two runs. Imports pydantic and ``theory``."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from theory.verdict import Verdict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Kind(StrEnum):
    """What happened to a verdict, what matters most first."""

    VERDICT = "verdict changed"
    MOVED = "moved"
    NEW = "new"
    GONE = "gone"


class Side(_Frozen):
    """What one run says: a verdict, and the estimate that is compared."""

    verdict: Verdict | None
    estimate: float | None


class Difference(_Frozen):
    """The estimate after less the one before, with their joint interval."""

    estimate: float
    low: float
    high: float
    confidence: float


class Change(_Frozen):
    """What changed of one verdict."""

    name: str
    kind: Kind
    before: Side | None = Field(description="None where only the second run has it")
    after: Side | None = Field(description="None where only the first run has it")
    cell: str = Field(description="the cell that moved most, where each cell has an estimate")
    difference: Difference | None
    moved: bool = Field(description="whether the joint interval excludes no difference at all")


class Comparison(_Frozen):
    """Two runs side by side."""

    schema_version: Literal["compare-1"] = "compare-1"
    before: str
    after: str
    compared: int = Field(description="verdicts that both runs have")
    changed: bool
    family_alpha: float = Field(description="of any estimate at all that is said to have moved")
    changes: list[Change]
    notes: list[str] = Field(description="what a reader should know, one line each")
