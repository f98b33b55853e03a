"""Measuring a campaign, look by look. Imports torch through ``probes``, and ``verify``."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from probes.data.images import load
from probes.trials import Measurements, resolve_device, run_sweep
from theory.errors import UnavailableError
from theory.experiments import images_besides_digits
from theory.prediction import claim_id
from theory.verdict import Verdict
from verify.campaign.design import Campaign, Question, questions, settings_of
from verify.campaign.looks import judge_campaign
from verify.campaign.trials import trials_of
from verify.measuring.budget import Budget, chance, needed
from verify.measuring.executors import LOCAL, TooLittleMemoryError, Workers
from verify.measuring.fingerprint import MEASURING_PACKAGES, fingerprint, image_digests
from verify.measuring.schedule import Group, missing, planned_trial, schedule
from verify.measuring.shards import WHOLE, Shard
from verify.measuring.store import Plan, PlannedDesign, Provenance, Store


def begin(campaign: Campaign, store: Store, patterns: Sequence[str] | None = None) -> Plan:
    """Enter a campaign into a store: what it asks, and under which conditions it is measured.

    ``patterns``: what the command line asks for; the predictions themselves unless given. Raises
    ``DomainError`` for images that cannot be read.
    """
    predictions = campaign.predictions
    sources = sorted(images_besides_digits(settings_of(campaign)))
    images = [load(source) for source in sources]
    versions = {package: version(package) for package in ("scaleproof", *MEASURING_PACKAGES)}
    provenance = Provenance(
        predictions=tuple(prediction.id for prediction in predictions),
        patterns=tuple(map(claim_id, predictions) if patterns is None else patterns),
        data=tuple(sources),
        images="; ".join(map(str, images)) or None,
        profile=campaign.profile,
        seed=campaign.seed,
        device=campaign.device,
        engine=campaign.engine,
        code=fingerprint(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions | {"python": platform.python_version()},
    )
    designs = [
        PlannedDesign(prediction.id, campaign.designs[prediction.id], float(prediction.margin))
        for prediction in predictions
    ]
    shown = "; ".join(each.digest for each in images)
    return store.begin(campaign.key, shown, provenance, designs)


def check_engine(campaign: Campaign) -> None:
    """Refuse, before anything is measured, an engine that cannot run every trial.

    Raises ``InputError``, naming the first setting that needs another one.
    """
    store = Store(Path(":memory:"))
    schedule(campaign, begin(campaign, store), questions(campaign), 0)


def run(seed: int, device: str, group: Group) -> list[Measurements]:
    """Measure a group: one result for each of its settings.

    Raises ``UnavailableError`` where this process reads other images than the one that planned it,
    and ``torch.OutOfMemoryError`` where one replicate is too much.
    """
    if tuple(image_digests(group.settings)) != group.images:
        raise UnavailableError(
            f"{group.settings[0].experiment.images}: the images have changed since the campaign "
            "began; put them back, or run the command again to begin another campaign on these"
        )
    return _in_halves(partial(_measured, seed, device, group), group.replicates)


def _measured(
    seed: int, device: str, group: Group, replicates: tuple[int, ...]
) -> list[Measurements]:
    rates = [setting.experiment.rate for setting in group.settings]
    return run_sweep(
        group.settings[0],
        rates,
        group.cell,
        seed,
        replicates,
        resolve_device(device),
        engine=group.engine,
    )


def _in_halves(
    measured: Callable[[tuple[int, ...]], list[Measurements]], replicates: tuple[int, ...]
) -> list[Measurements]:
    """All at once, or half by half where a device has too little memory for that.

    Numbers of a replicate do not depend on what it is measured with.
    """
    with suppress(torch.OutOfMemoryError):  # what it held is free before the halves begin
        return measured(replicates)
    torch.cuda.empty_cache()
    half = len(replicates) // 2
    if not half:
        return measured(replicates)
    parts = [_in_halves(measured, part) for part in (replicates[:half], replicates[half:])]
    return [
        {name: np.concatenate([first[name], second[name]]) for name in first}
        for first, second in zip(*parts, strict=True)
    ]


def store_groups(
    plan: Plan, store: Store, batch: Sequence[tuple[Group, Sequence[Measurements]]]
) -> None:
    """Put what was measured of some groups into the store, all of it or nothing."""
    store.add_all(
        (planned_trial(plan, setting, group.cell), group.replicates, values)
        for group, measured in batch
        for setting, values in zip(group.settings, measured, strict=True)
    )


def measure(
    campaign: Campaign,
    store: Store,
    progress: Callable[[int, float, float], None] = lambda _look, _done, _total: None,
    workers: int = 1,
    patterns: Sequence[str] | None = None,
    executor: str = LOCAL,
    shard: Shard = WHOLE,
    budget: Budget | None = None,
    judged: Callable[[Sequence[Verdict]], None] = lambda _verdicts: None,
) -> None:
    """Measure what the store does not hold yet, look by look, until everything is decided.

    ``progress`` receives the look (from 0), and of its cost what is done and what is needed;
    ``judged`` receives the verdicts that there are before each look but the first.
    ``workers`` is the number of processes, and ``executor`` says where they are
    (``verify.measuring.executors``): measurements depend on neither. Trials that kill their worker
    again and again are recorded as failures. A ``shard`` measures its part of the first look that
    is not complete, which is as far as it can see. A ``budget`` measures what decides most, and
    leaves the rest. Raises ``TooLittleMemoryError``; what was measured before is kept.
    """
    try:
        with Workers(workers, executor) as pool:
            plan = begin(campaign, store, patterns)
            _Run(campaign, store, plan, progress, pool, shard, budget, judged).measure()
    except TooLittleMemoryError as error:
        raise TooLittleMemoryError(
            f"{error}; what was measured is kept, and not measured again on the same device"
        ) from error


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of ``measure``; ``failed`` is what it gave up, and does not try again."""

    campaign: Campaign
    store: Store
    plan: Plan
    progress: Callable[[int, float, float], None]
    workers: Workers
    shard: Shard
    budget: Budget | None
    judged: Callable[[Sequence[Verdict]], None]
    failed: set[Group] = field(default_factory=set)

    def measure(self) -> None:
        """Every look that has open questions."""
        for look in range(self.campaign.looks):
            asked = self._open_questions(look)
            while asked:  # a sweep may become wider
                self._measure(self._groups(asked, look), look)
                spent = self.budget is not None and self.budget.spent
                if spent or not widen(self.campaign, self.plan, [q for q, _ in asked], look):
                    break

    def _open_questions(self, look: int) -> list[tuple[Question, float]]:
        """What has to be looked at for the (look + 1)-th time, and how likely that decides it."""
        campaign = self.campaign
        if look == 0:
            return [(question, 1.0) for question in questions(campaign)]
        answers = judge_campaign(campaign, self.store, looks=look)
        self.judged([answer.judgement.verdict for answer in answers])
        return [
            (answer.remaining, chance(answer)) for answer in answers if answer.is_open(campaign)
        ]

    def _groups(self, asked: Sequence[tuple[Question, float]], look: int) -> list[Group]:
        """What is measured of a look: all of it, or a part."""
        campaign, plan = self.campaign, self.plan
        groups = self.shard.part(schedule(campaign, plan, [q for q, _ in asked], look))
        if self.budget is None:
            return groups
        needs = [(needed(campaign, plan, question, look), likely) for question, likely in asked]
        left = [missing(plan, self.store, group) for group in groups]
        costs = [group.cost if group.replicates else 0.0 for group in left]
        return self.budget.affordable(groups, costs, needs)

    def _measure(self, groups: Sequence[Group], look: int) -> None:
        wanted = [missing(self.plan, self.store, group) for group in groups]
        total = sum(group.cost for group in groups)
        done = sum(g.cost for g, w in zip(groups, wanted, strict=True) if not w.replicates)
        wanted = [group for group in wanted if group.replicates and group not in self.failed]
        one = partial(run, self.campaign.seed, self.campaign.device)
        costs = [group.cost for group in wanted]
        for batch in self.workers.batches(one, wanted, costs, self._give_up):
            store_groups(self.plan, self.store, batch)
            for group, _ in batch:
                done += group.cost
                self.progress(look, done, total)
            if self.budget is not None:
                self.budget.measured(sum(group.cost for group, _ in batch))
                if self.budget.spent:
                    return

    def _give_up(self, group: Group, attempts: int) -> None:
        self.failed.add(group)
        for setting in group.settings:
            trial = planned_trial(self.plan, setting, group.cell)
            self.store.add_failure(trial, group.replicates, attempts, "its worker died every time")


def widen(campaign: Campaign, plan: Plan, asked: Sequence[Question], look: int) -> bool:
    """Widen the sweeps whose measurements show that their rates end too early; whether any did."""
    wider = [
        trials.widen() for question in asked for trials in trials_of(campaign, plan, question, look)
    ]
    return any(wider)
