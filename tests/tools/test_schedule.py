"""The simulated schedule: what holds whatever is dealt out, and the page as it is committed."""

import random

import pytest

from tests.end_to_end.code_blocks import ROOT
from tools.schedule import (
    FAILURES,
    FREE,
    PAGE,
    WORKERS,
    Coordinator,
    Slots,
    Trials,
    ideal,
    page,
    simulated,
)
from verify.measuring.executors import Workers

BUSY = Coordinator(planned=1e-4, batch=1e-3, group=1e-4, value=1e-5)
OFTEN = 0.01  # failures of a worker in a second


@pytest.fixture
def trials() -> list[Trials]:
    """Groups of very different sizes."""
    chance = random.Random(1)
    return [Trials(chance.lognormvariate(-1.0, 1.5), chance.randrange(1, 200)) for _ in range(1500)]


def total(trials: list[Trials]) -> float:
    return sum(each.cost for each in trials)


def test_one_worker_takes_the_sum(trials: list[Trials]) -> None:
    course = simulated(trials, 1, FREE)
    assert course.seconds == pytest.approx(total(trials))
    slower = simulated(trials, 1, BUSY)  # it works while values are stored
    assert total(trials) < slower.seconds < total(trials) + slower.handled


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("coordinator", [FREE, BUSY])
@pytest.mark.parametrize("rate", [0.0, OFTEN])
def test_nothing_is_faster_than_the_ideal(
    workers: int, coordinator: Coordinator, rate: float, trials: list[Trials]
) -> None:
    course = simulated(trials, workers, coordinator, rate)
    if not course.given_up:
        assert course.seconds >= max(ideal(trials, workers) - 1e-9, course.handled)
        assert course.measured == pytest.approx(total(trials))
    assert course.seconds >= (course.measured + course.lost) / workers - 1e-9


@pytest.mark.parametrize("workers", [2, 8, 32])
def test_without_a_coordinator_nobody_waits_but_at_the_end(
    workers: int, trials: list[Trials]
) -> None:
    """The rule of batches: at most the longest of them is lost at the end."""
    costs = [each.cost for each in trials]
    longest = max(batch.cost for batch in Workers.batched(trials, costs, Slots(workers)))
    assert simulated(trials, workers, FREE).seconds <= total(trials) / workers + longest


def test_the_coordinator_handles_each_batch_and_each_value_once(trials: list[Trials]) -> None:
    course = simulated(trials, 50, BUSY)
    costs = [each.cost for each in trials]
    assert course.batches == len(list(Workers.batched(trials, costs, Slots(50))))
    values = sum(each.values for each in trials)
    expected = 1e-3 * course.batches + 2e-4 * len(trials) + 1e-5 * values
    assert course.handled == pytest.approx(expected)


def test_failures_only_add(trials: list[Trials]) -> None:
    """To one worker always; to many, where order matters as well, in the mean."""
    for seed in range(5):
        struck = simulated(trials, 1, FREE, FAILURES * 100, seed)
        calm = simulated(trials, 1, FREE)
        assert struck.seconds >= calm.seconds - 1e-9
        assert struck.seconds >= struck.measured + struck.lost
    for workers in (4, 64):
        calm = simulated(trials, workers, BUSY)
        courses = [simulated(trials, workers, BUSY, OFTEN, seed) for seed in range(10)]
        assert all(course.failures and course.lost > 0 for course in courses)
        assert sum(each.seconds for each in courses) > 10 * calm.seconds


def test_without_failures_nothing_is_lost(trials: list[Trials]) -> None:
    course = simulated(trials, 16, BUSY)
    assert (course.failures, course.lost, course.given_up) == (0, 0.0, 0)


def test_what_kills_every_worker_is_given_up_after_three() -> None:
    course = simulated([Trials(1000.0, 1)], 4, FREE, failures=1.0)
    assert (course.failures, course.given_up, course.measured) == (3, 1, 0.0)


def test_the_same_seed_gives_the_same_course(trials: list[Trials]) -> None:
    first, again, other = (simulated(trials, 64, BUSY, OFTEN, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_coordinator_is_enough_for_so_many_workers_as_it_has_time_for() -> None:
    """A second each, ten milliseconds to handle: a hundred workers, and no more."""
    trials, coordinator = [Trials(1.0, 1)] * 4000, Coordinator(0.0, 0.01, 0.0, 0.0)
    assert simulated(trials, 50, coordinator).seconds < 1.1 * total(trials) / 50
    assert simulated(trials, 400, coordinator).seconds >= 0.01 * 4000


def test_the_page_is_committed_as_it_is_simulated() -> None:
    assert page() == (ROOT / PAGE).read_text(encoding="utf-8"), "python -m tools.schedule"
