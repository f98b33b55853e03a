"""Faults that are no exponents: losses that diverge, parameters that no optimizer trains, or two.

Imports ``reports`` and ``verify.guarding``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reports.guard.document import Fault
from theory.module_scaling import Quantity
from theory.scaling import Axis
from verify.guarding.measurements import Measurements, Powers


def divergences(
    measured: Mapping[Axis, Measurements],
) -> list[tuple[Fault, dict[str, Powers]]]:
    """A fault for every size at which a loss is not finite, with no mend."""
    made: list[tuple[Fault, dict[str, Powers]]] = []
    for axis, one in measured.items():
        for size, cases in sorted(one.diverged().items()):
            step = min(step for _, step in cases)
            trained = [seed for seed in one.seeds if one.cells[size, seed].steps >= step]
            sentence = (
                f"The loss is not finite at {axis} {size} after {step} steps, under "
                f"{len(cases)} of {len(trained)} seeds."
            )
            fault = _plain_fault(axis, "divergence", [], sentence, "a finite loss")
            made.append((fault, {}))
    return made


def unowned(measured: Mapping[Axis, Measurements]) -> list[tuple[Fault, dict[str, Powers]]]:
    """Parameters that no optimizer trains, and parameters that two do."""
    made: list[tuple[Fault, dict[str, Powers]]] = []
    said = set[tuple[str, ...]]()
    for axis, one in measured.items():
        cell = next(iter(one.cells.values()))
        for names, text in (
            (cell.untrained, "are in no optimizer, and stay as they are"),
            (cell.twice, "are in two optimizers, and move twice"),
        ):
            if names and tuple(names) not in said:
                said.add(tuple(names))
                sentence = f"{_are(names)} {text}."
                made.append((_plain_fault(axis, "optimizer", names, sentence, "one optimizer"), {}))
    return made


def _are(names: Sequence[str]) -> str:
    few = ", ".join(names[:3])
    return few if len(names) <= 3 else f"{few} and {len(names) - 3} more"


def _plain_fault(
    axis: Axis, cause: str, parameters: Sequence[str], sentence: str, expected: str
) -> Fault:
    """A fault that is no exponent."""
    nothing = {"estimate": math.nan, "low": math.nan, "high": math.nan, "confidence": 0.95}
    return Fault.model_validate(
        {
            "axis": axis,
            "cause": cause,
            "parameters": list(parameters),
            "modules": list(dict.fromkeys(name.rpartition(".")[0] for name in parameters)),
            "quantity": Quantity.CHANGE,
            "exponent": math.nan,
            "interval": nothing,
            "expected": expected,
            "sentence": sentence,
            "spoils": [],
            "mend": None,
            "verified": None,
            "verification": "",
        }
    )
