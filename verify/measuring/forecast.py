"""What a budget would leave, before anything is measured. Imports torch through ``probes``.

The rule is that of ``verify.measuring.budget``, and the costs are those of the cost model, by which
a campaign chooses, too. What a look decides is not known before: a relation is expected to stay
open until its power reaches the target, and its controls to be rejected at the first look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from theory.experiments import Setting
from theory.scaling import Cell
from verify.campaign.design import Campaign, Question, questions
from verify.campaign.power import Outlook
from verify.measuring.budget import Budget, needed, wanted
from verify.measuring.loop import begin
from verify.measuring.schedule import Group, lacking, schedule
from verify.measuring.store import Plan, Store
from verify.statistics.sample_size import TARGET_POWER


@dataclass(frozen=True, slots=True)
class Expected:
    """One look as a budget would have it.

    ``asked`` are the ids of the questions that are expected to be open, and ``left`` those that
    would not be looked at. ``needed`` and ``paid`` are expected seconds of one core.
    """

    asked: tuple[str, ...]
    left: tuple[str, ...]
    needed: float
    paid: float


class _Spent:
    """A clock that shows the seconds that were spent."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def forecast(
    campaign: Campaign,
    entries: Sequence[Outlook],
    seconds: float,
    workers: int,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> list[Expected]:
    """What is looked at within so many seconds of ``workers`` side by side, look by look.

    ``entries`` say what each question can decide. ``progress`` receives how many looks are done,
    and how many there are.
    """
    plan, clock = begin(campaign, Store(Path(":memory:"))), _Spent()
    budget = Budget(seconds, workers, clock)
    held: dict[tuple[Setting, Cell], set[int]] = {}
    left: set[str] = set()
    looks = []
    for look in range(campaign.looks):
        progress(look, campaign.looks)
        asked = [
            (question, likely)
            for question, outlook in zip(_family(campaign, look), entries, strict=True)
            if question.id not in left and (likely := _likely(outlook, look)) is not None
        ]
        expected = _look(campaign, plan, budget, asked, look, held)
        left |= set(expected.left)
        clock.seconds += expected.paid / workers
        looks.append(expected)
    progress(campaign.looks, campaign.looks)
    return looks


def _family(campaign: Campaign, look: int) -> list[Question]:
    """Every question; with its controls at the first look only."""
    family = questions(campaign)
    return family if look == 0 else [replace(question, controls=()) for question in family]


def _likely(outlook: Outlook, look: int) -> float | None:
    """How likely a look decides a question; ``None`` where it is not expected to come to it."""
    if look == 0:
        return 1.0
    open_before = look < len(outlook.decided) and outlook.decided[look - 1] < TARGET_POWER
    return outlook.decided[look] if open_before else None


def _look(
    campaign: Campaign,
    plan: Plan,
    budget: Budget,
    asked: Sequence[tuple[Question, float]],
    look: int,
    held: dict[tuple[Setting, Cell], set[int]],
) -> Expected:
    """A look at what is asked; what is paid for is ``held`` from then on."""
    groups = schedule(campaign, plan, [question for question, _ in asked], look)
    needs = [(needed(campaign, plan, question, look), likely) for question, likely in asked]
    costs = [group.cost if _lacks(group, held) else 0.0 for group in groups]
    bought = budget.bought(groups, costs, needs)
    for i in bought:
        for setting in groups[i].settings:
            held.setdefault((setting, groups[i].cell), set()).update(groups[i].replicates)
    unpaid = {i for i, cost in enumerate(costs) if cost} - bought
    wants = wanted(groups, [need for need, _ in needs])
    return Expected(
        asked=tuple(question.id for question, _ in asked),
        left=tuple(q.id for (q, _), own in zip(asked, wants, strict=True) if own & unpaid),
        needed=sum(costs),
        paid=sum(costs[i] for i in bought),
    )


def _lacks(group: Group, held: Mapping[tuple[Setting, Cell], set[int]]) -> bool:
    own = {setting: held.get((setting, group.cell), set()) for setting in group.settings}
    return bool(lacking(group, own).replicates)
