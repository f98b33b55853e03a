"""The catalogue as pages, one a claim. Imports ``theory`` and ``verify``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from theory.catalogue import PREDICTIONS
from theory.catalogue.records import Recorded, records_of
from theory.prediction import Prediction, Profile
from verify.cli.catalogue import details
from verify.documents.markdown import markdown_table
from verify.documents.tables import predicted, standing

_HEADING = re.compile(
    r"^### (?P<first>[A-Z]\d+)(?: (?P<how>to|and) (?P<last>[A-Z]\d+))?: .*$", re.M
)
_SECTIONS = {
    "A": "Feature learning dynamics in residual networks",
    "B": "Arithmetic-mean muP",
    "C": "What both build on",
    "X": "Beyond the sources",
}
_SHOWN = (
    "observable", "setting", "parameterization", "relation", "origin", "margin", "margin_reason",
    "corrections", "quick", "standard", "full", "controls", "rival", "rival_control", "citation",
    "on_record",
)  # fmt: skip


def pages(docs: Path) -> dict[str, str]:
    """Return a page for every claim, and one that lists them, by the names of their files."""
    findings = _findings((docs / "findings" / "index.md").read_text(encoding="utf-8"))
    claims = _claims()
    texts = {
        f"catalogue/{claim}.markdown": _page(claim, of_claim, findings)
        for claim, of_claim in claims.items()
    }
    texts["catalogue/index.markdown"] = _index(claims, findings)
    return texts


def _claims() -> dict[str, tuple[Prediction, ...]]:
    """The predictions of every claim, claims in the order of the alphabet and of numbers."""

    def key(prediction: Prediction) -> tuple[str, int]:
        claim = prediction.id.partition(".")[0]
        return claim[0], int(claim[1:] or 0)

    ordered = sorted(PREDICTIONS, key=key)
    return {f"{s}{n or ''}": tuple(of) for (s, n), of in groupby(ordered, key=key)}


def _findings(text: str) -> dict[str, tuple[str, str]]:
    """What the findings say in the heading about a claim, and the anchor of that heading."""
    found = {}
    for match in _HEADING.finditer(text):
        heading = match[0].removeprefix("### ")
        section, first = match["first"][0], int(match["first"][1:])
        last = int(match["last"][1:]) if match["last"] else first
        numbers = range(first, last + 1) if match["how"] != "and" else (first, last)
        for number in numbers:
            title = heading.partition(": ")[2]
            found[f"{section}{number}"] = (title, _anchor(heading))
    found["X"] = (_SECTIONS["X"].lower(), "x-beyond-the-sources")
    return found


def _anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _index(
    claims: Mapping[str, tuple[Prediction, ...]], findings: Mapping[str, tuple[str, str]]
) -> str:
    lines = ["# Catalogue by claim", ""]
    lines += [
        "Each claim has a page with its predictions, their verdicts and how they are tried.",
        "",
    ]
    for section, of_section in groupby(claims, key=lambda claim: claim[0]):
        rows = [(f"[{c}]({c}.markdown)", findings[c][0], *_counts(claims[c])) for c in of_section]
        header = ("claim", "in short", "predictions", "accepted", "rejected", "other")
        lines += [f"## {section}. {_SECTIONS[section]}", "", *markdown_table(header, rows), ""]
    lines += ["```{toctree}", ":hidden:", "", *claims, "```", ""]
    return "\n".join(lines)


def _counts(predictions: Iterable[Prediction]) -> tuple[str, ...]:
    """How many there are, and with which verdict on record."""
    verdicts = [found[1].verdict if (found := _latest(p)) else None for p in predictions]
    accepted, rejected = verdicts.count("accepted"), verdicts.count("rejected")  # type: ignore[arg-type]
    rest = len(verdicts) - accepted - rejected
    return str(len(verdicts)), str(accepted), str(rejected), str(rest)


def _latest(prediction: Prediction) -> tuple[Profile, Recorded] | None:
    """What is on record in the standard profile, or else in the full one."""
    for profile in (Profile.STANDARD, Profile.FULL):
        record = records_of(profile).get(prediction.id)
        if record is not None:
            return profile, record
    return None


def _page(
    claim: str, predictions: tuple[Prediction, ...], findings: Mapping[str, tuple[str, str]]
) -> str:
    title, anchor = findings[claim]
    lines = [f"# {claim}: {title}", ""]
    lines += [
        f"*Why the verdicts are what they are:* [findings](../../findings/index.md#{anchor}).",
        "",
    ]
    lines += [f"*Sources as BibTeX:* `scaleproof cite {claim}`.", ""]
    lines += ["## Verdicts on record", "", *_verdicts(predictions), ""]
    for prediction in predictions:
        lines += _section(prediction)
    return "\n".join(lines)


def _verdicts(predictions: Iterable[Prediction]) -> list[str]:
    rows = []
    for prediction in predictions:
        for profile in Profile:
            record = records_of(profile).get(prediction.id)
            if record is not None:
                rows.append(_verdict(prediction, profile, record))
    header = ("prediction", "profile", "verdict", "estimate [interval]", "predicted", "standing")
    return markdown_table((*header, "rival"), rows)


def _verdict(prediction: Prediction, profile: Profile, record: Recorded) -> tuple[str, ...]:
    interval = "-"
    if record.estimate is not None and record.interval is not None:
        low, high = record.interval
        interval = f"{record.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"
    return (
        f"[{prediction.id}](#{_anchor(prediction.id)})",
        str(profile),
        str(record.verdict),
        interval,
        predicted(prediction.relation, float(prediction.margin)),
        standing(prediction, records_of(profile)),
        str(record.rival.verdict) if record.rival else "",
    )


def _section(prediction: Prediction) -> list[str]:
    said = details(prediction)
    rows = [(name.replace("_", " "), _text(said[name])) for name in _SHOWN if said[name]]
    table = markdown_table(("", ""), rows)
    return [f"## {prediction.id}", "", prediction.sentence, "", *table, ""]


def _text(value: object) -> str:
    """A value of a table; its characters mean nothing to Markdown."""
    parts = value if isinstance(value, list) else [value]
    return "<br>".join(re.sub(r"([*_<>\[\]`\\])", r"\\\1", str(part)) for part in parts)
