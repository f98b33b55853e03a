"""The campaign that is disturbed: its command, its end, and what it leaves. Imports sqlite3."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.soak.processes import Pid, descendants

if TYPE_CHECKING:
    from tools.soak.warm import Warm

Row = tuple[str, int, str, float]

LONGEST = 3600.0  # seconds for one run of the command, which no load makes of twenty
# Results, and results that are not to be had yet: the same command goes on.
RESULTS, GOES_ON = (0, 1, 3), (2, 4)

_PATTERNS = ("A6.own", "A13.coupling.depth")
_DRIVER = '''\
"""The command line with smaller batches, and with a clock that jumps by the seconds of a file."""
import datetime
import os
import time
from pathlib import Path

_JUMPS, _real = Path(os.environ["SOAK_CLOCK"]), time.time
if hasattr(_real, "jumps"):  # in a worker that was forked
    _real = _real.jumps


def _now():
    return _real() + float(_JUMPS.read_text())


class _Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_now(), tz)


_now.jumps = _real
time.time = _now
if __name__ == "__main__":
    from scaleproof import main
    from verify.cli import campaign
    from verify.documents import entries
    from verify.measuring import dealing, loop
    from verify.measuring.executors import Workers

    campaign.datetime = entries.datetime = loop.datetime = _Jumping

    Workers.WORTH_STARTING, Workers.SHORTEST_BATCH = 0.0, 0.05
    dealing.PATIENCE = float(os.environ["SOAK_PATIENCE"])
    main()
'''
_SAID = re.compile(r"(look \d|scaleproof: |Exit code \d|The budget is spent|Report: )")


def write_driver(place: Path) -> Path:
    """The file that a campaign runs."""
    driver = place / "driver.py"
    driver.write_text(_DRIVER, encoding="utf-8")
    (place / "clock").write_text("0", encoding="utf-8")
    return driver


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign of a folder; ``patience`` is how long a worker may be silent, in seconds.

    ``warm``: its processes are forked from this one (``tools.soak.warm``).
    """

    driver: Path
    out: Path
    executor: str
    patience: float
    warm: bool

    @property
    def clock(self) -> Path:
        """The file with the seconds by which the clock is wrong."""
        return self.driver.with_name("clock")

    def run(self) -> Run:
        """Start its command: the first time, or to go on."""
        options = ["--seed", "3", "--workers", "2", "--executor", self.executor]
        # Long enough for everything, and short for a clock that jumps by days.
        options += ["--budget", "20h", "--out", str(self.out)]
        command = [str(self.driver), "verify", *_PATTERNS, *options]
        environment = {"SOAK_CLOCK": str(self.clock), "SOAK_PATIENCE": str(self.patience)}
        said = self.out.with_name(f"{self.out.name}.stderr")
        if self.warm:
            from tools.soak.warm import Warm

            return Run(Warm(command, environment, said), said)
        with said.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, *command],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
                env=os.environ | environment,
            )
        return Run(process, said)

    def measurements(self) -> list[Row]:
        """What it has stored, in order."""
        with closing(sqlite3.connect(self.out / "measurements.sqlite")) as store:
            return store.execute(
                "SELECT key, replicate, observable, value FROM measurements "
                "JOIN trials ON trials.id = trial ORDER BY key, replicate, observable"
            ).fetchall()

    def stored(self) -> int:
        """How many measurements it has; none while nobody can read them."""
        file = f"file:{self.out / 'measurements.sqlite'}?mode=ro"  # it must not tidy up
        try:
            with closing(sqlite3.connect(file, uri=True)) as store:
                return int(store.execute("SELECT count(*) FROM measurements").fetchone()[0])
        except sqlite3.Error:
            return 0

    def report(self) -> dict[str, object]:
        """The report without times."""
        text = (self.out / "report.json").read_text(encoding="utf-8")
        document: dict[str, object] = json.loads(text)
        document.pop("times")
        return document


class Run:
    """One run of its command, and every process that was seen below it."""

    def __init__(self, process: subprocess.Popen[bytes] | Warm, said: Path) -> None:
        self.process, self._said = process, said
        self._seen: set[Pid] = set()

    def look(self) -> bool:
        """Remember who is there; whether it still runs."""
        self._seen |= set(descendants(self.process.pid))
        return self.process.poll() is None

    @property
    def left_behind(self) -> list[Pid]:
        """Who outlived it."""
        return [pid for pid in self._seen if pid.lives]

    def complaint(self, allowed: tuple[int, ...]) -> str | None:
        """What is wrong with its end: more than a result, or one line that says what happened."""
        code, said = self.process.returncode, self._said.read_text(encoding="utf-8")
        # A shell shows ^C, so that click begins a new line.
        strange = [line for line in said.splitlines() if line and not _SAID.match(line)]
        if strange:
            return f"it said:\n{said}"
        if code not in allowed:
            return f"ended with {code}:\n{said}"
        if code in GOES_ON and not said.strip():
            return f"ended with {code} without a word"
        return None

    @property
    def said(self) -> str:
        """Its last line on stderr."""
        lines = self._said.read_text(encoding="utf-8").strip().splitlines()
        return lines[-1] if lines else ""
