"""The report as a document: what a campaign found, in a form that is saved, checked and rendered.

Imports pydantic and ``theory``; ``reports``, matplotlib and pandas for what a notebook shows. The
JSON Schema of this module ships beside it
(``schema/report-3.schema.json``); ``schema_version`` changes when the document does.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from theory.expectations import Summary
from theory.prediction import Profile, Standing
from theory.verdict import ReasonKind, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SCHEMA_VERSION: Literal["3.0"] = "3.0"


class _Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields. nan and inf are written as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class ReasonEntry(_Frozen):
    """One reason of a verdict as data; ``reports.reasons`` makes its words."""

    kind: ReasonKind
    places: list[str] = Field(description="cells, or the name and the verdict of a control")
    numbers: dict[str, float] = Field(description="by the names that its kind has for them")
    because: list[ReasonEntry] = Field(description="the reasons behind this one")


class IntervalEntry(_Frozen):
    """An estimate with its interval, and the confidence of that interval."""

    estimate: float
    low: float
    high: float
    confidence: float


class LocalExponentEntry(_Frozen):
    """The exponent between two neighbouring sizes, with its 95 percent interval."""

    smaller: float
    larger: float
    interval: IntervalEntry


class ExtrapolationEntry(_Frozen):
    """What the fit says beyond the grid: the value at a further size, with its 95 percent ends."""

    size: float
    value: float
    low: float
    high: float


class ChecksEntry(_Frozen):
    """Checks on an exponent's fit; ``None`` where too few cells or replicates allow none."""

    without_smallest: IntervalEntry | None = Field(
        description="movement of the exponent when the smallest size is left out"
    )
    curvature: IntervalEntry | None = Field(
        description="movement of the local exponent from mid-range to the end of the range"
    )
    lack_of_fit: float | None = Field(
        description="p-value of the declared law: Hotelling's T^2 of what it says is zero"
    )
    trimmed: float = Field(description="mean exponent without a fifth of replicates at either end")
    clustered: IntervalEntry = Field(
        description="the exponent by pooled least squares with errors clustered by replicate"
    )
    local_exponents: list[LocalExponentEntry]
    extrapolation: ExtrapolationEntry | None = Field(
        description="at twice the largest size; None where a correction column is not known there"
    )


class LookEntry(_Frozen):
    """One look at the measurements: how many replicates, judged at which confidence, and how."""

    replicates: int
    confidence: float
    estimate: float | None
    interval: tuple[float, float] | None
    verdict: Verdict
    reasons: list[ReasonEntry]
    reason: str = Field(description="the reasons in words")


class VerdictEntry(_Frozen):
    """What was decided about one relation, and why."""

    verdict: Verdict
    relation: str
    predicted: float
    margin: float
    band: tuple[float | None, float | None] = Field(
        description="where the interval has to lie to accept; None for an end at infinity"
    )
    estimate: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    replicates: int
    replicates_needed: int | None
    reasons: list[ReasonEntry]
    reason: str = Field(description="the reasons in words")
    looks: list[LookEntry]


class ControlEntry(VerdictEntry):
    """A negative control: its verdict must be ``rejected``."""

    name: str
    setting: str
    of_rates: bool = Field(
        description="what is shifted are the base rates of training, and not the measurement"
    )
    shifted: str | None = Field(
        description="the known power, such as L^1/2, by which its measurement is the claim's own "
        "times a factor; None where it is a measurement of its own"
    )


class CellEntry(_Frozen):
    """One point of the plot: the mean over replicates (of the logarithm, for exponents)."""

    label: str
    size: float = Field(description="along the axis of the relation")
    measured: float
    low: float
    high: float
    fitted: float | None
    predicted: float | None = Field(description="only where the theory gives a value")
    values: tuple[float, ...] = Field(
        default=(),
        exclude=True,
        repr=False,
        description="what each replicate gave, where it is known; the store keeps it, no document",
    )


class RivalEntry(VerdictEntry):
    """Another source's statement about the same measurements."""

    sentence: str
    citation: str
    recorded: Verdict | None
    scale: Summary = Field(description="how the statistic is made of the cells")
    cells: list[CellEntry] = Field(description="what its own relation reads of each cell")
    control: ControlEntry


class CampaignEntry(_Frozen):
    """A campaign about the same prediction whose measurements are kept in the same place."""

    seed: int
    profile: Profile
    margin: float
    family: int = Field(description="number of predictions that were judged together")
    verdict: Verdict | None = Field(description="None while it was not finished")
    this: bool


class PredictionEntry(VerdictEntry):
    """One prediction: the claim, the regime in which it was tried, and all that was found."""

    id: str
    sentence: str
    citation: str
    standing: Standing | None = Field(
        description="a sentence of the source, one of several readings of it, or the project's "
        "own; None for a table"
    )
    twin: str | None = Field(description="the id of the other reading, where there is one")
    observable: str
    definition: str
    plotted: str = Field(description="what the cells hold: the observable, a ratio or a best rate")
    scale: Summary = Field(description="how the statistic is made of the cells")
    setting: str
    parameterization_source: str
    axis: str
    corrections: list[str]
    margin_reason: str
    design: str | None = Field(
        description="digest of everything that was fixed about it before the run; None for a table"
    )
    engines: dict[str, list[str]] = Field(
        description="which cells of its setting were run by which engine; none for a table"
    )
    recorded: Verdict | None
    checks: ChecksEntry | None
    cells: list[CellEntry]
    controls: list[ControlEntry]
    rival: RivalEntry | None
    campaigns: list[CampaignEntry] = Field(
        description="every campaign about this prediction in the same store: other seeds, margins "
        "and grids, whatever they gave"
    )
    command: str


class Times(_Frozen):
    """The only part of a report that differs between two runs with the same seed."""

    started: str
    seconds: float


class Environment(_Frozen):
    """Versions of what computed the numbers."""

    scaleproof: str
    python: str
    torch: str | None = Field(description="None where no network was run")
    numpy: str
    scikit_learn: str | None = Field(description="whose digits are trained on; as torch")
    device: str | None


class Report(_Frozen):
    """A campaign: its design, its verdicts, and the command that reproduces it."""

    schema_version: Literal["3.0"] = SCHEMA_VERSION
    profile: Profile | None = Field(description="None for a table of measurements")
    seed: int | None
    table: str | None = Field(description="the table that was judged, if one was")
    images: str | None = Field(description="what was trained on, where it is not digits")
    predictions_from: str | None = Field(
        default=None, description="the file of the predictions, where it is not the catalogue"
    )
    engine: str | None = Field(description="the forced one, or auto; None for a table")
    code: str | None = Field(description="digest of the code that measured; None for a table")
    family: int = Field(description="number of relations judged together")
    family_alpha: float = Field(description="nominal family-wise error rate")
    looks: int = Field(description="announced looks, which share the error rate equally")
    complete: bool
    command: str
    environment: Environment
    times: Times
    predictions: list[PredictionEntry]
    left_out: dict[str, str] = Field(
        default={}, description="groups of a table without a verdict, and why they have none"
    )

    def __repr__(self) -> str:
        """One line for a prompt or a log."""
        from reports.text import source_text, summary

        return f"Report({source_text(self)}: {summary(self)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """A table of verdicts for a notebook."""
        from reports.notebook import table_html
        from reports.outcome import judged
        from reports.text import estimate_text, predicted_text

        return table_html(
            repr(self),
            ("prediction", "verdict", "on record", "measured", "predicted"),
            (
                (name, one.verdict, one.recorded or "-", estimate_text(one), predicted_text(one))
                for name, one in judged(self).items()
            ),
        )

    def to_frame(self) -> pd.DataFrame:
        """One row for every verdict: predictions, each followed by its rival."""
        import pandas as pd

        from reports.outcome import judged

        return pd.DataFrame(
            {
                "id": name,
                "verdict": str(one.verdict),
                "recorded": None if one.recorded is None else str(one.recorded),
                "estimate": one.estimate,
                "low": None if one.interval is None else one.interval[0],
                "high": None if one.interval is None else one.interval[1],
                "predicted": one.predicted,
                "margin": one.margin,
                "replicates": one.replicates,
                "relation": one.relation,
                "reason": one.reason,
            }
            for name, one in judged(self).items()
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """A forest: every estimate with its interval, in margins about what is predicted."""
        from reports.outcome import judged
        from reports.plots import draw_forest, forest_rows, new_axes

        rows = forest_rows(list(judged(self).items()))
        axes = new_axes(len(rows)) if ax is None else ax
        draw_forest(axes, rows)
        return axes


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the report, made from this module.

    >>> from scaleproof import json_schema
    >>> json_schema()["title"]
    'Report'
    """
    return Report.model_json_schema(mode="serialization")


def shipped_json_schema() -> str:
    """The text of the schema that is shipped with the package.

    >>> import json
    >>> from scaleproof import json_schema, shipped_json_schema
    >>> json.loads(shipped_json_schema()) == json_schema()
    True
    """
    path = files("reports").joinpath("schema", "report-3.schema.json")
    return path.read_text(encoding="utf-8")
