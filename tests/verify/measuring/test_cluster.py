"""A Dask cluster measures the same numbers, and may lose workers."""

import importlib
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.verify.campaigns import of
from tests.verify.cli.test_cli import HANGS, run
from tests.verify.measuring.test_executors import dies_at, dies_once
from tests.verify.measuring.test_store import contents
from tests.verify.measuring.wires import Processes, Wire, free_port, processes
from theory import Prediction, UnavailableError
from verify.measuring import dealing
from verify.measuring.executors import Workers
from verify.measuring.loop import measure
from verify.measuring.store import Store

pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """A scheduler, to which a test adds workers; it may take its time."""
    monkeypatch.setattr("verify.measuring.cluster._CONNECTS", HANGS)
    monkeypatch.setattr("verify.measuring.cluster._RETURNS", HANGS)
    with processes() as started:
        yield started


@pytest.fixture
def scheduler(cluster: Processes) -> str:
    """A scheduler and two workers on loopback, each a process of its own."""
    for _ in range(2):
        cluster.start_worker()
    return cluster.executor


@pytest.fixture
def each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every task is a batch of its own."""
    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)


def test_a_scheduler_that_does_not_answer_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("verify.measuring.cluster._CONNECTS", 0.2)
    name = f"dask://127.0.0.1:{free_port()}"
    with Workers(2, name) as workers, pytest.raises(UnavailableError, match="no Dask scheduler"):
        list(workers.results(abs, [1], [1.0]))


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
def test_a_cluster_measures_the_same(
    scheduler: str, prediction: Prediction, tmp_path: Path
) -> None:
    here, there = Store(tmp_path / "here.sqlite"), Store(tmp_path / "there.sqlite")
    measure(of(prediction), here)
    measure(of(prediction), there, executor=scheduler)
    assert contents(there) == contents(here)


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
def test_a_task_that_kills_workers_of_a_local_cluster_is_given_up() -> None:
    given_up = []
    with Workers(2, "dask") as workers:
        batches = workers.batches(
            partial(dies_at, 3),
            range(6),
            [1.0] * 6,
            lambda task, attempts: given_up.append((task, attempts)),
        )
        found = sorted(task for batch in batches for task, _ in batch)
    assert found == [0, 1, 2, 4, 5]
    assert given_up == [(3, 3)]


@pytest.mark.slow
def test_the_command_measures_on_a_cluster_that_loses_a_worker(
    scheduler: str,
    prediction: Prediction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    distributed: Any = importlib.import_module("distributed")
    with distributed.Client(scheduler.replace("dask", "tcp"), timeout=HANGS) as client:
        client.wait_for_workers(2)
        victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    assert run("verify", "--executor", scheduler, "--out", tmp_path) == 0  # nothing is on record
    assert "Traceback" not in capsys.readouterr().err


def takes_time(number: int) -> int:
    time.sleep(0.05)
    return number


def slow_once(place: str, number: int) -> int:
    """The first worker that has it is slow: it ends when all the others have."""
    try:
        Path(place, "slow").touch(exist_ok=False)
    except FileExistsError:
        return number
    while not Path(place, "others").exists():
        time.sleep(0.05)
    return number


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
def test_tasks_of_a_worker_that_is_killed_go_to_another(scheduler: str, tmp_path: Path) -> None:
    with Workers(2, scheduler) as workers:
        function = partial(dies_once, str(tmp_path / "died"))
        found = sorted(workers.results(function, range(12), [1.0] * 12))
    assert found == [(n, n) for n in range(12)]
    assert (tmp_path / "died").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
def test_a_slow_worker_delays_nobody(scheduler: str, tmp_path: Path) -> None:
    _wait_for_workers(scheduler, 2)
    found = []
    with Workers(2, scheduler) as workers:
        function = partial(slow_once, str(tmp_path))
        for number, _ in workers.results(function, range(20), [1.0] * 20):
            found.append(number)
            if len(found) == 19:
                (tmp_path / "others").touch()
    assert sorted(found) == list(range(20))


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
def test_tasks_of_a_worker_that_is_cut_off_go_to_another_and_none_is_given_up(
    cluster: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "PATIENCE", 10.0)
    monkeypatch.setattr(dealing, "_GLANCE", 0.1)
    cluster.start_worker()
    _wait_for_workers(cluster.executor, 1)
    there, back = Wire(cluster.port), Wire(free_port())
    far = cluster.start_far_worker(there, back)
    _wait_for_workers(cluster.executor, 2)
    found: list[int] = []
    with Workers(2, cluster.executor) as workers:
        # The first two are expected to take long, so that patience with the others is short.
        costs = [100.0] * 2 + [0.1] * 20
        for number, _ in workers.results(takes_time, range(22), costs):
            if not found:  # each has one, and one of them will not be heard of again
                there.cut()
                back.cut()
            found.append(number)
    far.kill()
    there.close()
    back.close()
    assert sorted(found) == list(range(22))  # without a give_up, one that is given up is raised


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["dies", "is moved"])
def test_a_scheduler_that_comes_back_goes_on(how: signal.Signals, cluster: Processes) -> None:
    cluster.start_worker()
    found = []
    with Workers(2, cluster.executor) as workers:
        for number, _ in workers.results(takes_time, range(20), [1.0] * 20):
            found.append(number)
            if len(found) == 3:
                cluster.scheduler.send_signal(how)
                cluster.scheduler.wait()
                cluster.start_scheduler()
                cluster.start_worker()  # the first one may have ended with its scheduler
    assert sorted(found) == list(range(20))


@pytest.mark.slow
@pytest.mark.usefixtures("each_alone")
def test_a_scheduler_that_stays_away_is_one_line(
    cluster: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verify.measuring.cluster._RETURNS", 0.2)
    cluster.start_worker()
    with Workers(2, cluster.executor) as workers:
        results = workers.results(takes_time, range(20), [1.0] * 20)
        next(results)
        cluster.scheduler.kill()
        with pytest.raises(RuntimeError, match=r"scheduler of '127.*' is gone"):
            list(results)


def _wait_for_workers(executor: str, count: int) -> None:
    distributed: Any = importlib.import_module("distributed")
    with distributed.Client(executor.replace("dask", "tcp", 1), timeout=HANGS) as client:
        client.wait_for_workers(count)
