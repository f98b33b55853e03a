"""Campaigns under random faults, against an undisturbed one: ``tox run -e soak``.

    python -m tools.soak --faults 200 --kinds kill

Every campaign has a pool of workers running when a fault strikes. Whatever happens, it must end
with the same measurements and the same report apart from times, and leave no process behind.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click

Row = tuple[str, int, str, float]

_PATTERNS = ("A6.own", "A13.coupling.depth")
_DRIVER = """
import sys
from verify.measuring.executors import Workers
from verify.cli import main
Workers.WORTH_STARTING, Workers.SHORTEST_BATCH = 0.0, 0.05
if __name__ == "__main__":
    main()
"""
_LONGEST = 600.0  # seconds for one run of the command


def _command(driver: Path, out: Path, executor: str) -> list[str]:
    options = ["--seed", "3", "--workers", "2", "--executor", executor, "--out", str(out)]
    return [sys.executable, str(driver), "verify", *_PATTERNS, *options]


def _descendants(pid: int) -> list[int]:
    """Every process below one, nearest first."""
    found, ahead = [], [pid]
    while ahead:
        parent = ahead.pop(0)
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        except OSError:
            continue
        new = [int(child) for child in children.split()]
        found += new
        ahead += new
    return found


def _workers(pid: int) -> list[int]:
    """The processes below one that measure: what tracks resources is none."""
    workers = []
    for child in _descendants(pid):
        try:
            line = Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8")
        except OSError:
            continue
        if "spawn_main" in line:
            workers.append(child)
    return workers


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _kill_main(process: subprocess.Popen[bytes], _: random.Random) -> None:
    process.kill()


def _kill_worker(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    _signal_worker(process, chance, signal.SIGKILL)


def _stop_worker(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """A worker returns late."""
    stopped = _signal_worker(process, chance, signal.SIGSTOP)
    time.sleep(chance.uniform(0.5, 3.0))
    if stopped and _lives(stopped):
        os.kill(stopped, signal.SIGCONT)


def _signal_worker(
    process: subprocess.Popen[bytes], chance: random.Random, what: signal.Signals
) -> int | None:
    workers = _workers(process.pid)
    if not workers:
        return None
    victim = chance.choice(workers)
    try:
        os.kill(victim, what)
    except ProcessLookupError:
        return None
    return victim


def _interrupt(process: subprocess.Popen[bytes], _: random.Random) -> None:
    os.killpg(process.pid, signal.SIGINT)


def _terminate(process: subprocess.Popen[bytes], _: random.Random) -> None:
    process.terminate()


_FAULTS: dict[str, Callable[[subprocess.Popen[bytes], random.Random], None]] = {
    "kill": _kill_main,
    "kill-worker": _kill_worker,
    "stop-worker": _stop_worker,
    "interrupt": _interrupt,
    "terminate": _terminate,
}


def measurements(folder: Path) -> list[Row]:
    """What a folder has stored, in order."""
    with closing(sqlite3.connect(folder / "measurements.sqlite")) as store:
        return store.execute(
            "SELECT key, replicate, observable, value FROM measurements "
            "JOIN trials ON trials.id = trial ORDER BY key, replicate, observable"
        ).fetchall()


def report(folder: Path) -> dict[str, object]:
    """The report of a folder without times."""
    document: dict[str, object] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    document.pop("times")
    return document


def _run(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def disturbed(
    command: list[str], kinds: list[str], chance: random.Random, struck: Counter[str], most: int
) -> None:
    """Run a campaign again and again under faults until it ends by itself."""
    while True:
        process, seen = _run(command), set()
        end = time.monotonic() + _LONGEST
        strikes_at = None
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
                raise SystemExit(f"hangs: {command}")
            seen |= set(_descendants(process.pid))
            if strikes_at is None and len(_workers(process.pid)) >= 2:
                strikes_at = time.monotonic() + chance.expovariate(1 / 2.0)
            if strikes_at and time.monotonic() >= strikes_at and struck.total() < most:
                kind = chance.choice(kinds)
                _FAULTS[kind](process, chance)
                struck[kind] += 1
                click.echo(f"{struck.total()}: {kind}", err=True)
                strikes_at = time.monotonic() + chance.expovariate(1 / 2.0)
            time.sleep(0.02)
        if _ended(process, seen):
            return


def _ended(process: subprocess.Popen[bytes], seen: set[int]) -> bool:
    """Whether a run came to its end; one that was interrupted goes on in the next one."""
    assert process.stderr is not None
    said = process.stderr.read().decode()
    if "Traceback" in said:
        raise SystemExit(f"a traceback:\n{said}")
    patience = time.monotonic() + 30.0
    while left := [pid for pid in seen if _lives(pid)]:
        if time.monotonic() > patience:
            raise SystemExit(f"left behind: {left}")
        time.sleep(0.05)
    if process.returncode not in (0, 1, 3, 4, -signal.SIGKILL):
        raise SystemExit(f"ended with {process.returncode}:\n{said}")
    return process.returncode in (0, 1, 3)


@click.command()
@click.option("--faults", default=200, show_default=True, help="How many strike altogether.")
@click.option("--kinds", default=",".join(_FAULTS), show_default=True, help="Which ones.")
@click.option("--seed", default=0, show_default=True, help="Of what strikes when.")
@click.option("--executor", default="local", show_default=True, help="As of scaleproof verify.")
def soak(faults: int, kinds: str, seed: int, executor: str) -> None:
    """Disturb campaigns until so many faults have struck, and compare with an undisturbed one."""
    chance, struck = random.Random(seed), Counter[str]()  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        driver = place / "driver.py"
        driver.write_text(_DRIVER, encoding="utf-8")
        calm = _run(_command(driver, place / "calm", executor))
        calm.communicate(timeout=_LONGEST)
        expected = measurements(place / "calm"), report(place / "calm")
        number = 0
        while struck.total() < faults:
            out = place / f"{number}"
            disturbed(_command(driver, out, executor), kinds.split(","), chance, struck, faults)
            number += 1
            if measurements(out) != expected[0]:
                raise SystemExit(f"campaign {number} has other measurements")
            if report(out) != expected[1]:
                raise SystemExit(f"campaign {number} has another report")
            click.echo(f"{number} campaigns the same after {dict(struck)}")


if __name__ == "__main__":
    soak()
