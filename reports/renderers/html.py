"""The report as one HTML page that asks for nothing else. Imports markupsafe and ``reports``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from reports.document import PredictionEntry, Report
from reports.figures import figure_keys, scaling_figure
from reports.forest import by_distance, distance, forest_bar, forest_groups, reach_of
from reports.glossary import GLOSSARY
from reports.lines import reads_the_same
from reports.mathml import relation_math, with_powers
from reports.outcome import WORST_FIRST, agrees
from reports.pages import page_environment
from reports.sentences import (
    asked_text,
    controls_text,
    finding_text,
    owner_text,
    record_text,
    source_of,
    tally_text,
    trust_text,
    verdict_sentence,
)
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
)
from theory.prediction import Standing

ORDERS: Mapping[str, str] = {
    "worst": "worst first",
    "far": "furthest from what is predicted",
    "near": "nearest to it",
    "listed": "as in the document",
}


def render(report: Report) -> str:
    """Return the page."""
    reach, ranks = reach_of(report), _ranks(report)
    environment = page_environment()
    environment.filters |= {
        "estimate": estimate_text,
        "predicted": predicted_text,
        "agrees": agrees,
        "campaigns": campaigns_text,
        "engines": engines_text,
        "standing": standing_text,
        "shifted": shifted_text,
        "controls": controls_text,
        "trust": trust_text,
        "tally": tally_text,
        "owner": owner_text,
        "drawn": _drawn,
        "powers": with_powers,
        "keys": figure_keys,
        "same_numbers": lambda entry: reads_the_same(entry, entry.rival),
        "sentence": lambda entry: verdict_sentence(entry, entry.axis),
        "figure": lambda entry: _drawn(scaling_figure(entry)),
        "formula": relation_math,
        "bar": lambda entry: _drawn(forest_bar(entry, reach)),
    }
    # Known to the parts of the page that are imported, too.
    environment.globals |= {"report": report, "data": lambda entry: _data(entry, ranks[entry.id])}
    entries = by_distance(report)
    return environment.get_template("report.html.j2").render(
        entries=entries,
        groups=forest_groups(report, reach),
        reach=reach,
        verdicts=_counts([entry.verdict for entry in entries], WORST_FIRST),
        standings=_counts([entry.standing for entry in entries], Standing),
        sources=sorted({source_of(entry) for entry in entries}),
        orders=ORDERS,
        words=GLOSSARY,
        finding=finding_text(report),
        asked=asked_text(report),
        on_record=record_text(report),
        family=family_text(report),
        source=source_text(report),
        left_out=list(left_out(report)),
    )


def _counts(found: Sequence[object], order: Iterable[object]) -> dict[str, int]:
    """How many there are of each that is there."""
    counts = Counter(found)
    return {str(one): counts[one] for one in order if counts[one]}


def _ranks(report: Report) -> dict[str, dict[str, int]]:
    """The place of each prediction in every order, by its id."""
    entries = report.predictions
    orders = {
        "worst": by_distance(report),
        "far": sorted(entries, key=_how_far, reverse=True),
        "near": sorted(entries, key=_how_far),
        "listed": entries,
    }
    ranks: dict[str, dict[str, int]] = {entry.id: {} for entry in entries}
    for name in ORDERS:
        for rank, entry in enumerate(orders[name]):
            ranks[entry.id][name] = rank
    return ranks


def _how_far(entry: PredictionEntry) -> float:
    """Its distance in margins; what has no estimate is put next to the prediction."""
    return abs(distance(entry) or 0.0)


def _data(entry: PredictionEntry, ranks: Mapping[str, int]) -> Markup:
    """What the script filters and orders by."""
    known = {
        "item": entry.id,
        "verdict": entry.verdict,
        "standing": entry.standing,
        "source": source_of(entry),
    }
    values = {name: value for name, value in known.items() if value is not None} | dict(ranks)
    return Markup(" ").join(
        Markup('data-{}="{}"').format(name, value) for name, value in values.items()
    )


def _drawn(element: str) -> Markup:
    return Markup(element)  # noqa: S704 - what makes an element escapes its text
