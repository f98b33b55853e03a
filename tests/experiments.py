"""A small one of every experiment."""

from dataclasses import fields
from fractions import Fraction
from typing import Any

from theory import Cell, Experiment
from theory.observables import Observable

EXPERIMENTS = sorted({o.experiment for o in Observable}, key=lambda kind: kind.name)

REFERENCE = Cell(4, 3)
_SMALL: dict[str, Any] = {"batch": 3, "steps": 2, "rate": Fraction(1, 20), "reference": REFERENCE}


def small(kind: type[Experiment], **changes: Any) -> Experiment:
    """An experiment of a class with what it needs, and changes of the fields that it has."""
    values = _SMALL | changes
    return kind(**{f.name: values[f.name] for f in fields(kind) if f.name in values})
