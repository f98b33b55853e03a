"""Where trials run makes no difference, and a bad worker stops nothing."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.verify.campaigns import of
from tests.verify.cli.test_cli import HANGS, run
from tests.verify.measuring.test_store import contents
from tests.verify.measuring.test_workers import _lives, _until
from theory import InputError, Prediction, UnavailableError
from verify.measuring import dealing
from verify.measuring import loop as measuring
from verify.measuring.executors import Workers
from verify.measuring.loop import measure
from verify.measuring.pools import InProcess, SpawnPool
from verify.measuring.store import Store


@pytest.fixture(autouse=True)
def pools_start_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workers, "WORTH_STARTING", 0.0)
    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)


def dies_at(fatal: int, number: int) -> int:
    if number == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies_once(marker: str, number: int) -> int:
    """The first worker that has it dies, whatever the number is."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.usefixtures("forked")
def test_a_task_that_kills_its_worker_three_times_is_given_up_and_the_others_are_done() -> None:
    given_up = []
    with Workers(1) as workers:
        workers._started = SpawnPool(1)
        batches = workers.batches(
            partial(dies_at, 3),
            range(5),
            [1.0] * 5,
            lambda task, attempts: given_up.append((task, attempts)),
        )
        found = sorted(task for batch in batches for task, _ in batch)
    assert found == [0, 1, 2, 4]
    assert given_up == [(3, 3)]


@pytest.mark.usefixtures("forked")
def test_tasks_of_a_lost_worker_go_to_another(tmp_path: Path) -> None:
    with Workers(1) as workers:
        workers._started = SpawnPool(1)
        function = partial(dies_once, str(tmp_path / "died"))
        assert sorted(workers.results(function, range(4), [1.0] * 4)) == [(n, n) for n in range(4)]


def hangs_once(marker: str, number: int) -> int:
    if number == 7 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return number


@pytest.mark.usefixtures("forked")
def test_a_worker_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "PATIENCE", 1.0)
    monkeypatch.setattr(dealing, "TIMES_SLOWER", 6.0)  # a new one takes as long to start
    monkeypatch.setattr(dealing, "_GLANCE", 0.1)
    with Workers(1) as workers:
        workers._started = SpawnPool(1)
        function = partial(hangs_once, str(tmp_path / "hung"))
        # The first one says how long such work takes.
        assert list(workers.results(function, [1, 7], [2.0, 1.0])) == [(1, 1), (7, 7)]


@pytest.mark.usefixtures("forked")
def test_a_worker_with_other_code_is_refused_before_it_measures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dealing, "fingerprint", lambda: "ours" * 4)
    with Workers(1) as workers:
        workers._started = SpawnPool(1)
        with pytest.raises(UnavailableError, match="a worker has other code"):
            list(workers.results(partial(dies_at, 0), [0], [1.0]))


def test_an_unknown_executor_is_one_line() -> None:
    with pytest.raises(InputError, match="unknown executor 'slurm'; choose local, dask"):
        Workers(1, "slurm")


def test_dask_without_its_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    missing = pytest.raises(UnavailableError, match=r"scaleproof\[dask\]")
    with Workers(1, "dask") as workers, missing:
        list(workers.results(abs, [1], [1.0]))


def test_what_a_task_raises_is_raised_and_ctrl_c_gets_through() -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with Workers(1) as workers:
        with pytest.raises(ZeroDivisionError):
            list(workers.results(lambda n: 1 / n, [0], [1.0]))
        with pytest.raises(KeyboardInterrupt):
            list(workers.results(interrupted, [0], [1.0]))


def test_a_trial_that_is_given_up_is_on_record_and_the_rest_is_judged(
    prediction: Prediction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))

    class Dies(InProcess):
        """Its worker dies wherever L = 16."""

        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            if any(group.cell.depth == 16 for group in fn.args[1]):
                return super().submit(_raises_broken)
            return super().submit(fn, *args, **kwargs)

    monkeypatch.setattr("verify.measuring.executors.InProcess", Dies)
    assert run("verify", "--workers", "1", "--out", tmp_path) == 4
    error = capsys.readouterr().err
    assert "given up after 3 attempts: replicate 0 at n=24, L=16, seed 0, dense on cpu" in error
    store = Store(tmp_path / "measurements.sqlite")
    assert {failure.depth for failure in store.failures()} == {16}
    assert len(contents(store)) == 2 / 3 * 378
    monkeypatch.undo()
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    assert run("verify", "--workers", "1", "--out", tmp_path) == 0  # nothing is on record
    assert Store(tmp_path / "measurements.sqlite").failures() == []


def _raises_broken() -> None:
    from concurrent.futures import BrokenExecutor

    raise BrokenExecutor


@pytest.mark.usefixtures("forked")
def test_a_campaign_survives_the_death_of_its_workers_with_the_same_numbers(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, disturbed = Store(tmp_path / "one.sqlite"), Store(tmp_path / "two.sqlite")
    measure(of(prediction), straight)
    died = str(tmp_path / "died")
    monkeypatch.setattr(measuring, "run", partial(_run_after_a_death, died))
    measure(of(prediction), disturbed, workers=2)
    assert Path(died).exists()
    assert contents(disturbed) == contents(straight)


def _run_after_a_death(marker, seed, device, group):  # type: ignore[no-untyped-def]
    """In a worker, where nothing is replaced."""
    dies_once(marker, 0)
    return measuring.run(seed, device, group)


@pytest.mark.parametrize("after", [0.0, 0.7])
def test_ctrl_c_while_workers_start_is_no_traceback_and_leaves_none_behind(
    after: float, tmp_path: Path
) -> None:
    script = tmp_path / "starting.py"
    script.write_text(
        "import sys\n"
        "from verify.measuring.executors import Workers\n"
        "if __name__ == '__main__':\n"
        "    with Workers(2) as workers:\n"
        "        try:\n"
        "            print('starting', flush=True)\n"
        "            list(workers.results(abs, [1, 2], [60.0] * 2))\n"
        "        except KeyboardInterrupt:\n"
        "            sys.exit(4)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "starting\n"
    _until(lambda: len(_children(parent.pid)) >= 2)  # a worker, and what tracks resources
    children = _children(parent.pid)
    time.sleep(after)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
    _, error = parent.communicate(timeout=HANGS)
    assert error == ""
    _until(lambda: not any(_lives(pid) for pid in children))


def _children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def test_sigterm_is_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from verify.cli import main; main()"]
    command += ["verify", "A13", "--workers", "1", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        _until(lambda: (tmp_path / "measurements.sqlite").exists())
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=HANGS)
    assert process.returncode == 4
    assert b"Traceback" not in error
