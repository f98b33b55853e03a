"""One judgement for a notebook: its cells as a table, a frame and a figure.

Imports ``reports`` and ``verify``; matplotlib and pandas where they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.document import CellEntry
from reports.notebook import table_html
from theory.errors import InputError
from theory.expectations import Summary
from verify.documents.entries import plot_fields, verdict_fields
from verify.judging.verdict import Judgement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A judgement as ``reports.plots`` draws it."""

    cells: list[CellEntry]
    scale: Summary
    band: tuple[float | None, float | None]
    predicted: float
    relation: str
    axis: str
    plotted: str
    rival: None = None


def _cells(judgement: Judgement) -> list[CellEntry]:
    evidence = judgement.evidence
    return [] if evidence is None else plot_fields(evidence.claim, evidence)["cells"]


def html_of(judgement: Judgement) -> str:
    """The verdict with its reason, and a table of the cells."""
    rows = (
        (one.label, f"{one.measured:.4g}", f"{one.low:.4g} to {one.high:.4g}")
        for one in _cells(judgement)
    )
    caption = f"{judgement!r}: {judgement.reason}"
    return table_html(caption, ("cell", "measured", "95 percent interval"), rows)


def frame_of(judgement: Judgement) -> pd.DataFrame:
    """A row for each cell; none of what could not be summed up."""
    import pandas as pd

    columns = list(CellEntry.model_fields)
    return pd.DataFrame([one.model_dump() for one in _cells(judgement)], columns=columns)


def plot_of(judgement: Judgement, ax: Axes | None) -> Axes:
    """Points, fit, prediction and band; ``InputError`` where nothing could be summed up."""
    from reports.plots import draw_cells, new_axes

    cells, evidence = _cells(judgement), judgement.evidence
    if evidence is None or not cells:
        raise InputError(f"there is nothing to draw ({judgement.reason}); mend the measurements")
    claim = evidence.claim
    fields = verdict_fields(claim, judgement)
    drawn = _Drawn(
        cells=cells,
        scale=claim.relation.summary,
        band=fields["band"],
        predicted=fields["predicted"],
        relation=fields["relation"],
        axis=str(claim.relation.axis),
        plotted="measured",
    )
    axes = new_axes() if ax is None else ax
    draw_cells(axes, drawn)
    return axes
