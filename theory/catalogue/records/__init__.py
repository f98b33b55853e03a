"""What is on record of each profile, and from which campaign. Imports ``theory`` only.

``quick.toml``, ``standard.toml`` and ``full.toml`` hold what a campaign of that profile measured,
because a verdict is about its grid; ``standard-second.toml`` holds the standard campaign of another
seed, to be compared. ``scaleproof record`` writes them. They never change a margin, a grid or a
control. What is unknown of older campaigns is absent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from theory.prediction import Prediction, Profile
from theory.verdict import Verdict

SECOND_SEED = "standard-second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The campaign that entries come from; ``None`` is unknown.

    ``looks`` is the number of announced looks and ``family`` that of the relations judged together.
    ``started`` is when it was run, ``recorded`` the day on which it was put on record and
    ``commit`` the checkout that did so. ``code`` is the digest of the code that measured. The last
    five are versions.
    """

    name: str
    seed: int | None = None
    device: str | None = None
    command: str | None = None
    looks: int | None = None
    family: int | None = None
    started: datetime | None = None
    recorded: date | None = None
    commit: str | None = None
    code: str | None = None
    scaleproof: str | None = None
    python: str | None = None
    torch: str | None = None
    numpy: str | None = None
    scikit_learn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A verdict and its numbers: on the scale of the relation's statistic, rounded to 1e-4.

    ``looks`` is how many were taken.
    """

    verdict: Verdict
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    replicates: int | None = None
    looks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Finding):
    """What is on record for a prediction and for its rival.

    ``engines`` are those that ran its cells. ``distance`` is how much larger the estimate of a
    second seed is than that of the first, in standard errors of the difference.
    """

    campaign: Provenance
    engines: tuple[str, ...] | None = None
    distance: float | None = None
    rival: Finding | None = None


Records = Mapping[str, Recorded]


def parse_records(text: str) -> dict[str, Recorded]:
    """The entries of a file by prediction, in its order; the inverse of writing them."""
    document = tomllib.loads(text)
    campaigns = {
        name: Provenance(name=name, **fields)
        for name, fields in document.get("campaigns", {}).items()
    }
    return {
        id: _recorded(fields, campaigns) for id, fields in document.get("predictions", {}).items()
    }


def _recorded(fields: dict[str, Any], campaigns: Mapping[str, Provenance]) -> Recorded:
    rival, engines = fields.pop("rival", None), fields.pop("engines", None)
    return Recorded(
        campaign=campaigns[fields.pop("campaign")],
        engines=None if engines is None else tuple(engines),
        rival=None if rival is None else Finding(**_finding(rival)),
        **_finding(fields),
    )


def _finding(fields: dict[str, Any]) -> dict[str, Any]:
    interval = {"interval": tuple(fields["interval"])} if "interval" in fields else {}
    return fields | {"verdict": Verdict(fields["verdict"])} | interval


@cache
def records_of(name: str) -> Records:
    """What the file of that name holds: a profile, or ``SECOND_SEED``."""
    path = files("theory.catalogue.records").joinpath(f"{name}.toml")
    return parse_records(path.read_text(encoding="utf-8"))


def recorded(prediction: Prediction, profile: Profile | None = None) -> Recorded | None:
    """What is on record for a prediction, or ``None`` when it has not been run yet.

    Without a profile, in the standard one; in the full one, where it is tried there only.

    >>> from scaleproof import find, recorded
    >>> print(recorded(find("C1.rate.depth")).verdict)
    accepted
    """
    return records_of(profile or profile_on_record(prediction)).get(prediction.id)


def profile_on_record(prediction: Prediction) -> Profile:
    """The profile whose verdict is shown: the standard one, or the full one where only that is."""
    return Profile.STANDARD if prediction.regime.is_tried(Profile.STANDARD) else Profile.FULL
