"""The page of a claim: what is said of it in plain words, and what it takes to try it again.

Imports click, ``reports``, ``theory`` and ``verify``. Minutes come from the cost model, which
imports torch.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from reports.outcome import WORST_FIRST
from theory.catalogue import Recorded, recorded
from theory.catalogue.records import Finding, profile_on_record
from theory.prediction import Prediction, Profile, Standing
from theory.verdict import Verdict
from verify.cli.columns import output_width, wrapped
from verify.targets import FROM

_VERDICTS: Mapping[Verdict, str] = {
    Verdict.ACCEPTED: "the whole interval lies within the margin of what is claimed",
    Verdict.REJECTED: "the whole interval lies outside of it",
    Verdict.INCONCLUSIVE: "neither; more replicates would decide",
    Verdict.INVALID: "no power fits, trials diverged or a control passed: nothing is decided",
}
_STANDINGS: Mapping[Standing, str] = {
    Standing.STATED: "a source says so",
    Standing.READING: "one of two readings of an open sentence",
    Standing.PROJECT: "this project says so, and no source does",
}
_PIPED_WIDTH = 80


def show_claim(
    asked: str, predictions: Sequence[Prediction], place: str | None, as_json: bool
) -> None:
    """Print every prediction of a claim with what is on record, and how to try it again.

    ``place``: where the predictions come from, if not from the catalogue.
    """
    minutes = {profile: _minutes(predictions, profile) for profile in Profile}
    tried = {profile: time for profile, time in minutes.items() if time is not None}
    if as_json:
        document = {
            "claim": asked,
            "predictions": [_entry(prediction) for prediction in predictions],
            "minutes": {str(profile): round(time, 2) for profile, time in tried.items()},
        }
        click.echo(json.dumps(document, indent=2))
        return
    width = (output_width() or _PIPED_WIDTH) - 1  # a terminal may write +- instead of one letter
    for text in (*_verdicts(predictions), *_lines(asked, predictions, place, tried)):
        click.echo("\n".join(wrapped(text, width)))


def _entry(prediction: Prediction) -> dict[str, object]:
    record = recorded(prediction)
    rival = prediction.rival
    return {
        "id": prediction.id,
        "sentence": prediction.sentence,
        "standing": prediction.standing,
        "relation": str(prediction.relation),
        "margin": float(prediction.margin),
        "citation": str(prediction.citation),
        "profile": profile_on_record(prediction),
        "recorded": _finding(record),
        "rival": None
        if rival is None
        else {
            "sentence": rival.sentence,
            "recorded": _finding(None if record is None else record.rival),
        },
    }


def _finding(finding: Finding | None) -> dict[str, object] | None:
    if finding is None:
        return None
    names = ("verdict", "estimate", "interval", "confidence", "replicates")
    return {name: getattr(finding, name) for name in names}


def _verdicts(predictions: Sequence[Prediction]) -> Iterator[str]:
    """Predictions with their verdicts, the worst first."""
    groups: dict[Verdict | None, list[Prediction]] = {}
    for prediction in predictions:
        record = recorded(prediction)
        groups.setdefault(None if record is None else record.verdict, []).append(prediction)
    for verdict in (*WORST_FIRST, None):
        if verdict in groups:
            heading = "not on record" if verdict is None else verdict
            yield f"{heading.upper()} {len(groups[verdict])}"
        for prediction in groups.get(verdict, ()):
            yield from _verdict(prediction)
            yield ""


def _verdict(prediction: Prediction) -> Iterator[str]:
    """What a prediction says, what was claimed and found, and the same of its rival."""
    record, rival = recorded(prediction), prediction.rival
    yield f"  {prediction.id}  ({prediction.standing})"
    yield f"    {prediction.sentence}"
    yield f"    claimed: {_claimed(prediction)}"
    if found := _found(record):
        yield f"    found: {found}, {profile_on_record(prediction)} profile"
    if rival is not None:
        finding = None if record is None else record.rival
        verdict = "not on record" if finding is None else finding.verdict
        found = _found(finding)
        yield f"    its rival, {verdict}{found and f' ({found})'}: {rival.sentence}"


def _claimed(prediction: Prediction) -> str:
    """The relation with its margin, which may be on one side only."""
    margin = float(prediction.margin)
    either_side = all(map(math.isfinite, prediction.relation.band(margin)))
    return f"{prediction.relation}{' ±' if either_side else ', margin'} {margin:g}"


def _found(finding: Finding | None) -> str:
    """The estimate with its interval; nothing where there is none."""
    if finding is None or finding.estimate is None or finding.interval is None:
        return ""
    low, high = finding.interval
    return f"{finding.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"


def _lines(
    asked: str,
    predictions: Sequence[Prediction],
    place: str | None,
    minutes: Mapping[Profile, float],
) -> Iterator[str]:
    """What is said about all of them."""
    records = [recorded(prediction) for prediction in predictions]
    counts = Counter(record.verdict for record in records if record is not None)
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    yield f"{asked}, {_plural(len(predictions), 'prediction')}: {', '.join(parts) or 'no record'}."
    for verdict in Verdict:
        if counts[verdict]:
            yield f"  {verdict}: {_VERDICTS[verdict]}."
    for standing in Standing:
        if any(prediction.standing is standing for prediction in predictions):
            yield f"  {standing}: {_STANDINGS[standing]}."
    yield from _sources(predictions, records)
    origin = "" if place is None else f" {FROM} {place}"
    for profile, time in minutes.items():
        option = "" if profile is Profile.QUICK else f" --profile {profile}"
        takes = f"the first look takes about {_duration(time)} of one core"
        yield f"Try again: scaleproof verify {asked}{origin}{option}  ({takes})"
    yield f"How one of them is tried: scaleproof show {predictions[0].id}{origin}"
    if place is None:
        yield f"What was found, and why: docs/findings/index.md, or the site's page of {asked}."


def _sources(
    predictions: Sequence[Prediction], records: Sequence[Recorded | None]
) -> Iterator[str]:
    cited = dict.fromkeys(str(prediction.citation) for prediction in predictions)
    yield f"Sources: {'; '.join(cited)}."
    campaigns = dict.fromkeys(
        f"{record.campaign.name}, seed {record.campaign.seed}" for record in records if record
    )
    if campaigns:
        yield f"On record from: {'; '.join(campaigns)}."


def _minutes(predictions: Sequence[Prediction], profile: Profile) -> float | None:
    """Expected minutes of one core at the first look; ``None`` where nothing is tried."""
    from verify.campaign.design import Campaign, questions
    from verify.measuring.loop import begin
    from verify.measuring.schedule import schedule
    from verify.measuring.store import Store

    chosen = tuple(p for p in predictions if p.regime.is_tried(profile))
    if not chosen:
        return None
    campaign = Campaign(chosen, profile, seed=0)
    plan = begin(campaign, Store(Path(":memory:")))
    groups = schedule(campaign, plan, questions(campaign), 0)
    return sum(group.cost for group in groups) / 60


def _duration(minutes: float) -> str:
    if minutes < 1.5:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"


def _plural(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
