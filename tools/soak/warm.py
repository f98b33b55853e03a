"""Processes that start warm: forked from one that has imported torch. Imports torch, ``verify``.

Most of what a kill costs is a new Python that imports torch. A command, and each worker of a local
pool, is a process of its own all the same. It has none of the files and signals of its parent.
"""

from __future__ import annotations

import multiprocessing.util
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

# What a command imports later.
import reports.renderers  # noqa: F401
import verify.cli.campaign
import verify.cli.verify  # noqa: F401
from tools.soak.processes import descendants


class Warm:
    """A command that was forked; what ``subprocess.Popen`` says, it says too."""

    def __init__(self, command: list[str], environment: Mapping[str, str], said: Path) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if not self.pid:
            os.environ.update(environment)
            _become(lambda: _run(command, said), keep=())

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; ``None`` while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """Kill it and everyone below it."""
        for pid in descendants(self.pid):
            pid.send(signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)


def _run(command: list[str], said: Path) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    stderr = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for target, source in enumerate((nothing, nothing, stderr)):
        os.dup2(source, target)
    os.closerange(3, stderr + 1)
    multiprocessing.util.spawnv_passfds = _warm_worker  # type: ignore[assignment]
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")


_cold = multiprocessing.util.spawnv_passfds


def _warm_worker(path: bytes, arguments: Sequence[str | bytes], passed: Collection[int]) -> int:
    """Fork where multiprocessing starts a Python for a worker; what tracks resources is started."""
    if "--multiprocessing-fork" not in arguments:
        return _cold(path, arguments, passed)  # type: ignore[arg-type]
    code = next(text for text in map(os.fsdecode, arguments) if "spawn_main" in text)
    pid = os.fork()
    if not pid:
        sys.argv = ["-c", "--multiprocessing-fork"]
        _become(lambda: exec(code, {}), keep=passed)  # noqa: S102 - what Python would run
    return pid


def _become(work: Callable[[], None], keep: Collection[int]) -> NoReturn:
    """Do something, and end; with no file of the parent's but stdin, stdout and stderr."""
    code: object = 1
    try:
        for number in [int(file.name) for file in Path("/proc/self/fd").iterdir()]:
            if number > 2 and number not in keep:
                with suppress(OSError):  # one was for the listing itself
                    os.close(number)
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # it must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))
