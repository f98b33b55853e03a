"""Reports made by hand: an ordinary one, an interrupted one, a table, one of everything."""

from typing import Any

from reports.document import (
    CellEntry,
    ChecksEntry,
    ControlEntry,
    Environment,
    IntervalEntry,
    LocalExponentEntry,
    LookEntry,
    PredictionEntry,
    ReasonEntry,
    Report,
    RivalEntry,
    Times,
)
from reports.reasons import reason_text
from tests.reports.reasons import SENTENCES
from theory.expectations import Summary
from theory.prediction import Profile
from theory.verdict import Reason, ReasonKind, Verdict


def entry_of(reason: Reason) -> ReasonEntry:
    """The entry of a reason in a document."""
    return ReasonEntry(
        kind=reason.kind,
        places=list(reason.places),
        numbers=dict(reason.numbers),
        because=[entry_of(behind) for behind in reason.because],
    )


def because(*reasons: Reason) -> dict[str, Any]:
    """The reasons of an entry, as data and in words."""
    entries = [entry_of(reason) for reason in reasons]
    return {"reasons": entries, "reason": reason_text(entries)}


VERDICT: dict[str, Any] = {
    "verdict": Verdict.ACCEPTED,
    "relation": "exponent of L = 0",
    "predicted": 0.0,
    "margin": 0.1,
    "band": (-0.1, 0.1),
    "estimate": 0.012,
    "interval": (-0.03, 0.05),
    "confidence": 0.95,
    "replicates": 32,
    "replicates_needed": None,
    "looks": [],
    **because(Reason(ReasonKind.INSIDE)),
}
NOT_MEASURED: dict[str, Any] = {
    "verdict": Verdict.INCONCLUSIVE,
    "estimate": None,
    "interval": None,
    "confidence": None,
    "replicates": 3,
    **because(Reason(ReasonKind.INTERRUPTED, numbers={"measured": 3, "wanted": 32})),
}
REJECTED: dict[str, Any] = {
    "verdict": Verdict.REJECTED,
    "estimate": 0.5,
    "interval": (0.46, 0.54),
    **because(Reason(ReasonKind.DISJOINT)),
}
CELLS = [
    CellEntry(
        label=f"n=64, L={depth}",
        size=depth,
        measured=1.0 + 0.01 * depth,
        low=0.9 + 0.01 * depth,
        high=1.1 + 0.01 * depth,
        fitted=1.0 + 0.01 * depth,
        predicted=None,
    )
    for depth in (4, 8, 16)
]
EXACT_CELLS = [cell.model_copy(update={"fitted": None, "predicted": 1.0}) for cell in CELLS]
INTERVAL = IntervalEntry(estimate=0.01, low=-0.02, high=0.04, confidence=0.95)
CHECKS = ChecksEntry(
    without_smallest=INTERVAL,
    curvature=None,
    lack_of_fit=0.4,
    trimmed=0.01,
    clustered=INTERVAL,
    local_exponents=[LocalExponentEntry(smaller=4, larger=8, interval=INTERVAL)],
    extrapolation=None,
)


def control(**changes: Any) -> ControlEntry:
    """A control that was rejected, as it must be."""
    fields: dict[str, object] = {"name": "alpha = 0", "shifted": None, "of_rates": False}
    fields["setting"] = "residual networks under muP"
    return ControlEntry.model_validate(VERDICT | REJECTED | fields | changes)


def rival(**changes: Any) -> RivalEntry:
    """Another source's exponent, which was rejected."""
    fields = {
        "sentence": "The exponent is 1/2.",
        "citation": "Another source (1234.5678), Theorem 1",
        "recorded": Verdict.REJECTED,
        "scale": Summary.EXPONENT,
        "cells": CELLS,
        "control": control(),
        "relation": "exponent of L = 1/2",
        "predicted": 0.5,
        "band": (0.4, 0.6),
    }
    return RivalEntry.model_validate(VERDICT | REJECTED | fields | changes)


def prediction(id: str, **changes: Any) -> PredictionEntry:
    """An exponent that was accepted, with one control."""
    fields = {
        "id": id,
        "sentence": f"What {id} says.",
        "citation": "A source (1234.5678), Theorem 2",
        "standing": "stated",
        "twin": None,
        "observable": "stream_change",
        "definition": "root mean square of the change of the stream",
        "plotted": "stream_change",
        "scale": Summary.EXPONENT,
        "setting": "residual networks under depth-muP",
        "parameterization_source": "preset",
        "axis": "depth",
        "corrections": ["L^-1"],
        "margin_reason": "a fifth of the rival's exponent",
        "design": "fedcba9876543210",
        "engines": {"dense": [cell.label for cell in CELLS]},
        "recorded": Verdict.ACCEPTED,
        "checks": CHECKS,
        "cells": CELLS,
        "controls": [control()],
        "rival": None,
        "campaigns": [],
        "command": f"scaleproof verify {id}",
    }
    return PredictionEntry.model_validate(VERDICT | fields | changes)


def report(*predictions: PredictionEntry, **changes: Any) -> Report:
    """A complete campaign."""
    fields = {
        "profile": Profile.QUICK,
        "seed": 0,
        "table": None,
        "images": None,
        "engine": "auto",
        "code": "0123456789abcdef",
        "family": len(predictions),
        "family_alpha": 0.05,
        "looks": 3,
        "complete": True,
        "command": "scaleproof verify --profile quick --seed 0",
        "environment": Environment(
            scaleproof="0.1.0",
            python="3.11.0",
            torch="2.5.0",
            numpy="2.0.0",
            scikit_learn="1.5.0",
            device="cpu",
        ),
        "times": Times(started="2026-01-01T00:00:00+00:00", seconds=12.0),
        "predictions": list(predictions),
    }
    return Report.model_validate(fields | changes)


def _ordinary() -> Report:
    value = {
        "scale": Summary.RATIO,
        "relation": "value = 2 in every cell",
        "predicted": 1.0,
        "band": (0.9, 1.1),
        "cells": EXACT_CELLS,
        "checks": None,
    }
    bound = {
        "scale": Summary.LOGARITHM,
        "relation": "transfer of the learning rate as L^0 costs <= 0.02",
        "band": (None, 0.12),
        "cells": EXACT_CELLS,
        "checks": None,
    }
    looks = [
        LookEntry(
            replicates=16,
            confidence=0.98,
            estimate=0.05,
            interval=(-0.12, 0.2),
            verdict=Verdict.INCONCLUSIVE,
            **because(Reason(ReasonKind.ACROSS, (), {"replicates": 30})),
        ),
        LookEntry(
            replicates=32,
            confidence=0.98,
            estimate=0.012,
            interval=(-0.03, 0.05),
            verdict=Verdict.ACCEPTED,
            **because(Reason(ReasonKind.INSIDE)),
        ),
    ]
    shifted = control(name="the rate times L", shifted="L^1/2")
    return report(
        prediction("A1.exponent.depth", looks=looks, rival=rival(), controls=[control(), shifted]),
        prediction("A2.value", **value),
        prediction("A3.transfer.depth", **REJECTED | bound, controls=[shifted]),
        prediction("A7.rate.depth.first", standing="reading", twin="A7.rate.depth.second"),
        prediction(
            "A7.rate.depth.second", **REJECTED, standing="reading", twin="A7.rate.depth.first"
        ),
        prediction("B1.own.depth", **REJECTED, standing="project", recorded=None),
    )


def _interrupted() -> Report:
    waiting: dict[str, Any] = {"cells": [], "checks": None}
    entry = prediction(
        "A5.loss.depth",
        **NOT_MEASURED | waiting,
        controls=[control(**NOT_MEASURED)],
        rival=rival(**NOT_MEASURED | {"cells": []}),
    )
    return report(prediction("A1.exponent.depth"), entry, complete=False)


def _table() -> Report:
    entry = prediction(
        "losses",
        standing=None,
        engines={},
        design=None,
        controls=[],
        recorded=None,
        **because(Reason(ReasonKind.INSIDE), Reason(ReasonKind.NO_CONTROL)),
    )
    environment = Environment(
        scaleproof="0.1.0",
        python="3.11.0",
        torch=None,
        numpy="2.0.0",
        scikit_learn=None,
        device=None,
    )
    changes = {"profile": None, "seed": None, "engine": None, "code": None, "looks": 1}
    return report(entry, table="losses.csv", environment=environment, **changes)


def _everything() -> Report:
    """Every verdict for every kind of reason."""
    bare: dict[str, Any] = {"cells": [], "checks": None}
    entries = [
        prediction(f"D{number}.{verdict}", verdict=verdict, **because(reason), **bare)
        for number, (reason, _) in enumerate(SENTENCES)
        for verdict in Verdict
    ]
    return report(*entries)


REPORTS = {
    "an ordinary report": _ordinary(),
    "an interrupted report": _interrupted(),
    "the report of a table": _table(),
    "a report of every verdict and reason": _everything(),
}


def whole_catalogue() -> Report:
    """As many predictions, cells and replicates as the standard profile has."""
    cells = [
        cell.model_copy(update={"values": tuple(cell.measured * 2 ** (k / 70) for k in range(143))})
        for cell in [*CELLS, *CELLS[1:]]
    ]
    return report(*(prediction(f"A1.number-{k}", cells=cells, rival=rival()) for k in range(241)))
