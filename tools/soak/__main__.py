"""Campaigns under random faults, against an undisturbed one: ``tox run -e soak``.

    python -m tools.soak --faults 200 --kinds kill,kill-worker

Workers measure when a fault strikes, and several faults may strike one campaign. Whatever happens,
each run of its command must end in a result, or in one line with exit code 2 or 4. The campaign
must end with the same measurements and the same report apart from times, and leave no process
behind. ``cluster`` is a Dask cluster of separate processes, which are started again when they die.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import click

from tools.soak.campaigns import GOES_ON, LONGEST, RESULTS, Campaign, Run, write_driver
from tools.soak.cluster import Cluster
from tools.soak.faults import FAULTS, NEED_IMPATIENCE, NEED_MOUNTS, Scene, small_disk

_GLANCE = 0.02  # seconds
_PATIENCE = 120.0  # seconds until everyone has ended
_INSIDE = "SOAK_HAS_MOUNTS"


@dataclass
class Soak:
    """Faults of some kinds until so many have struck, ``pause`` seconds apart on average."""

    executor: str
    kinds: list[str]
    most: int
    pause: float
    chance: random.Random
    cluster: Cluster | None
    struck: Counter[str] = field(default_factory=Counter)
    waits: bool = True  # for something to be stored, before the next fault
    measuring: int = 0  # how many struck a run that had stored something already
    lingering: float = 0.0  # the most seconds that anyone took to end after the main process
    ends: Counter[int] = field(default_factory=Counter)

    @property
    def over(self) -> bool:
        """Whether enough have struck."""
        return self.struck.total() >= self.most

    def disturb(self, campaign: Campaign) -> None:
        """Run a campaign again and again under faults until it has a result."""
        while True:
            scene = Scene(campaign, campaign.run(), self.cluster, self.chance)
            calm = not self._strike(scene)
            self._check(scene.run)
            if scene.lifts:  # the fault goes on, and what it meets is a new run
                again = campaign.run()
                _wait(again)
                self._check(again)
            for lift in reversed(scene.lifts):
                lift()
            code = scene.run.process.returncode
            if code in RESULTS:
                return
            if calm:
                raise SystemExit(f"ended with {code}, undisturbed: {scene.run.said}")

    def _strike(self, scene: Scene) -> bool:
        """Let faults strike a run until it ends; whether any did."""
        run, any_struck, end = scene.run, False, time.monotonic() + LONGEST
        before = stored = scene.campaign.stored()
        due: float | None = None
        while run.look():
            if time.monotonic() > end:
                run.process.kill()
                raise SystemExit("it hangs")
            if self.cluster is not None:
                self.cluster.tend()
            if due is None and self._is_time(scene, before, stored):
                due = time.monotonic() + self.chance.expovariate(1 / self.pause)
            if due is not None and time.monotonic() >= due and not self.over and not scene.lifts:
                kind = self.chance.choice(self.kinds)
                stored = scene.campaign.stored()
                if FAULTS[self.executor][kind](scene):
                    any_struck = True
                    self.struck[kind] += 1
                    self.measuring += stored > before
                    click.echo(f"{self.struck.total()}: {kind}", err=True)
                due, self.waits = None, self.chance.random() < 0.5
            time.sleep(_GLANCE)
        return any_struck

    def _is_time(self, scene: Scene, before: int, stored: int) -> bool:
        """Whether there is a pool, and, every other time, it has stored more since the last fault.

        A pool that was joined is seen by what it has measured only.
        """
        if self.cluster is None and len(scene.workers) < 2:
            return False
        if self.waits:
            return scene.campaign.stored() > stored
        return self.cluster is None or scene.campaign.stored() > before

    def _check(self, run: Run) -> None:
        """Raise unless a run ended as it should, and left nobody behind."""
        code = run.process.poll()
        assert code is not None
        if wrong := run.complaint((*RESULTS, *GOES_ON, -signal.SIGKILL)):
            raise SystemExit(wrong)
        ended = time.monotonic()
        while left := run.left_behind:
            if time.monotonic() > ended + _PATIENCE:
                raise SystemExit(f"left behind: {left}")
            time.sleep(_GLANCE)
        self.lingering = max(self.lingering, time.monotonic() - ended)
        self.ends[code] += 1
        if code in GOES_ON:
            click.echo(f"  exit code {code}: {run.said}", err=True)


def _wait(run: Run) -> None:
    end = time.monotonic() + LONGEST
    while run.look():
        if time.monotonic() > end:
            raise SystemExit("it hangs")
        time.sleep(_GLANCE)


def _with_mounts() -> None:
    """Begin anew in a mount namespace of our own, whose mounts end with it."""
    if _INSIDE in os.environ:
        return
    unshare = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        raise click.UsageError(
            f"{', '.join(sorted(NEED_MOUNTS))} need unshare, and the right to mount; "
            "choose other --kinds"
        ) from None
    os.environ[_INSIDE] = "1"
    os.execvp("unshare", [*unshare, sys.executable, "-m", "tools.soak", *sys.argv[1:]])  # noqa: S606, S607


@click.command()
@click.option("--faults", default=200, show_default=True, help="How many strike altogether.")
@click.option("--kinds", help="Which ones, between commas; one may come twice.  [default: all]")
@click.option("--seed", default=0, show_default=True, help="Of what strikes when.")
@click.option("--executor", type=click.Choice(list(FAULTS)), default="local", show_default=True)
@click.option("--pause", default=2.0, show_default=True, help="Seconds between faults, on average.")
@click.option("--warm", is_flag=True, help="Fork processes from one that has imported torch.")
def soak(
    faults: int, kinds: str | None, seed: int, executor: str, pause: float, warm: bool
) -> None:
    """Disturb campaigns until so many faults have struck, and compare with an undisturbed one."""
    chosen = list(FAULTS[executor]) if kinds is None else kinds.split(",")
    if unknown := set(chosen) - set(FAULTS[executor]):
        raise click.UsageError(f"no faults of {executor}: {', '.join(sorted(unknown))}")
    mounts = not NEED_MOUNTS.isdisjoint(chosen)
    if mounts:
        _with_mounts()
    chance, began = random.Random(seed), time.monotonic()  # noqa: S311 - no secret
    cluster = Cluster(chance) if executor == "cluster" else None
    disturber = Soak(executor, chosen, faults, pause, chance, cluster)
    patience = 120.0 if NEED_IMPATIENCE.isdisjoint(chosen) else 1.0
    try:
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            driver = write_driver(place)
            calm = Campaign(driver, place / "calm", "local", patience, warm)
            _wait(run := calm.run())
            if wrong := run.complaint(RESULTS):
                raise SystemExit(wrong)
            number = 0
            while not disturber.over:
                number += 1
                out = place / str(number)
                where = cluster.executor if cluster else executor
                campaign = Campaign(driver, out, where, patience, warm)
                with small_disk(out) if mounts else nullcontext():
                    disturber.disturb(campaign)
                    if campaign.measurements() != calm.measurements():
                        raise SystemExit(f"campaign {number} has other measurements")
                    if campaign.report() != calm.report():
                        raise SystemExit(f"campaign {number} has another report")
                said = f"{number} campaigns the same after {dict(disturber.struck)}"
                click.echo(f"{said}, {time.monotonic() - began:.0f} s")
    finally:
        if cluster is not None:
            cluster.close()
    click.echo(f"{disturber.measuring} struck a run that had stored measurements already.")
    click.echo(f"The last process ended {disturber.lingering:.1f} s after its main one at most.")
    click.echo(f"Exit codes of all runs: {dict(disturber.ends)}")


if __name__ == "__main__":
    soak()
