"""A report put on record. Imports pydantic, tomlkit, ``reports``, ``theory`` and ``verify``.

What is not a finished campaign of today's catalogue is refused before anything is written.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypedDict, TypeVar

import numpy as np
import tomlkit
from pydantic import ValidationError
from tomlkit.items import InlineTable, Table

from reports.document import SCHEMA_VERSION, PredictionEntry, Report, VerdictEntry
from theory.catalogue import find
from theory.catalogue.records import Finding, Provenance, Recorded, Records
from theory.errors import InputError
from theory.expectations import Summary
from theory.images import SOURCES
from theory.prediction import Grid, Prediction, Profile, on_images
from theory.verdict import Verdict
from verify.campaign.design import Campaign
from verify.documents.tables import in_catalogue_order
from verify.judging.quantities import at_rate, reading
from verify.statistics.joint import Estimate, standard_errors

DIGITS_KEPT = 4
_HEADER = (
    "Verdicts on record, written by `scaleproof record`; do not edit. The module beside this file",
    "says what its names mean. Margins, grids, looks and controls were fixed before the runs.",
)
_Table = TypeVar("_Table", Table, InlineTable)


def read_report(path: Path) -> Report:
    """A report of this version of the document; ``InputError`` for anything else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a report ({error}); give a report.json") from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path}: a report of schema {version}, and this is scaleproof of schema "
            f"{SCHEMA_VERSION}; judge the campaign again with this version"
        )
    try:
        return Report.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: not a report: {place}: {first['msg']}") from None


def check(report: Report) -> Profile:
    """The profile of a report that can go on record.

    Raises ``InputError`` for one of a table, of an interrupted campaign, of a prediction that the
    catalogue does not have, or has with another design.
    """
    if report.table is not None or report.profile is None:
        raise InputError(
            f"the report is about the table {report.table!r}; what is on record are campaigns: "
            "give the report of scaleproof verify"
        )
    if not report.complete:
        raise InputError(
            f"the campaign was interrupted; continue it with: {report.command}, and give its report"
        )
    for entry in report.predictions:
        _check_design(entry, report.profile)
    return report.profile


def _check_design(entry: PredictionEntry, profile: Profile) -> None:
    prediction = _predicted(entry.id)
    tried, today = _design_of_entry(entry), _design(prediction, profile)
    for name, value in today.items():
        if tried[name] != value:
            raise InputError(
                f"{entry.id} is of another design: {name} {_shown(tried[name])} in the report, "
                f"{_shown(value)} in the catalogue; run the campaign again"
            )
    campaign = Campaign((prediction,), profile, seed=0)
    if entry.design != campaign.designs[prediction.id]:
        raise InputError(
            f"{entry.id} is of another design, in what a report does not spell out: looks, "
            "replicates of controls, learning rates or details of a setting; run the campaign again"
        )


def _shown(value: object) -> str:
    if value is None or isinstance(value, tuple):
        return "; ".join(value or ()) or "none"
    return str(value)


def _predicted(id: str) -> Prediction:
    """The prediction of the catalogue, on the images that its id names."""
    claim, _, images = id.partition("@")
    if not images:
        return find(id)
    in_a_folder = images not in SOURCES and ":" not in images
    prediction = on_images(find(claim), f"{images}:." if in_a_folder else images)
    if prediction.id != id:
        raise InputError(f"{id}: {claim} does not train on images; run the campaign again")
    return prediction


def _design(prediction: Prediction, profile: Profile) -> dict[str, object]:
    """What is fixed before a run, in the words of a report."""
    grid, rival = prediction.regime.grid(profile), prediction.rival
    return {
        "observable": str(prediction.observable),
        "setting": str(prediction.setting),
        "relation": str(prediction.relation),
        "margin": float(prediction.margin),
        "corrections": tuple(str(power) for power in prediction.regime.corrections),
        "grid": tuple(sorted(_own_cells(prediction, grid))),
        "replicates": grid.replicates,
        "controls": tuple(f"{c.name}: {c.setting}" for c in prediction.controls),
        "rival": None if rival is None else str(rival.relation),
        "control of the rival": None
        if rival is None
        else f"{rival.control.name}: {rival.control.setting}",
    }


def _own_cells(prediction: Prediction, grid: Grid) -> set[str]:
    """The cells in which a prediction's own setting is measured, at whatever rate."""
    quantity, own = prediction.relation.quantity, at_rate(prediction.setting, Fraction(1))
    parts = reading(quantity).parts(prediction.setting, grid.cells, quantity.swept_rates() or ())
    return {
        str(cell)
        for part in parts
        if at_rate(part.setting, Fraction(1)) == own
        for cell in part.cells
    }


def _design_of_entry(entry: PredictionEntry) -> dict[str, object]:
    rival = entry.rival
    return {
        "observable": entry.observable,
        "setting": entry.setting,
        "relation": entry.relation,
        "margin": entry.margin,
        "corrections": tuple(entry.corrections),
        "grid": tuple(sorted({cell for cells in entry.engines.values() for cell in cells})),
        "replicates": entry.looks[0].replicates if entry.looks else None,
        "controls": tuple(f"{c.name}: {c.setting}" for c in entry.controls),
        "rival": None if rival is None else rival.relation,
        "control of the rival": None
        if rival is None
        else f"{rival.control.name}: {rival.control.setting}",
    }


def with_report(old: Records, report: Report, commit: str | None) -> dict[str, Recorded]:
    """What is on record with the entries of a report, in the catalogue's order."""
    measured = {entry.id for entry in report.predictions}
    kept = {id: record for id, record in old.items() if id not in measured}
    campaign = _campaign(report, commit, old, {record.campaign.name for record in kept.values()})
    new = {entry.id: _recorded(entry, campaign) for entry in report.predictions}
    return {id: (kept | new)[id] for id in in_catalogue_order(kept | new)}


def as_second_seed(new: Records, first: Records, report: Report) -> dict[str, Recorded]:
    """The entries of a report with their distances from those of the first seed.

    Only exponents have one, where both intervals say how they were made. Raises ``InputError`` for
    another profile than the standard one, and for the seed that is on record.
    """
    if report.profile is not Profile.STANDARD:
        raise InputError(f"a {report.profile} campaign: two seeds are compared in the standard one")
    compared = dict(new)
    for entry in report.predictions:
        one, two = first.get(entry.id), new[entry.id]
        if one is None or one.campaign.seed == report.seed:
            raise InputError(
                f"{entry.id} is not on record with another seed than {report.seed}; a second seed "
                "is compared with a first one"
            )
        if entry.scale is Summary.EXPONENT:
            compared[entry.id] = replace(two, distance=_distance(one, two))
    return compared


def _distance(one: Finding, two: Finding) -> float | None:
    if one.estimate is None or two.estimate is None:
        return None
    errors = np.hypot(_standard_error(one), _standard_error(two))
    return None if np.isnan(errors) else round(float((two.estimate - one.estimate) / errors), 2)


def _standard_error(finding: Finding) -> float:
    """That behind an interval of Student's t; nan where its confidence is unknown."""
    if finding.interval is None or finding.confidence is None or finding.replicates is None:
        return math.nan
    shown = Estimate(0.0, *finding.interval, finding.confidence, finding.replicates)
    return float(standard_errors([shown])[0])


def _campaign(report: Report, commit: str | None, old: Records, taken: set[str]) -> Provenance:
    """The provenance of a report: that on record where it is the same, so that nothing moves."""
    environment = report.environment
    campaign = Provenance(
        name=f"{report.profile}-{report.seed}",
        seed=report.seed,
        device=environment.device,
        command=report.command,
        looks=report.looks,
        family=report.family,
        started=datetime.fromisoformat(report.times.started),
        recorded=datetime.now(UTC).date(),
        commit=commit,
        code=report.code,
        scaleproof=environment.scaleproof,
        python=environment.python,
        torch=environment.torch,
        numpy=environment.numpy,
        scikit_learn=environment.scikit_learn,
    )
    for known in {record.campaign.name: record.campaign for record in old.values()}.values():
        name, recorded, commit = known.name, known.recorded, known.commit
        if known == replace(campaign, name=name, recorded=recorded, commit=commit):
            return known
    names = [campaign.name, *(f"{campaign.name}-{i}" for i in range(2, len(taken) + 3))]
    return replace(campaign, name=next(name for name in names if name not in taken))


def _recorded(entry: PredictionEntry, campaign: Provenance) -> Recorded:
    rival = entry.rival
    return Recorded(
        campaign=campaign,
        engines=tuple(sorted(entry.engines)),
        rival=None if rival is None else Finding(**_finding(rival)),
        **_finding(entry),
    )


class _FindingFields(TypedDict):
    """The fields of ``Finding``, to be spread into it and its subclass."""

    verdict: Verdict
    estimate: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    replicates: int
    looks: int


def _finding(entry: VerdictEntry) -> _FindingFields:
    estimate, interval = entry.estimate, entry.interval
    return {
        "verdict": entry.verdict,
        "estimate": None if estimate is None else round(estimate, DIGITS_KEPT),
        "interval": interval and (round(interval[0], DIGITS_KEPT), round(interval[1], DIGITS_KEPT)),
        "confidence": None if entry.confidence is None else round(entry.confidence, 9),
        "replicates": entry.replicates,
        "looks": len(entry.looks),
    }


def records_text(records: Records) -> str:
    """The file: every campaign once, then the entries, in the order given."""
    campaigns, predictions = tomlkit.table(True), tomlkit.table(True)
    for id, record in records.items():
        campaign, rival = record.campaign, record.rival
        if campaign.name not in campaigns:
            campaigns.add(campaign.name, _filled(tomlkit.table(), campaign))
        entry = tomlkit.table()
        entry.add("campaign", campaign.name)
        predictions.add(id, _filled(entry, record))
        if rival is not None:
            entry.add("rival", _filled(tomlkit.inline_table(), rival))
    document = tomlkit.document()
    for line in _HEADER:
        document.add(tomlkit.comment(line))
    document.add("campaigns", campaigns)
    document.add("predictions", predictions)
    return tomlkit.dumps(document)


def _filled(table: _Table, value: Provenance | Finding) -> _Table:
    """The table with what is known of a value, but for its name and for other values."""
    for field in fields(value):
        known = getattr(value, field.name)
        if known is None or field.name == "name" or is_dataclass(known):
            continue
        table.add(field.name, known.value if isinstance(known, Verdict) else known)
    return table


class Change(NamedTuple):
    """How many entries of a report are new and as before, and lines about the others."""

    new: int
    same: int
    changed: tuple[str, ...]


def change(old: Records, new: Records, report: Report) -> Change:
    """What putting a report on record changes; provenance alone is no change."""
    lines, added = [], 0
    for entry in report.predictions:
        before, after = old.get(entry.id), new[entry.id]
        if before is None:
            added += 1
        elif _said(before) != _said(after):
            lines.append(f"{entry.id}: {_words(before)} -> {_words(after)}")
    return Change(added, len(report.predictions) - added - len(lines), tuple(lines))


def _said(record: Recorded) -> tuple[object, ...]:
    rival = None if record.rival is None else record.rival.verdict
    return record.verdict, record.estimate, record.interval, rival


def _words(record: Recorded) -> str:
    numbers = (
        "" if record.estimate is None else f" {record.estimate:+g} {list(record.interval or ())}"
    )
    rival = "" if record.rival is None else f", rival {record.rival.verdict}"
    return f"{record.verdict}{numbers}{rival}"
