"""The predictions on offer, and the verdicts on record. Imports ``theory`` only.

``records-quick.toml`` and ``records-standard.toml`` hold, for each prediction, what a campaign of
that profile measured, for a verdict is about its grid; they are written after the run and never
change a margin, a grid or a control.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

from theory.catalogue import feature_learning_dynamics, maximal_update_rate
from theory.errors import choices
from theory.prediction import Prediction, Profile, Verdict

PREDICTIONS: tuple[Prediction, ...] = (
    *feature_learning_dynamics.PREDICTIONS,
    *maximal_update_rate.PREDICTIONS,
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The verdicts on record for a prediction and for its rival."""

    verdict: Verdict
    rival: Verdict | None = None


@cache
def _records(profile: Profile) -> dict[str, Recorded]:
    path = files("theory.catalogue").joinpath(f"records-{profile}.toml")
    return {
        id: Recorded(
            Verdict(entry["verdict"]), Verdict(entry["rival"]) if "rival" in entry else None
        )
        for id, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
    }


def recorded(prediction: Prediction, profile: Profile = Profile.STANDARD) -> Recorded | None:
    """What is on record for a prediction, or ``None`` when it has not been run yet."""
    return _records(profile).get(prediction.id)


def find(id: str) -> Prediction:
    """The prediction of that id; ``DomainError`` lists the ids when there is none."""
    for prediction in PREDICTIONS:
        if prediction.id == id:
            return prediction
    raise choices("prediction", id, [p.id for p in PREDICTIONS])


def select(patterns: tuple[str, ...]) -> tuple[Prediction, ...]:
    """Predictions whose id matches any shell-style pattern, or starts with it at a dot.

    Without patterns, all of them. ``DomainError`` for a pattern that matches nothing.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {
            p.id
            for p in PREDICTIONS
            if fnmatchcase(p.id, pattern) or p.id.startswith(f"{pattern}.")
        }
        if not matched:
            raise choices("prediction", pattern, [p.id for p in PREDICTIONS])
        chosen |= matched
    return tuple(p for p in PREDICTIONS if not patterns or p.id in chosen)


__all__ = ["PREDICTIONS", "Recorded", "find", "recorded", "select"]
