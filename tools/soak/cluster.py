"""A Dask cluster of separate processes on loopback, and who starts them again when they die."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time

from tools.soak.processes import Pid, process, workers

_WORKERS = 2
_LONGEST_BREAK = 3.0  # seconds until something that died is started again


class Cluster:
    """A scheduler and two workers, each below a nanny; ``tend`` starts again what has died."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self._port = int(one.getsockname()[1])
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._due: dict[str, float] = {}
        for name in self._commands():
            self._start(name)

    @property
    def executor(self) -> str:
        """As of ``scaleproof verify``."""
        return f"dask://127.0.0.1:{self._port}"

    def _commands(self) -> dict[str, list[str]]:
        python = [sys.executable, "-m"]
        scheduler = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--no-dashboard"]
        worker = ["distributed.cli.dask_worker", f"tcp://127.0.0.1:{self._port}", "--no-dashboard"]
        worker += ["--nthreads", "1", "--host", "127.0.0.1"]
        commands = {"scheduler": [*python, *scheduler, "--port", str(self._port)]}
        return commands | {f"nanny {i}": [*python, *worker] for i in range(_WORKERS)}

    def _start(self, name: str) -> None:
        self._parts[name] = subprocess.Popen(  # noqa: S603 - our own command
            self._commands()[name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def tend(self) -> None:
        """Start again what has died, after a while."""
        for name, part in self._parts.items():
            if part.poll() is None:
                continue
            due = self._due.setdefault(
                name, time.monotonic() + self._chance.uniform(0, _LONGEST_BREAK)
            )
            if time.monotonic() >= due:
                del self._due[name]
                self._start(name)

    @property
    def scheduler(self) -> list[Pid]:
        """The scheduler, while it lives."""
        return self._living("scheduler")

    @property
    def nannies(self) -> list[Pid]:
        """The parents of the workers."""
        return self._living("nanny")

    @property
    def workers(self) -> list[Pid]:
        """The processes that measure."""
        return [pid for nanny in self.nannies for pid in workers(nanny.number)]

    def _living(self, prefix: str) -> list[Pid]:
        found = [process(part.pid) for name, part in self._parts.items() if name.startswith(prefix)]
        return [pid for pid in found if pid is not None]

    def close(self) -> None:
        """End all of it."""
        for part in self._parts.values():
            part.kill()
            part.wait()
            try:
                os.killpg(part.pid, signal.SIGKILL)  # the worker of a nanny
            except ProcessLookupError:
                continue
