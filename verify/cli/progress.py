"""How far long work is, on stderr: a bar on a terminal, lines elsewhere.

Imports rich and ``theory.verdict``.

Work that is over within ten seconds says nothing where there is no terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from theory.verdict import Verdict

INTERVAL = 10.0  # seconds between lines

# Receives the stage of the work, such as "look 1", and of its cost what is done and what is needed.
Advance: TypeAlias = Callable[[str, float, float], None]


@contextmanager
def progress(
    console: Console | None = None, clock: Callable[[], float] = monotonic
) -> Iterator[Advance]:
    """Show what is reported; each stage has a bar, or lines, of its own."""
    console = console or Console(stderr=True)
    if console.is_terminal:
        with _bars(console) as bars:
            yield _Bars(bars).advance
    else:
        yield _Lines(console, clock).advance


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
    )


class Looks:
    """What a campaign reports, look by look, with what has been decided so far.

    Nothing is decided within a look: to judge measurements is to look at them.
    """

    def __init__(self, advance: Advance) -> None:
        self._advance, self._decided = advance, ""

    def judged(self, verdicts: Sequence[Verdict]) -> None:
        """Receive every verdict as it is before a look."""
        counts = Counter(verdicts)
        decided = [verdict for verdict in Verdict if verdict is not Verdict.INCONCLUSIVE]
        parts = [f"{counts[verdict]} {verdict}" for verdict in decided if counts[verdict]]
        count = len(verdicts) - counts[Verdict.INCONCLUSIVE]
        said = f": {', '.join(parts)}" if parts else ""
        self._decided = f" ({count} of {len(verdicts)} decided{said})"

    def measured(self, look: int, done: float, total: float) -> None:
        """Receive a look, from 0, and of its cost what is done and what is needed."""
        self._advance(f"look {look + 1}{self._decided}", done, total)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def advance(self, stage: str, done: float, total: float) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage)
        self._bars.update(self._tasks[stage], completed=done, total=total)


@dataclass(frozen=True, slots=True)
class _Stage:
    """When a stage began, and its first report, from which its speed is known.

    What an earlier run had measured is done in no time, and is in the first report already.
    """

    name: str
    began: float
    first: tuple[float, float] | None = None  # clock, done

    def left(self, now: float, done: float, total: float) -> float | None:
        """Expected seconds, or ``None`` before there are two reports that differ."""
        if self.first is None or done <= self.first[1]:
            return None
        return (now - self.first[0]) / (done - self.first[1]) * (total - done)


class _Lines:
    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console, self._clock = console, clock
        self._stage = _Stage("", clock())
        self._last_line = self._last_report = self._stage.began

    def advance(self, stage: str, done: float, total: float) -> None:
        now = self._clock()
        if stage != self._stage.name:
            self._stage = _Stage(stage, self._last_report)
        if now - self._last_line >= INTERVAL:
            self._console.print(self._line(now, done, total), highlight=False, soft_wrap=True)
            self._last_line = now
        if self._stage.first is None:
            self._stage = replace(self._stage, first=(now, done))
        self._last_report = now

    def _line(self, now: float, done: float, total: float) -> str:
        left = self._stage.left(now, done, total)
        elapsed = _duration(now - self._stage.began)
        line = f"{self._stage.name}: {100 * done / total:.0f} %, {elapsed}"
        return line if left is None else f"{line}, about {_duration(left)} left"


def _duration(seconds: float) -> str:
    """In the largest unit of which there are at least two."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
