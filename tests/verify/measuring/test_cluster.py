"""A Dask cluster measures the same numbers, and may lose workers."""

import importlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.verify.campaigns import of
from tests.verify.cli.test_cli import HANGS, run
from tests.verify.measuring.test_executors import dies_at
from tests.verify.measuring.test_store import contents
from theory import Prediction, UnavailableError
from verify.measuring.executors import Workers
from verify.measuring.loop import measure
from verify.measuring.store import Store

pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _silent(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def scheduler(free_port: int) -> Iterator[str]:
    """A scheduler and two workers on loopback, each a process of its own."""
    address = f"tcp://127.0.0.1:{free_port}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    processes = [
        _silent([*dask, "--host", "127.0.0.1", "--port", str(free_port), "--no-dashboard"])
    ]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address]
    worker += ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    processes += [_silent(worker) for _ in range(2)]
    yield f"dask://127.0.0.1:{free_port}"
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(HANGS)


def test_a_scheduler_that_does_not_answer_is_one_line(
    free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verify.measuring.cluster._CONNECTS", 0.2)
    name = f"dask://127.0.0.1:{free_port}"
    with Workers(2, name) as workers, pytest.raises(UnavailableError, match="no Dask scheduler"):
        list(workers.results(abs, [1], [1.0]))


@pytest.mark.slow
def test_a_cluster_measures_the_same(
    scheduler: str, prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)
    here, there = Store(tmp_path / "here.sqlite"), Store(tmp_path / "there.sqlite")
    measure(of(prediction), here)
    measure(of(prediction), there, executor=scheduler)
    assert contents(there) == contents(here)


@pytest.mark.slow
def test_a_task_that_kills_workers_of_a_local_cluster_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)
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
    with distributed.Client(scheduler.replace("dask", "tcp")) as client:
        client.wait_for_workers(2)
        victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    assert run("verify", "--executor", scheduler, "--out", tmp_path) == 1  # nothing is on record
    assert "Traceback" not in capsys.readouterr().err
