"""The report as a document: what a campaign found, in a form that is saved, checked and rendered.

Imports pydantic and ``theory``. The JSON Schema of this module ships beside it
(``schema/report-1.schema.json``); ``schema_version`` changes when the document does.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from theory.prediction import Profile, Verdict

SCHEMA_VERSION: Literal["1.0"] = "1.0"


class _Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields. nan and inf are written as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class IntervalEntry(_Frozen):
    """An estimate with its interval, and the confidence of that interval."""

    estimate: float
    low: float
    high: float
    confidence: float


class ChecksEntry(_Frozen):
    """Checks on an exponent's fit; ``None`` where too few cells allow none."""

    without_smallest: IntervalEntry | None = Field(
        description="movement of the exponent when the smallest size is left out"
    )
    curvature: IntervalEntry | None = Field(
        description="movement of the local exponent from mid-range to the end of the range"
    )
    clustered: IntervalEntry = Field(
        description="the exponent by pooled least squares with errors clustered by replicate"
    )


class VerdictEntry(_Frozen):
    """What was decided about one relation, and why."""

    verdict: Verdict
    relation: str
    predicted: float
    margin: float
    estimate: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    replicates: int
    replicates_needed: int | None
    reason: str


class ControlEntry(VerdictEntry):
    """A negative control: its verdict must be ``rejected``."""

    name: str
    setting: str


class RivalEntry(VerdictEntry):
    """Another source's statement about the same measurements."""

    sentence: str
    citation: str
    recorded: Verdict | None
    control: ControlEntry


class CellEntry(_Frozen):
    """One point of the plot: the mean over replicates (of the logarithm, for exponents)."""

    width: int
    depth: int
    measured: float
    low: float
    high: float
    fitted: float | None
    predicted: float | None = Field(description="only where the theory gives a value")


class PredictionEntry(VerdictEntry):
    """One prediction: the claim, the regime in which it was tried, and all that was found."""

    id: str
    sentence: str
    citation: str
    observable: str
    definition: str
    setting: str
    parameterization_source: str
    axis: Literal["width", "depth"]
    corrections: list[str]
    margin_reason: str
    recorded: Verdict | None
    checks: ChecksEntry | None
    cells: list[CellEntry]
    controls: list[ControlEntry]
    rival: RivalEntry | None
    command: str


class Times(_Frozen):
    """The only part of a report that differs between two runs with the same seed."""

    started: str
    seconds: float


class Environment(_Frozen):
    """Versions of what computed the numbers."""

    scaleproof: str
    python: str
    torch: str
    numpy: str
    device: str


class Report(_Frozen):
    """A campaign: its design, its verdicts, and the command that reproduces it."""

    schema_version: Literal["1.0"] = SCHEMA_VERSION
    profile: Profile
    seed: int
    family: int = Field(description="number of relations judged together")
    family_alpha: float = Field(description="nominal family-wise error rate")
    complete: bool
    command: str
    environment: Environment
    times: Times
    predictions: list[PredictionEntry]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the report, made from this module."""
    return Report.model_json_schema(mode="serialization")


def shipped_json_schema() -> str:
    """The text of the schema that is shipped with the package."""
    path = files("reports").joinpath("schema", "report-1.schema.json")
    return path.read_text(encoding="utf-8")


def agrees(entry: PredictionEntry | RivalEntry) -> bool:
    """Whether a verdict is the one on record."""
    return entry.verdict == entry.recorded


def judged(report: Report) -> dict[str, PredictionEntry | RivalEntry]:
    """Every verdict of a report by name: predictions, each followed by its rival."""
    entries: dict[str, PredictionEntry | RivalEntry] = {}
    for entry in report.predictions:
        entries[entry.id] = entry
        if entry.rival is not None:
            entries[f"{entry.id}, rival"] = entry.rival
    return entries
