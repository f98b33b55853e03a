"""Processes, by number and start. Imports the standard library; reads ``/proc``."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Pid(NamedTuple):
    """A process; a later one may have its number, but not its start, too."""

    number: int
    start: str

    @property
    def lives(self) -> bool:
        """Whether it runs, and is no zombie."""
        return _start_of(self.number) == self.start

    def send(self, what: signal.Signals) -> bool:
        """Send a signal; whether there was anyone to receive it."""
        if not self.lives:
            return False
        try:
            os.kill(self.number, what)
        except ProcessLookupError:
            return False
        return True


def _start_of(number: int) -> str | None:
    """When it started, in ticks of the machine; ``None`` for what does not run any more."""
    try:
        state, *fields = (
            Path(f"/proc/{number}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        )
    except OSError:
        return None
    return None if state in "ZX" else fields[18]


def process(number: int) -> Pid | None:
    """A process by its number, while it lives."""
    start = _start_of(number)
    return None if start is None else Pid(number, start)


def descendants(number: int) -> list[Pid]:
    """Every process below one, nearest first."""
    found, ahead = [], [number]
    while ahead:
        new = _children(ahead.pop(0))
        found += [pid for pid in map(process, new) if pid is not None]
        ahead += new
    return found


def _children(number: int) -> list[int]:
    """Those that any of its threads started."""
    children: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{number}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text(encoding="ascii").split())
    return children


def workers(number: int) -> list[Pid]:
    """The processes below one that measure: what tracks resources is none."""
    below = descendants(number)
    return [pid for pid in below if "resource_tracker" not in _command_line(pid.number)]


def _command_line(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""
