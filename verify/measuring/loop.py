"""Measuring a campaign, look by look. Imports torch through ``probes``, and ``verify``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from probes.costs import engine_of, group_size, seconds
from probes.engines import Engine
from probes.trials import Measurements, resolve_device, run_sweep
from theory.experiments import Setting
from theory.scaling import Cell
from verify.campaign.looks import Campaign, Question, Trials, judge_campaign, questions
from verify.measuring.executors import TooLittleMemoryError, Workers
from verify.measuring.store import Store, image_digests


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


def check_engine(campaign: Campaign) -> None:
    """Refuse, before anything is measured, an engine that cannot run every trial.

    Raises ``InputError``, naming the first setting that needs another one.
    """
    plan(campaign, Store(Path(":memory:")))


def plan(
    campaign: Campaign, store: Store, look: int = 0, asked: Sequence[Question] = ()
) -> list[Group]:
    """The groups of a look in the order in which they are measured, each trial once.

    Without ``asked``, those of a look at everything. The store says how far the rates of a sweep
    have been widened.
    """
    needed: dict[tuple[Setting, Cell], int] = {}

    def need(question: Question, setting: Setting, replicates: int) -> None:
        trials = Trials(campaign, store, question, setting, replicates)
        for part, cells in trials.parts():
            for cell in cells:
                needed[part, cell] = max(needed.get((part, cell), 0), replicates)

    for question in asked or questions(campaign):
        grid = campaign.grid(question.prediction)
        need(question, question.prediction.setting, grid.replicates * 2**look)
        for control in question.controls:
            need(question, control.setting, grid.control_replicates * 2**look)
    sweeps: dict[tuple[Setting, Cell, int], list[Setting]] = {}
    for (setting, cell), replicates in needed.items():
        at_any_rate = replace(setting, experiment=setting.experiment.at_rate(Fraction(1)))
        sweeps.setdefault((at_any_rate, cell, replicates), []).append(setting)
    return [
        group
        for (_, cell, replicates), settings in sweeps.items()
        for group in groups_of(settings, cell, range(replicates), campaign.device, campaign.engine)
    ]


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


def run(seed: int, device: str, group: Group) -> list[Measurements]:
    """Measure a group: one result for each of its settings.

    Raises ``UnavailableError`` where this process reads other images than the one that planned it.
    """
    if tuple(image_digests(group.settings)) != group.images:
        raise UnavailableError(
            f"{group.settings[0].experiment.images}: the images have changed since the campaign "
            "began; put them back, or run the command again to begin another campaign on these"
        )
    rates = [setting.experiment.rate for setting in group.settings]
    return run_sweep(
        group.settings[0],
        rates,
        group.cell,
        seed,
        group.replicates,
        resolve_device(device),
        engine=group.engine,
    )


def keep(campaign: Campaign, store: Store, group: Group, found: Sequence[Measurements]) -> None:
    """Put what was measured into the store."""
    for setting, measured in zip(group.settings, found, strict=True):
        store.add(campaign.trial(setting, group.cell), group.replicates, measured)


def measure(
    campaign: Campaign,
    store: Store,
    progress: Callable[[int, float, float], None] = lambda _look, _done, _total: None,
    workers: int = 1,
) -> None:
    """Measure what the store does not hold yet, look by look, until everything is decided.

    ``progress`` receives the look (from 0), and of its cost what is done and what is needed;
    ``workers`` is the number of processes, on which the measurements do not depend. Raises
    ``TooLittleMemoryError``; what was measured before is kept.
    """
    try:
        with Workers(workers) as pool:
            _measure(campaign, store, progress, pool)
    except TooLittleMemoryError as error:
        raise TooLittleMemoryError(
            f"{error}; what was measured is kept, and not measured again on the same device"
        ) from error


def _measure(
    campaign: Campaign,
    store: Store,
    progress: Callable[[int, float, float], None],
    workers: Workers,
) -> None:
    for prediction in campaign.predictions:
        store.enter(campaign.design(prediction), None)
    for look in range(campaign.looks):
        asked = _open_questions(campaign, store, look)
        if not asked:
            return
        while True:  # a sweep may become wider
            groups = plan(campaign, store, look, asked)
            wanted = [missing(campaign, store, group) for group in groups]
            total = sum(group.cost for group in groups)
            done = sum(g.cost for g, w in zip(groups, wanted, strict=True) if not w.replicates)
            wanted = [group for group in wanted if group.replicates]
            if not wanted:
                break
            one = partial(run, campaign.seed, campaign.device)
            for group, found in workers.results(one, wanted, [group.cost for group in wanted]):
                keep(campaign, store, group, found)
                done += group.cost
                progress(look, done, total)


def missing(campaign: Campaign, store: Store, group: Group) -> Group:
    """The group without what is stored: settings of which nothing lacks, replicates of no use."""
    lacking = {
        setting: set(group.replicates)
        - store.replicates(campaign.trial(setting, group.cell), group.replicates)
        for setting in group.settings
    }
    settings = tuple(setting for setting in group.settings if lacking[setting])
    replicates = tuple(sorted(set().union(*lacking.values())))
    return replace(group, settings=settings, replicates=replicates)


def _open_questions(campaign: Campaign, store: Store, look: int) -> list[Question]:
    """What has to be looked at for the (look + 1)-th time."""
    if look == 0:
        return questions(campaign)
    answers = judge_campaign(campaign, store, looks=look)
    return [answer.remaining for answer in answers if answer.is_open(campaign)]
