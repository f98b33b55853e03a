"""What is said of presets with one wrong exponent: ``python -m tools.variant_mutants``.

Every exponent of every preset moves by a quarter and by a half, up and down, in width and in depth.
The diagnosis is asked what is wrong and what mends it; networks of one preset are asked whether
power counting is right about every mutant. Writes docs/variant-mutants.md. Imports ``theory`` and
``verify``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from theory.architecture import Architecture, Normalization, residual, transformer
from theory.cures import Change
from theory.diagnosis import Diagnosis, diagnose
from theory.errors import NoTheoryError
from theory.parameterization import Optimizer, Parameterization
from theory.parts import Parts
from theory.power_counting import count_powers
from theory.prediction import Profile
from theory.presets import preset
from theory.scaling import ONE, Axis, Power
from theory.variants import predictions_of
from theory.verdict import Verdict
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign
from verify.measuring.loop import measure
from verify.measuring.store import Store

PAGE = Path(__file__).parent.parent / "docs" / "variant-mutants.md"
WITH_PARTS = replace(transformer(), parts=Parts(biases=True, gains=True, gated=True))
NETWORKS = (
    *(residual(1), residual(2), residual(2, normalization=Normalization.RMS)),
    *(transformer(), WITH_PARTS),
)
# Presets that are right, by the axis along which they are.
RIGHT = {Axis.WIDTH: ("mup", "completep"), Axis.DEPTH: ("completep",)}
MEASURED = (residual(2), "completep", Optimizer.SGD)
_QUARTERS = (-2, -1, 1, 2)


@dataclass
class Score:
    """Of one preset along one axis, over networks and optimizers."""

    mutants: int = 0
    alike: int = 0
    named: int = 0
    role: int = 0
    undone: int = 0
    silent: int = 0

    def row(self, name: str) -> str:
        """One row of the table."""
        killed = self.mutants - self.alike
        numbers = (self.mutants, self.alike, self.named, self.role, self.undone, self.silent)
        assert self.named <= killed
        return f"| {name} | {' | '.join(map(str, numbers))} |"


def mistakes(network: Architecture, axis: Axis) -> Iterator[Change]:
    """Every single mistake."""
    roles = network.roles
    for quarters in _QUARTERS:
        exponent = Fraction(quarters, 4)
        factor = Power(width=exponent) if axis is Axis.WIDTH else Power(depth=exponent)
        for role in roles:
            for part in ("initialization", "multiplier", "rate"):
                if part != "initialization" or role in network.matrix_roles:
                    yield Change((role,), part, factor)
        if axis is Axis.DEPTH:
            yield Change((), "residual multiplier", factor)


def score(name: str, axis: Axis) -> Score:
    """What the diagnosis says of every mutant of a preset."""
    made = Score()
    for network in NETWORKS:
        for optimizer in Optimizer:
            base = preset(name, optimizer)
            usual = {(one.layer, one.quantity) for one in diagnose(network, base, axis)}
            for mistake in mistakes(network, axis):
                wrong = mistake.applied(base)
                found = diagnose(network, wrong, axis)
                made.mutants += 1
                new = [one for one in found if (one.layer, one.quantity) not in usual]
                if not new:
                    made.alike += _alike(network, base, wrong, axis)
                    continue
                made.named += 1
                made.role += _names(found, mistake)
                undone = mistake._replace(factor=ONE / mistake.factor)
                made.undone += any(undone in cure for cure in found.cures)
                made.silent += not diagnose(network, found.cured(), axis)
    return made


def _alike(
    network: Architecture, base: Parameterization, wrong: Parameterization, axis: Axis
) -> bool:
    """Whether no exponent of a healthy network is left: alpha by another name, or still healthy."""
    before, after = count_powers(network, base), count_powers(network, wrong)
    return before.stable_in_training(axis) == after.stable_in_training(axis)


def _names(found: Diagnosis, mistake: Change) -> bool:
    """Whether the role stands in a problem or in a cure."""
    layers = {one.layer.role for one in found if one.layer is not None}
    cured = {role for cure in found.cures for change in cure for role in change.roles}
    residuals = any(not change.roles for cure in found.cures for change in cure)
    return set(mistake.roles) <= layers | cured if mistake.roles else residuals


def measured(axis: Axis) -> tuple[int, int, int, int]:
    """Mutants of one preset on networks: how many, predictions, accepted, rejected."""
    network, name, optimizer = MEASURED
    mutants = predictions = accepted = rejected = 0
    for mistake in mistakes(network, axis):
        try:
            asked = predictions_of(network, mistake.applied(preset(name, optimizer)), axis)
        except NoTheoryError:
            continue
        campaign = Campaign(asked, Profile.QUICK, 0)
        store = Store(Path(":memory:"))
        measure(campaign, store)
        verdicts = [answer.judgement.verdict for answer in judge_campaign(campaign, store)]
        store.close()
        mutants, predictions = mutants + 1, predictions + len(verdicts)
        accepted += verdicts.count(Verdict.ACCEPTED)
        rejected += verdicts.count(Verdict.REJECTED)
    return mutants, predictions, accepted, rejected


def page() -> str:
    """The text of the page."""
    rows = [score(name, axis).row(f"{name}, {axis}") for axis in Axis for name in RIGHT[axis]]
    on_networks = "\n".join(f"| {axis} | {' | '.join(map(str, measured(axis)))} |" for axis in Axis)
    network, name, optimizer = MEASURED
    text = "\n".join(rows)
    return f"""# Presets with one wrong exponent

`python -m tools.variant_mutants` moves every exponent of presets that are right by 1/4 and by 1/2.
Networks: {"; ".join(map(str, NETWORKS))}. Optimizers: {", ".join(Optimizer)}.

As healthy are alpha between 1/2 and 1 by another name, and queries and keys of SGD that learn as
Adam's do. *Role*: it stands in a problem or in a cure. *Undone*: the mistake undone is in a cure.
*Silent*: nothing is wrong after the first cure.

| preset, axis | mutants | as healthy | named | role | undone | silent |
|---|---|---|---|---|---|---|
{text}

Networks were asked whether power counting is right about each mutant of {name}, {optimizer}
({network}):

| axis | mutants | predictions | accepted | rejected |
|---|---|---|---|---|
{on_networks}
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
