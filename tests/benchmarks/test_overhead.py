"""What the process that deals out trials takes for each: `tox run -e benchmarks`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from os import getloadavg
from pathlib import Path
from time import perf_counter, process_time, sleep

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.synthetic import synthetic
from theory import Observable, Profile
from verify import Campaign, Store, select
from verify.campaign.design import questions
from verify.measuring.database import MEMORY
from verify.measuring.executors import HERE, LOCAL, Workers
from verify.measuring.loop import begin, store_groups
from verify.measuring.schedule import Group, missing, schedule
from verify.measuring.store import Plan

# Another cluster may have Dask's favourite port, and Dask leaves a socket open then.
pytestmark = pytest.mark.filterwarnings("default")

TRIALS, SHORT, LONG = 10_000, 1e-3, 0.5  # seconds of work that is expected


@dataclass(frozen=True)
class Planned:
    """The trials of a campaign, and where they go."""

    plan: Plan
    store: Store
    groups: list[Group]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """The quick campaign, on disk."""
    campaign = Campaign(select((), Profile.QUICK), Profile.QUICK, seed=5)
    store = Store(tmp_path / "measurements.sqlite")
    plan = begin(campaign, store)
    return Planned(plan, store, schedule(campaign, plan, questions(campaign), 0))


@contextmanager
def started(executor: str, count: int = 2) -> Iterator[Workers]:
    """Workers that have started and imported what trials need."""
    with Workers(1 if executor == "in process" else count, executor_name(executor)) as workers:
        list(workers.results(sleep, [0.01] * 4 * count, [10.0] * 4 * count))
        yield workers


def executor_name(executor: str) -> str:
    return HERE if executor == "dask" else LOCAL


@pytest.mark.parametrize("executor", ["in process", "pool", "dask"])
def test_ten_thousand_short_trials(
    benchmark: BenchmarkFixture, executor: str, planned: Planned
) -> None:
    """Dealt out, sent, sent back and stored, one replicate a trial; budget 1 ms each.

    The trials compute nothing. Workers have started before.
    """
    one = replace(planned.groups[0], settings=planned.groups[0].settings[:1], cost=SHORT)
    trials = [replace(one, replicates=(replicate,)) for replicate in range(TRIALS)]
    function = partial(synthetic, {}, 0, "cpu")
    with started(executor) as workers:
        before = process_time()

        def all_of_them() -> None:
            for batch in workers.batches(function, trials, [SHORT] * TRIALS):
                store_groups(planned.plan, planned.store, batch)

        benchmark.pedantic(all_of_them, rounds=1)  # type: ignore[no-untyped-call]
        spent = process_time() - before
    assert benchmark.stats is not None
    benchmark.extra_info |= {
        "ms a trial": 1e3 * benchmark.stats.stats.total / TRIALS,
        "of this process": 1e3 * spent / TRIALS,
        "load": getloadavg()[0],
        "target": 1.0,
    }
    ((kept,),) = planned.store.read("SELECT count(DISTINCT replicate) FROM measurements")
    assert kept == TRIALS


def slept(seconds: float) -> float:
    """A trial that needs no processor, so that other work does not disturb it."""
    sleep(seconds)
    return seconds


def test_dask_against_the_pool(benchmark: BenchmarkFixture) -> None:
    """Forty trials of half a second on two workers each, in turns; budget 10 percent."""
    times: dict[str, list[float]] = {"pool": [], "dask": []}
    trials = [LONG] * 40

    def round_of(executor: str, workers: Workers) -> None:
        begun = perf_counter()
        assert len(list(workers.results(slept, trials, trials))) == len(trials)
        times[executor].append(perf_counter() - begun)

    with started("pool") as pool, started("dask") as dask:

        def both() -> None:
            round_of("pool", pool)
            round_of("dask", dask)

        benchmark.pedantic(both, rounds=3)  # type: ignore[no-untyped-call]
    medians = {executor: float(np.median(each)) for executor, each in times.items()}
    shown = {f"{executor} s": seconds for executor, seconds in medians.items()}
    ratio = medians["dask"] / medians["pool"]
    benchmark.extra_info |= shown | {"ratio": ratio, "load": getloadavg()[0], "target": 1.1}


def test_what_storing_takes(benchmark: BenchmarkFixture, planned: Planned) -> None:
    """Constants of ``tools.schedule``: of this process, to plan and store a campaign."""
    function = partial(synthetic, {}, 0, "cpu")
    rows, seconds = [], []

    def stored(groups: list[Group], replicates: range) -> None:
        some = [replace(group, replicates=tuple(replicates)) for group in groups]
        batch = [(group, function(group)) for group in some]
        before = process_time()
        store_groups(planned.plan, planned.store, batch)
        seconds.append(process_time() - before)
        rows.append([1, len(batch), sum(values_of(group) for group in some)])

    def all_of_them() -> None:
        for start in range(0, len(planned.groups) - 32, 32):
            first = 1000 * start
            stored(planned.groups[start : start + 1], range(first, first + 1))
            stored(planned.groups[start : start + 8], range(first + 1, first + 3))
            stored(planned.groups[start : start + 32], range(first + 3, first + 5))
            stored(planned.groups[start : start + 1], range(first + 5, first + 500))

    benchmark.pedantic(all_of_them, rounds=1)  # type: ignore[no-untyped-call]
    batch, group, value = np.linalg.lstsq(np.array(rows, float), np.array(seconds), rcond=None)[0]
    shown = {"us to plan a group": 1e6 * planning() / len(planned.groups)}
    shown |= {"us a batch": 1e6 * batch, "us a group": 1e6 * group, "us a value": 1e6 * value}
    benchmark.extra_info |= shown | {"load": getloadavg()[0]}


def planning() -> float:
    """Seconds of the processor until the first group of a campaign is handed out."""
    campaign, store = Campaign(select((), Profile.QUICK), Profile.QUICK, seed=6), Store(MEMORY)
    plan = begin(campaign, store)
    before = process_time()
    for group in schedule(campaign, plan, questions(campaign), 0):
        missing(plan, store, group)
    return process_time() - before


def values_of(group: Group) -> int:
    """How many measurements a group gives."""
    experiment = group.settings[0].experiment
    return group.members * sum(isinstance(experiment, each.experiment) for each in Observable)
