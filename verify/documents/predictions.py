"""Predictions that a user brings, of a variant's file or of a module.

Imports ``theory`` and ``verify``.
"""

from __future__ import annotations

from pathlib import Path

from theory.catalogue import PREDICTIONS
from theory.errors import InputError
from theory.prediction import Prediction
from theory.variants import predictions_of
from verify.documents.variant import read_variant
from verify.targets import load_target


def predictions_from(place: str) -> tuple[Prediction, ...]:
    """Those of ``variant.toml``, ``FILE.py:NAME`` or ``package.module:NAME``.

    Raises ``InputError`` where NAME is not one or several predictions with ids of their own, which
    those of the catalogue may keep.
    """
    if place.endswith(".toml"):
        variant = read_variant(Path(place))
        return predictions_of(variant.architecture, variant.parameterization)
    found = load_target(place, "PREDICTIONS")
    listed = found if isinstance(found, list | tuple) else [found]
    predictions = tuple(each for each in listed if isinstance(each, Prediction))
    if not predictions or len(predictions) != len(listed):
        raise InputError(
            f"{place} is a {type(found).__name__}; expected one or several of scaleproof.Prediction"
        )
    known = {each.id: each for each in PREDICTIONS}
    for each in predictions:
        if known.get(each.id, each) != each:
            raise InputError(
                f"{place}: {each.id} is another prediction in the catalogue, with a verdict on "
                "record; give yours an id of its own"
            )
    ids = [each.id for each in predictions]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise InputError(f"{place}: two predictions have the id {twice[0]!r}; give each its own")
    return predictions
