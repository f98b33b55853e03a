"""What strikes a campaign: each a function of the scene that says whether it found a victim.

Imports the standard library. Those of ``NEED_MOUNTS`` need a mount namespace of their own, in which
the campaign's folder is a small file system (``small_disk``).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.soak.campaigns import Campaign, Run
from tools.soak.cluster import Cluster
from tools.soak.processes import Pid, process, workers

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A campaign that runs, and who measures for it; ``lifts`` end the faults that last."""

    campaign: Campaign
    run: Run
    cluster: Cluster | None
    chance: random.Random
    lifts: list[Callable[[], None]] = field(default_factory=list)

    @property
    def main(self) -> list[Pid]:
        """The process that was started, while it lives."""
        found = process(self.run.process.pid)
        return [] if found is None else [found]

    @property
    def workers(self) -> list[Pid]:
        """The processes that measure."""
        return self.cluster.workers if self.cluster else workers(self.run.process.pid)

    def hit(self, candidates: Sequence[Pid], what: signal.Signals) -> Pid | None:
        """Send a signal to one of several."""
        victim = self.chance.choice(candidates) if candidates else None
        return victim if victim is not None and victim.send(what) else None


Fault = Callable[[Scene], bool]


def _kill_main(scene: Scene) -> bool:
    return scene.hit(scene.main, signal.SIGKILL) is not None


def _kill_worker(scene: Scene) -> bool:
    return scene.hit(scene.workers, signal.SIGKILL) is not None


def _kill_nanny(scene: Scene) -> bool:
    return bool(scene.cluster and scene.hit(scene.cluster.nannies, signal.SIGKILL))


def _kill_scheduler(scene: Scene) -> bool:
    return bool(scene.cluster and scene.hit(scene.cluster.scheduler, signal.SIGKILL))


def _end_scheduler(scene: Scene) -> bool:
    """It says goodbye, as one does that is moved."""
    return bool(scene.cluster and scene.hit(scene.cluster.scheduler, signal.SIGTERM))


def _interrupt(scene: Scene) -> bool:
    if not scene.main:
        return False
    os.killpg(scene.run.process.pid, signal.SIGINT)  # as a terminal does
    return True


def _terminate(scene: Scene) -> bool:
    return scene.hit(scene.main, signal.SIGTERM) is not None


def _stop_worker(scene: Scene) -> bool:
    """It is slow."""
    return _stopped(scene, scene.chance.uniform(0.5, 3.0))


def _late_worker(scene: Scene) -> bool:
    """It comes back when its trials are somebody else's."""
    return _stopped(scene, scene.chance.uniform(15.0, 40.0))


def _stopped(scene: Scene, seconds: float) -> bool:
    victim = scene.hit(scene.workers, signal.SIGSTOP)
    if victim is None:
        return False
    end = time.monotonic() + seconds
    while time.monotonic() < end and scene.run.look():
        time.sleep(0.05)
    victim.send(signal.SIGCONT)
    return True


def _full_disk(scene: Scene) -> bool:
    filler = scene.campaign.out / "filler"
    if not filler.parent.exists():
        return False
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    scene.lifts.append(filler.unlink)
    return True


def _read_only(scene: Scene) -> bool:
    """No file can be opened for writing any more."""
    out = str(scene.campaign.out)
    _mount("mount", "--bind", "-o", "ro", out, out)
    scene.lifts.append(lambda: _mount("umount", out))
    return True


def _clock(scene: Scene) -> bool:
    """By days, ahead or back."""
    new = scene.campaign.clock.with_suffix(".new")
    new.write_text(str(scene.chance.uniform(-10 * _DAY, 10 * _DAY)), encoding="utf-8")
    new.replace(scene.campaign.clock)
    return bool(scene.main)


_EVERYWHERE: Mapping[str, Fault] = {
    "kill": _kill_main,
    "kill-worker": _kill_worker,
    "stop-worker": _stop_worker,
    "late-worker": _late_worker,
    "interrupt": _interrupt,
    "terminate": _terminate,
    "full-disk": _full_disk,
    "read-only": _read_only,
    "clock": _clock,
}
_OF_CLUSTERS: Mapping[str, Fault] = {
    "kill-nanny": _kill_nanny,
    "kill-scheduler": _kill_scheduler,
    "end-scheduler": _end_scheduler,
}
NEED_MOUNTS = frozenset({"full-disk", "read-only"})
# Faults after which a worker is taken for lost while it is only late.
NEED_IMPATIENCE = frozenset({"late-worker"})
FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "local": _EVERYWHERE,
    "dask": _EVERYWHERE,
    "cluster": {**_EVERYWHERE, **_OF_CLUSTERS},
}


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Make a folder a file system of its own, of 16 MB."""
    folder.mkdir()
    _mount("mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder))
    try:
        yield
    finally:
        _mount("umount", str(folder))


def _mount(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - our own command
