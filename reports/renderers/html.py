"""The report as one HTML page without network or script. Imports markupsafe and ``reports``."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from reports.document import PredictionEntry, Report
from reports.outcome import agrees
from reports.pages import page_environment
from reports.plots import scaling_plot
from reports.text import (
    campaigns_text,
    engines_text,
    estimate_text,
    family_text,
    left_out,
    predicted_text,
    shifted_text,
    source_text,
    standing_text,
    summary,
)
from theory.verdict import Verdict

_MOST_PLOTS = 50  # of a table: each takes a twentieth of a second


def render(report: Report) -> str:
    """Return the page."""
    environment = page_environment()
    environment.filters |= {
        "estimate": estimate_text,
        "predicted": predicted_text,
        "plot": _plotter(report),
        "agrees": agrees,
        "campaigns": campaigns_text,
        "engines": engines_text,
        "standing": standing_text,
        "shifted": shifted_text,
    }
    template = environment.get_template("report.html.j2")
    texts: dict[str, Callable[[Report], object]] = {"left_out": lambda of: list(left_out(of))}
    texts |= {"summary": summary, "family": family_text, "source": source_text}
    return template.render(report=report, **{name: text(report) for name, text in texts.items()})


def _plotter(report: Report) -> Callable[[PredictionEntry], str]:
    """What draws an entry; of a table of many groups, those that are not accepted come first."""
    by_need = sorted(report.predictions, key=lambda entry: entry.verdict is Verdict.ACCEPTED)
    most = len(by_need) if report.table is None else _MOST_PLOTS
    drawn = {entry.id for entry in by_need[:most]}

    def plot(entry: PredictionEntry) -> str:
        if entry.id not in drawn:
            return f"not drawn: {_MOST_PLOTS} groups are, and first those that are not accepted"
        return Markup(scaling_plot(entry))  # noqa: S704 - matplotlib escapes the text that it draws

    return plot
