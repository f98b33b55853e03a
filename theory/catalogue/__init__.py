"""The predictions on offer; ``records`` has the verdicts on record. Imports ``theory`` only."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
from itertools import takewhile

from theory.catalogue import (
    activations_and_regularization,
    beyond,
    convolutions,
    depth_parameterizations,
    exact_convolutions,
    feature_learning_dynamics,
    gradient_independence,
    hidden_width,
    infinite_depth,
    learning_rate_transfer,
    limiting_system,
    limits_of_means,
    maximal_update_rate,
    one_pass_training,
    other_readings,
    scaling_trends,
    transformers,
)
from theory.catalogue.records import Recorded, recorded
from theory.errors import InputError
from theory.prediction import Prediction, Profile

_LONGEST_ID = 200  # a longer pattern would be compiled for minutes

PREDICTIONS: tuple[Prediction, ...] = (
    *feature_learning_dynamics.PREDICTIONS,
    *learning_rate_transfer.PREDICTIONS,
    *gradient_independence.PREDICTIONS,
    *infinite_depth.PREDICTIONS,
    *limiting_system.PREDICTIONS,
    *limits_of_means.PREDICTIONS,
    *scaling_trends.PREDICTIONS,
    *convolutions.PREDICTIONS,
    *activations_and_regularization.PREDICTIONS,
    *exact_convolutions.PREDICTIONS,
    *maximal_update_rate.PREDICTIONS,
    *one_pass_training.PREDICTIONS,
    *other_readings.PREDICTIONS,
    *one_pass_training.BY_TRAINING_LOSS,
    *depth_parameterizations.PREDICTIONS,
    *hidden_width.PREDICTIONS,
    *beyond.PREDICTIONS,
    *transformers.PREDICTIONS,
)


def find(id: str) -> Prediction:
    """The prediction of that id; ``InputError`` names the nearest ids when there is none.

    >>> from scaleproof import find
    >>> find("C1.rate.depth").sentence
    'In a ReLU chain with mean-field output, the maximal-update learning rate goes as L^-3/2.'
    """
    for prediction in PREDICTIONS:
        if prediction.id == id:
            return prediction
    begun = [prediction.id for prediction in PREDICTIONS if prediction.id.startswith(f"{id}.")]
    if begun:
        raise InputError(
            f"{id!r} is the beginning of {len(begun)} ids, and this takes one of them, such as "
            f"{begun[0]}; see them with scaleproof list {id}"
        )
    raise _unknown(id, PREDICTIONS)


def _unknown(text: str, predictions: Sequence[Prediction]) -> InputError:
    """The error for an id or a pattern that no prediction has."""
    near = nearest(text, [prediction.id for prediction in predictions])
    listed = "; see all of them with scaleproof list" if predictions is PREDICTIONS else ""
    return InputError(
        f"unknown prediction {text!r}; the nearest of {len(predictions)} ids are "
        f"{', '.join(near)}{listed}"
    )


def nearest(text: str, ids: Sequence[str]) -> list[str]:
    """Three ids: those that begin most alike, and among these those that are most alike."""
    asked = text[:_LONGEST_ID].lower()

    def likeness(id: str) -> tuple[int, float]:
        pairs = zip(f"{asked}.", id.lower(), strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return alike, SequenceMatcher(None, asked, id.lower()).ratio()

    return sorted(ids, key=likeness, reverse=True)[:3]


def select(
    patterns: tuple[str, ...],
    profile: Profile | None = None,
    predictions: tuple[Prediction, ...] | None = None,
) -> tuple[Prediction, ...]:
    """Predictions whose id matches any shell-style pattern, or starts with it at a dot.

    Without patterns, all of them; with a profile, those that are tried in it. ``InputError`` for a
    pattern that matches nothing, or nothing that is tried. ``predictions`` are those of the
    catalogue unless given.

    >>> from scaleproof import select
    >>> [prediction.id for prediction in select(("C1",))]
    ['C1.rate.depth', 'C1.rate.width']
    """
    predictions = PREDICTIONS if predictions is None else predictions
    chosen: set[str] = set()
    for pattern in patterns:
        matched = [
            p
            for p in predictions
            if (len(pattern) <= _LONGEST_ID and fnmatchcase(p.id, pattern))
            or p.id.startswith(f"{pattern}.")
            or p.id == pattern
        ]
        if not matched:
            raise _unknown(pattern, predictions)
        tried = {p.id for p in matched if profile is None or p.regime.is_tried(profile)}
        if not tried:
            least = min((p.regime.least for p in matched), key=list(Profile).index)
            raise InputError(
                f"{pattern}: not tried in the {profile} profile; take --profile {least}"
            )
        chosen |= tried
    return tuple(
        p
        for p in predictions
        if (p.id in chosen if patterns else profile is None or p.regime.is_tried(profile))
    )


__all__ = ["PREDICTIONS", "Recorded", "find", "recorded", "select"]
