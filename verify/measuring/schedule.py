"""What is measured together, and in which order. Imports torch through ``probes``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from fractions import Fraction

from probes.costs import engine_of, group_size, seconds
from probes.engines import Engine
from theory.experiments import Setting
from theory.scaling import Cell
from verify.campaign.design import Campaign, Question
from verify.campaign.trials import trials_of
from verify.judging.quantities import at_rate
from verify.measuring.fingerprint import image_digests, trial_key
from verify.measuring.store import Plan, PlannedTrial, Store


@dataclass(frozen=True, slots=True)
class Group:
    """What is measured together: replicates of one cell, at one or more base learning rates.

    ``settings`` differ in nothing but that rate; ``cost`` is the expected time in seconds, and
    ``images`` the digest of what they are trained on, as whoever planned it saw them.
    """

    settings: tuple[Setting, ...]
    cell: Cell
    replicates: tuple[int, ...]
    engine: Engine
    cost: float
    images: tuple[str, ...]

    @property
    def members(self) -> int:
        """Networks in the group."""
        return len(self.settings) * len(self.replicates)


def forced(campaign: Campaign) -> Engine | None:
    """The engine that a campaign forces upon every trial."""
    return None if campaign.engine is None else Engine(campaign.engine)


def schedule(campaign: Campaign, plan: Plan, asked: Sequence[Question], look: int) -> list[Group]:
    """The groups of a look at some questions in the order in which they are measured.

    Each trial comes once, and is entered into the plan. The plan says how far the rates of a sweep
    have been widened. Raises ``InputError`` for a forced engine that cannot run a trial.
    """
    needed: dict[tuple[Setting, Cell], int] = {}
    for question in asked:
        for trials in trials_of(campaign, plan, question, look):
            for part in trials.parts():
                for cell in part.cells:
                    before = needed.get((part.setting, cell), 0)
                    needed[part.setting, cell] = max(before, trials.replicates)
    _enter(campaign, plan, list(needed))
    sweeps: dict[tuple[Setting, Cell, int], list[Setting]] = {}
    for (setting, cell), replicates in needed.items():
        sweeps.setdefault((at_rate(setting, Fraction(1)), cell, replicates), []).append(setting)
    return [
        group
        for (_, cell, replicates), settings in sweeps.items()
        for group in groups_of(settings, cell, range(replicates), campaign.device, forced(campaign))
    ]


def _enter(campaign: Campaign, plan: Plan, needed: Sequence[tuple[Setting, Cell]]) -> None:
    """Plan the trials that are not planned yet."""
    new = {}
    for setting, cell in needed:
        if plan.trial(setting, cell) is None:
            engine = engine_of(setting, cell, campaign.device, forced(campaign))
            key = trial_key(setting, cell, campaign.seed, campaign.device, engine)
            new[setting, cell] = PlannedTrial(key, engine)
    plan.enter_trials(new)


def groups_of(
    settings: Sequence[Setting],
    cell: Cell,
    replicates: range,
    device: str,
    forced: Engine | None,
) -> Iterator[Group]:
    """A sweep in groups of the size that is fast: all rates of few replicates, if they fit.

    Raises ``InputError`` where a forced engine cannot run the settings.
    """
    engine = engine_of(settings[0], cell, device, forced)
    members = group_size(settings[0], cell, device, engine)
    # Without matrices, nothing is shared between rates.
    rates = 1 if engine is Engine.MATRIX_FREE else max(1, min(members, len(settings)))
    together = max(1, members // rates)
    images = tuple(image_digests(settings))
    for start in range(0, len(replicates), together):
        some = tuple(replicates[start : start + together])
        for first in range(0, len(settings), rates):
            part = tuple(settings[first : first + rates])
            cost = seconds(part[0], cell, device, engine, len(part) * len(some))
            yield Group(part, cell, some, engine, cost, images)


def missing(plan: Plan, store: Store, group: Group) -> Group:
    """The group without what is stored: settings of which nothing lacks, replicates of no use."""
    stored = {
        setting: store.replicates(planned_trial(plan, setting, group.cell), group.replicates)
        for setting in group.settings
    }
    return lacking(group, stored)


def lacking(group: Group, held: Mapping[Setting, AbstractSet[int]]) -> Group:
    """The group without the replicates that are held of its settings."""
    wanted = {setting: set(group.replicates) - held[setting] for setting in group.settings}
    settings = tuple(setting for setting in group.settings if wanted[setting])
    replicates = tuple(sorted(set().union(*wanted.values())))
    return replace(group, settings=settings, replicates=replicates)


def planned_trial(plan: Plan, setting: Setting, cell: Cell) -> str:
    """The key of a trial that ``schedule`` has planned."""
    planned = plan.trial(setting, cell)
    assert planned is not None
    return planned.trial
