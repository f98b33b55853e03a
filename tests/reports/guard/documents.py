"""Reports of a guard made by hand: healthy, faulty, undecided, with changes, deep, empty."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reports.guard.document import Change, Entry, Fault, GuardReport, Interval, Mend, RateMove, Run
from theory.module_scaling import Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict

WIDTHS, SEEDS = [64, 128, 256], [0, 1, 2, 3]
SPREAD = 0.005


def interval(estimate: float, reach: float = 0.02) -> Interval:
    """An interval of some width about an estimate."""
    return Interval(
        estimate=estimate, low=estimate - reach, high=estimate + reach, confidence=0.999
    )


def entry(
    parameter: str | None = "blocks.0.q.weight", estimate: float = 0.0, **changes: Any
) -> Entry:
    """An exponent of a parameter's own change in width, accepted; ``None``: of a module."""
    quantity = Quantity.CHANGE if parameter is None else Quantity.OWN
    slopes = {seed: estimate + SPREAD * offset for seed, offset in zip(SEEDS, (-1, 1, -1, 1))}  # noqa: B905
    fields: dict[str, Any] = {
        "axis": Axis.WIDTH,
        "module": "blocks.0" if parameter is None else parameter.rpartition(".")[0],
        "parameter": parameter,
        "quantity": quantity,
        "step": 1,
        "verdict": Verdict.ACCEPTED,
        "interval": interval(estimate),
        "expected": ["0"],
        "margin": 0.1,
        "slopes": slopes,
        "values": {width: float((width / 128) ** estimate) for width in WIDTHS},
        "seeds_needed": None,
        "note": "",
    }
    return Entry.model_validate(fields | changes)


def rejected(parameter: str | None = "blocks.0.q.weight", **changes: Any) -> Entry:
    """An exponent that is off by a half."""
    return entry(parameter, 0.5, **{"verdict": Verdict.REJECTED} | changes)


def undecided(parameter: str | None = "head.weight", **changes: Any) -> Entry:
    """An exponent whose interval lies across an end of what is expected."""
    fields: dict[str, Any] = {
        "verdict": Verdict.INCONCLUSIVE,
        "interval": interval(0.09),
        "seeds_needed": 12,
        "expected": ["-1/2", "0"],
    }
    return entry(parameter, 0.09, **fields | changes)


def shown(parameter: str | None = "head.bias", **changes: Any) -> Entry:
    """An exponent of which nothing is demanded."""
    fields: dict[str, Any] = {"verdict": None, "expected": [], "quantity": Quantity.SIGNAL}
    return entry(parameter, -0.5, **fields | changes)


def fault(**changes: Any) -> Fault:
    """A rate that is not divided by the width."""
    fields: dict[str, Any] = {
        "axis": Axis.WIDTH,
        "cause": "rate",
        "parameters": ["blocks.*.q.weight"],
        "modules": ["blocks.*.q"],
        "quantity": Quantity.OWN,
        "exponent": 0.497,
        "interval": interval(0.497),
        "expected": "0",
        "sentence": "The rate of blocks.*.q.weight is too large by n^1/2",
        "spoils": ["change of blocks.0", "change of (output)"],
        "mend": Mend(on="rate", power="-1/2", sentence="multiply its rate by n^-1/2"),
        "verified": True,
        "verification": "With it the exponent is -0.01.",
    }
    return Fault.model_validate(fields | changes)


def divergence() -> Fault:
    """A loss that is no number, and so has no exponent."""
    nan = float("nan")
    return fault(
        cause="divergence",
        parameters=[],
        modules=[],
        quantity=Quantity.CHANGE,
        exponent=float("inf"),
        interval=Interval(estimate=nan, low=nan, high=nan, confidence=0.95),
        expected="a finite loss",
        sentence="The loss is not finite at width 256 after 1 steps, under 3 of 3 seeds.",
        spoils=[],
        mend=None,
        verified=None,
        verification="",
    )


def change(parameter: str | None = "blocks.0.q.weight", **changes: Any) -> Change:
    """A rejected exponent that moved by a half."""
    fields: dict[str, Any] = {
        "axis": Axis.WIDTH,
        "module": "blocks.0" if parameter is None else parameter.rpartition(".")[0],
        "parameter": parameter,
        "quantity": Quantity.OWN,
        "step": 1,
        "before": 0.01,
        "after": 0.5,
        "interval": interval(0.49),
        "paired": True,
        "is_fault": True,
    }
    return Change.model_validate(fields | changes)


def guard_report(entries: Sequence[Entry] = (), **changes: Any) -> GuardReport:
    """A run over these entries, along each axis that they have."""
    judged = [one.verdict for one in entries if one.verdict is not None]
    wrong = Verdict.REJECTED in judged or bool(changes.get("faults"))
    ok = not wrong and set(judged) <= {Verdict.ACCEPTED}
    axes = sorted({one.axis for one in entries})
    fields: dict[str, Any] = {
        "target": "model.py:factory",
        "demand": Demand.MUP,
        "ok": ok,
        "exit_code": 1 if wrong else 0 if ok else 3,
        "runs": [
            Run(axis=axis, sizes=WIDTHS, other=None, seeds=SEEDS, looks=[2, 4]) for axis in axes
        ],
        "steps": [1, 4],
        "family": len(judged),
        "family_alpha": 0.05,
        "looks": 2,
        "faults": [],
        "entries": list(entries),
        "notes": [],
        "lock": None,
        "changes": [],
        "rates": [],
        "versions": {"torch": "2.9.0", "device": "cpu"},
        "seconds": 12.4,
    }
    return GuardReport.model_validate(fields | changes)


def _blocks(count: int, name: str, **changes: Any) -> list[Entry]:
    noise = np.random.default_rng(count).uniform(-0.03, 0.03, count)
    return [
        entry(name.format(block), round(float(noise[block]), 4), **changes)
        for block in range(count)
    ]


def _healthy() -> GuardReport:
    modules = [
        entry(None, module=f"blocks.{block}", step=step) for step in (1, 4) for block in (0, 1)
    ]
    parameters = [*_blocks(2, "blocks.{}.q.weight"), entry("head.weight", 0.01)]
    return guard_report([*modules, *parameters, shown()])


def _faulty() -> GuardReport:
    good = [entry(f"blocks.{block}.{name}.weight") for block in range(4) for name in "kv"]
    bad = [rejected(f"blocks.{block}.q.weight") for block in range(4)]
    depth = [entry("head.weight", axis=Axis.DEPTH), rejected("stem.weight", axis=Axis.DEPTH)]
    second = fault(
        axis=Axis.DEPTH,
        cause="unexplained",
        parameters=["stem.weight"],
        modules=[],
        exponent=0.06,
        sentence="No known cause explains stem.weight.",
        spoils=[],
        mend=None,
        verified=None,
        verification="",
    )
    rates = [
        RateMove(
            axis=Axis.WIDTH,
            rates=[0.001, 0.002],
            verdict=Verdict.REJECTED,
            interval=interval(-0.5),
            curves={64: [1.0, 0.9], 256: [0.8, 1.1]},
            reason="",
        )
    ]
    notes = ["Dropout was left on: every seed has masks of its own."]
    return guard_report([*good, *bad, *depth], faults=[fault(), second], rates=rates, notes=notes)


def _undecided() -> GuardReport:
    bent = undecided("stem.weight", note="without the smallest size the exponent is +0.30")
    never = undecided("tail.weight", seeds_needed=None)
    rates = [
        RateMove(
            axis=Axis.WIDTH,
            rates=[0.001, 0.002],
            verdict=Verdict.INVALID,
            interval=None,
            curves={},
            reason="the best rate lies at the edge of the grid",
        )
    ]
    return guard_report([entry(), undecided(), bent, never], rates=rates)


def _changed() -> GuardReport:
    bad = [rejected(f"blocks.{block}.q.weight") for block in range(4)]
    moved = [change(f"blocks.{block}.q.weight", after=0.5 + block / 100) for block in range(4)]
    others = [
        change("stem.weight", is_fault=False, paired=False),
        change("new.weight", before=None, after=0.02, interval=None, is_fault=False),
        change("old.weight", before=0.3, after=None, interval=None, is_fault=False),
        change(None, axis=Axis.DEPTH, module="(output)", quantity=Quantity.CHANGE),
    ]
    return guard_report(
        [*bad, entry("stem.weight")], faults=[fault()], lock="guard.lock", changes=[*moved, *others]
    )


PART_NAMES = ("query_projection", "key_projection", "value_projection", "output_projection")
LONG_PREFIX = "model.decoder.transformer_layers_with_long_names"


def _deep() -> GuardReport:
    """48 blocks, four quantities, and one parameter of one block that is off."""
    quantities = (Quantity.GAIN, Quantity.SHARE, Quantity.OWN, Quantity.SIGNAL)
    entries = []
    for quantity in quantities:
        only_shown = quantity is Quantity.SIGNAL
        for part in PART_NAMES:
            name = f"{LONG_PREFIX}.{{}}.self_attention.{part}.weight"
            verdict = None if only_shown else Verdict.ACCEPTED
            expected = [] if only_shown else ["0"]
            if quantity is Quantity.SHARE:
                expected = ["at most 0"]
            entries += _blocks(48, name, quantity=quantity, verdict=verdict, expected=expected)
    bad = f"{LONG_PREFIX}.7.self_attention.{PART_NAMES[0]}.weight"
    entries = [
        rejected(bad) if one.parameter == bad and one.quantity is Quantity.OWN else one
        for one in entries
    ]
    modules = [
        entry(None, module=f"{LONG_PREFIX}.{block}.self_attention", step=step)
        for step in (1, 4)
        for block in range(48)
    ]
    return guard_report(
        [*modules, *entries],
        target="somewhere/far/away/in/a/folder/with/a/long/name/model.py:a_factory_of_networks",
        faults=[fault(parameters=[bad], sentence=f"The rate of {bad} is too large by n^1/2.")],
    )


GUARDS = {
    "healthy": _healthy(),
    "faulty": _faulty(),
    "undecided": _undecided(),
    "with changes": _changed(),
    "unchanged": _healthy().model_copy(update={"lock": "guard.lock"}),
    "deep": _deep(),
    "empty": guard_report(),
}
