"""Measuring in several processes: the same numbers, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probes.trials import Measurements, run_sweep
from tests.verify.campaigns import of
from tests.verify.cli.test_cli import HANGS
from theory import Prediction
from verify.campaign.looks import judge_campaign
from verify.measuring.executors import TooLittleMemoryError, Workers
from verify.measuring.loop import measure
from verify.measuring.store import Store


def test_processes_measure_the_same(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "WORTH_STARTING", 0.0)
    campaign = of(prediction)
    found = []
    for workers in (1, 2):
        store = Store(tmp_path / f"{workers}.sqlite")
        measure(campaign, store, workers=workers)
        (answer,) = judge_campaign(campaign, store)
        found.append(answer.measured.values)
    np.testing.assert_array_equal(found[0], found[1])


def test_little_work_starts_no_process() -> None:
    with Workers(2) as workers:
        found = list(workers.results(lambda task: (task, os.getpid()), [2, 1], [0.1, 0.2]))
    assert found == [(2, (2, os.getpid())), (1, (1, os.getpid()))]


@pytest.mark.usefixtures("forked")
def test_a_worker_that_dies_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workers, "WORTH_STARTING", 0.0)
    with Workers(2) as workers, pytest.raises(TooLittleMemoryError, match="a worker process died"):
        list(workers.results(os._exit, [1], [1.0]))


def _takes_too_much(device: str) -> None:
    raise torch.OutOfMemoryError(f"{device} out of memory")


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(
    ("workers", "advice"), [(1, "--device cpu has another"), (2, "fewer --workers take less")]
)
def test_too_little_memory_of_a_device_is_one_clear_line(
    workers: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "WORTH_STARTING", 0.0)
    with (
        Workers(workers) as pool,
        pytest.raises(TooLittleMemoryError, match=f"device is too little; {advice}"),
    ):
        list(pool.results(_takes_too_much, ["cuda"], [1.0]))


def test_a_group_that_a_device_cannot_hold_is_split_and_gives_the_same_numbers(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = of(prediction)
    sizes, found = list[int](), []

    def small(*arguments: Any, **options: Any) -> list[Measurements]:
        sizes.append(len(arguments[4]))
        if len(arguments[4]) > 2:
            raise torch.OutOfMemoryError("cuda out of memory")
        return run_sweep(*arguments, **options)

    for sweep in (run_sweep, small):
        monkeypatch.setattr("verify.measuring.loop.run_sweep", sweep)
        store = Store(tmp_path / f"{sweep.__name__}.sqlite")
        measure(campaign, store)
        (answer,) = judge_campaign(campaign, store)
        found.append(answer.measured.values)
    assert max(sizes) > 2 >= min(sizes)
    np.testing.assert_array_equal(found[0], found[1])


def test_a_campaign_without_memory_says_that_what_was_measured_is_kept(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verify.measuring.loop.run", lambda *_: _takes_too_much("cuda"))
    with pytest.raises(TooLittleMemoryError, match="has another; what was measured is kept"):
        measure(of(prediction), Store(tmp_path / "store.sqlite"))


# A pool whose workers say who they are, and then do not end by themselves.
_SLEEPERS = """
import os, time
from pathlib import Path
from verify.measuring.executors import Workers

def sleep(place):
    Path(place, str(os.getpid())).touch()
    time.sleep(3600)

if __name__ == "__main__":
    with Workers(2) as workers:
        list(workers.results(sleep, [{place!r}] * 2, [60.0] * 2))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_workers_end_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "sleepers.py"
    (tmp_path / "pids").mkdir()
    script.write_text(_SLEEPERS.format(place=str(tmp_path / "pids")))
    parent = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL)
    _until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    parent.send_signal(how)
    parent.wait(HANGS)
    pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    _until(lambda: not any(_lives(pid) for pid in pids))


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    """Runs, and is no zombie that waits for being reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_worker_watches_its_parent_before_it_imports_torch() -> None:
    code = "import sys, verify.measuring.watching; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
