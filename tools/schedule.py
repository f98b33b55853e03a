"""How far one process that deals out trials scales: ``python -m tools.schedule``.

It simulates the first look of the standard campaign on many workers, and writes
``docs/schedule.md``. Trials are those of the campaign, their times those of the cost model, and
batches those of ``verify.measuring.executors``. The same seeds give the same page. Imports click
and ``verify``.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from pathlib import Path
from statistics import fmean

import click

from theory.catalogue import select
from theory.observables import Observable
from theory.prediction import Profile
from verify.campaign.design import Campaign, questions
from verify.documents.checkout import source_checkout, write_files
from verify.documents.markdown import markdown_table
from verify.measuring.cluster import DaskPool
from verify.measuring.dealing import ATTEMPTS, Batch
from verify.measuring.executors import Workers
from verify.measuring.loop import begin
from verify.measuring.pools import Pool
from verify.measuring.schedule import Group, schedule
from verify.measuring.store import Store

PAGE = Path("docs/schedule.md")
WORKERS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000, 2000, 4000)
SEED, CAMPAIGN_SEED, REPEATS = 0, 12, 5
HOUR = 3600.0
FAILURES = 0.01 / HOUR  # of one worker, in a second
RESTART = 60.0  # seconds until there is another one in its place


@dataclass(frozen=True, slots=True)
class Coordinator:
    """Seconds of the process that deals out trials and stores what comes back.

    ``planned`` for each group before the first one is handed out.
    """

    planned: float
    batch: float
    group: float
    value: float

    def handles(self, batch: Batch[Trials]) -> float:
        """What one batch takes."""
        values = sum(trials.values for trials in batch.tasks)
        return self.batch + self.group * len(batch.tasks) + self.value * values


FREE = Coordinator(0.0, 0.0, 0.0, 0.0)
# As ``tests/benchmarks/test_overhead.py`` measures it, in processor time. Of a group, 57 us are the
# store's, and 34 are to send it to a pool and to receive what it gave.
MEASURED = Coordinator(planned=800e-6, batch=400e-6, group=91e-6, value=1.7e-6)


@dataclass(frozen=True, slots=True)
class Trials:
    """A group of a campaign: its expected seconds, and how many values it gives."""

    cost: float
    values: int


class Slots(Pool):
    """A Dask cluster of so many workers that runs nothing; batches are made for it."""

    longest_batch = DaskPool.longest_batch

    def __init__(self, count: int) -> None:
        self._count = count

    @property
    def slots(self) -> int:
        """The workers."""
        return self._count


@dataclass(slots=True)
class Course:
    """How a campaign went: when it ended, and who did how much meanwhile, in seconds.

    ``measured`` is what workers did, ``lost`` what they had begun when they failed, and ``handled``
    what the coordinator did. ``given_up`` counts groups.
    """

    seconds: float = 0.0
    measured: float = 0.0
    lost: float = 0.0
    handled: float = 0.0
    batches: int = 0
    failures: int = 0
    given_up: int = 0


@dataclass(slots=True)
class _Cluster:
    """Workers that are free, busy or about to come back; what runs ends as ``running`` says."""

    free: int
    rate: float
    chance: random.Random
    running: list[tuple[float, int, bool, float, Batch[Trials]]] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    started: int = 0

    def start(self, batch: Batch[Trials], now: float) -> None:
        """Let a worker begin; it may fail before it ends."""
        fails = self.chance.expovariate(self.rate) if self.rate else inf
        took = min(fails, batch.cost)
        self.started, self.free = self.started + 1, self.free - 1
        heappush(self.running, (now + took, self.started, fails < batch.cost, took, batch))

    def ended(self, now: float) -> Iterator[tuple[float, bool, float, Batch[Trials]]]:
        """What has ended by now: when, whether its worker failed, and after how many seconds."""
        while self.running and self.running[0][0] <= now:
            end, _, failed, took, batch = heappop(self.running)
            yield end, failed, took, batch

    def return_workers(self, now: float) -> None:
        """Count in who has come back by now."""
        while self.back and self.back[0] <= now:
            heappop(self.back)
            self.free += 1

    def next_event(self, waiting: bool) -> float:
        """When something ends, or, if work is waiting, when a worker comes back."""
        ends = self.running[0][0] if self.running else inf
        return min(ends, self.back[0]) if waiting and self.back else ends


def simulated(
    trials: Sequence[Trials],
    workers: int,
    coordinator: Coordinator,
    failures: float = 0.0,
    seed: int = SEED,
) -> Course:
    """A campaign on so many workers, of which each fails so often in a second.

    The coordinator does one thing at a time, as ``verify.measuring.dealing`` does: it hands batches
    to all who are free, waits until one ends, and gives its worker another one before it stores
    what came back. What a worker had when it failed is tried again, each group alone.
    """
    course, now = Course(), coordinator.planned * len(trials)
    course.handled = now
    costs = [each.cost for each in trials]
    coming = Workers.batched(trials, costs, Slots(workers))
    again: deque[Batch[Trials]] = deque()
    cluster = _Cluster(workers, failures, random.Random(seed))  # noqa: S311 - no secret
    following = next(coming, None)

    def hand_out() -> None:
        nonlocal following
        while cluster.free and (again or following):
            if again:
                cluster.start(again.popleft(), now)
            elif following:
                cluster.start(following, now)
                following = next(coming, None)

    while True:
        hand_out()
        event = cluster.next_event(waiting=bool(again or following))
        if event == inf:
            return course
        now = max(now, event)
        for end, failed, took, batch in cluster.ended(now):
            if failed:
                heappush(cluster.back, end + RESTART)
                _strike(batch, took, again, course)
                continue
            cluster.free += 1
            hand_out()
            now += coordinator.handles(batch)
            course.measured += took
            course.handled += coordinator.handles(batch)
            course.batches += 1
            course.seconds = now
        cluster.return_workers(now)


def _strike(batch: Batch[Trials], took: float, again: deque[Batch[Trials]], course: Course) -> None:
    course.failures += 1
    course.lost += took
    strikes = batch.strikes + 1
    if strikes == ATTEMPTS:
        course.given_up += len(batch.tasks)
    else:
        again.extend(Batch([one], one.cost, strikes) for one in batch.tasks)


def ideal(trials: Sequence[Trials], workers: int) -> float:
    """The least time that any order allows: an equal share of all, or the longest group."""
    return max(sum(each.cost for each in trials) / workers, max(each.cost for each in trials))


def first_look(profile: Profile) -> list[Trials]:
    """The groups of a profile's first look, as ``scaleproof verify`` measures them."""
    campaign = Campaign(select((), profile), profile, CAMPAIGN_SEED)
    plan = begin(campaign, Store(Path(":memory:")))
    groups = schedule(campaign, plan, questions(campaign), 0)
    return [Trials(group.cost, _values(group)) for group in groups]


def _values(group: Group) -> int:
    experiment = group.settings[0].experiment
    return group.members * sum(isinstance(experiment, each.experiment) for each in Observable)


def _lines(trials: Sequence[Trials]) -> list[str]:
    """One row for each number of workers, with and without failures."""
    rows = []
    for workers in WORKERS:
        least = ideal(trials, workers)
        calm = simulated(trials, workers, MEASURED)
        seeds = range(SEED, SEED + REPEATS)
        struck = [simulated(trials, workers, MEASURED, FAILURES, seed) for seed in seeds]
        rows.append(
            (
                f"{workers:,}",
                f"{least:,.1f}",
                f"{calm.seconds:,.1f}",
                f"{fmean(each.seconds for each in struck):,.1f}",
                f"{fmean(each.failures for each in struck):.2g}",
                f"{least / calm.seconds:.0%}",
                f"{calm.handled / calm.seconds:.0%}",
            )
        )
    header = ("workers", "ideal s", "s", "with failures", "failures", "of ideal", "coordinator")
    return markdown_table(header, rows)


def page() -> str:
    """The text of the page."""
    trials, cost = first_look(Profile.STANDARD), MEASURED
    total, values = sum(each.cost for each in trials), sum(each.values for each in trials)
    handled = simulated(trials, max(WORKERS), MEASURED).handled
    table = "\n".join(_lines(trials))
    return f"""# How far one coordinator scales

`python -m tools.schedule` simulates the first look of the standard campaign. Trials are those that
`scaleproof verify` would measure, and batches those that it would hand out. Times of trials are
those of the cost model. The network takes no time, and neither does the disk.

The coordinator is the process that deals out trials and stores what comes back. Its times were
[measured](benchmarks.md#overhead): {1e6 * cost.planned:.0f} us to plan a group, {1e6 * cost.batch:.0f} us for a batch,
{1e6 * cost.group:.0f} us for a group in it, {1e6 * cost.value:.1f} us for a value. All planning comes first.

The campaign has {len(trials):,} groups, which give {values:,} values and take {total:,.0f} s. The longest
takes {max(each.cost for each in trials):.1f} s: more workers than {total / max(each.cost for each in trials):.0f} wait for that. The coordinator takes {handled:.1f} s in all.
So it is enough for {total / handled:.0f} workers, however many such groups a campaign has, and does not scale further.

{table}

| column | means |
|---|---|
| ideal s | an equal share for every worker, or the longest group |
| with failures | a worker dies with probability {FAILURES * HOUR:.0%} in an hour, and another one comes after {RESTART:.0f} s; means of {REPEATS} seeds |
| of ideal | the ideal time over the simulated one, without failures |
| coordinator | the share of the time in which the coordinator is busy |
"""  # noqa: E501 - a row of a table is a line


@click.command()
def main() -> None:
    """Simulate, and write the page."""
    write_files({source_checkout() / PAGE: page()})
    click.echo(f"{PAGE}")


if __name__ == "__main__":
    main()
