"""Dealing out batches of tasks: losses, retries, and workers that hang. Imports torch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

import torch

from theory.errors import UnavailableError
from verify.measuring.fingerprint import fingerprint
from verify.measuring.pools import Pool

Task = TypeVar("Task")
Result = TypeVar("Result")

# A task whose workers died so often is given up.
ATTEMPTS = 3
# A worker hangs that takes so many seconds more than so many times what others took for such work.
PATIENCE, TIMES_SLOWER = 120.0, 20.0
_GLANCE = 5.0  # seconds between looks at the clock


@dataclass(eq=False)
class Batch(Generic[Task]):
    """Tasks that are handed out together, and their expected seconds.

    ``strikes``: how often a worker died that had them.
    """

    tasks: list[Task]
    cost: float
    strikes: int = 0
    started: float = 0.0


class Dealer(Generic[Task, Result]):
    """Hands batches to a pool, as many at a time as it has slots; ``results`` are what comes back.

    ``give_up`` receives a task, and after how many attempts it was given up.
    """

    def __init__(
        self, pool: Pool, function: Callable[[Task], Result], give_up: Callable[[Task, int], None]
    ) -> None:
        self._pool, self._function, self._give_up = pool, function, give_up
        self._code = fingerprint() if pool.elsewhere else None
        self._again: deque[Batch[Task]] = deque()
        self._out: dict[Future[list[Result]], Batch[Task]] = {}
        self._ended: SimpleQueue[Future[list[Result]]] = SimpleQueue()
        self._glanced = monotonic()
        self._pace = 0.0  # the most seconds that an expected one took

    def results(self, batches: Iterable[Batch[Task]]) -> Iterator[list[tuple[Task, Result]]]:
        """What comes back, a batch at a time; what else went wrong with a task is raised."""
        coming = iter(batches)
        while True:
            self._hand_out(coming)
            if not self._out:
                return
            try:
                future = self._ended.get(timeout=_GLANCE)
            except Empty:
                self._abandon_what_hangs()
                continue
            batch = self._out.pop(future)
            try:
                measured = future.result()
            except BrokenExecutor:
                self._strike(batch)
            except CancelledError:  # no fault of theirs
                self._again.append(batch)
            else:
                self._pace = max(self._pace, (monotonic() - batch.started) / batch.cost)
                if self._pool.elsewhere:  # workers go on while this one is stored
                    self._hand_out(coming)
                yield list(zip(batch.tasks, measured, strict=True))
            self._abandon_what_hangs()

    def _hand_out(self, coming: Iterator[Batch[Task]]) -> None:
        """Fill the slots; what came back without a result first."""
        slots = self._pool.slots
        while len(self._out) < slots:
            batch = self._again.popleft() if self._again else next(coming, None)
            if batch is None:
                return
            batch.started = monotonic()
            work = partial(run_batch, self._function, batch.tasks, self._code)
            future = self._pool.submit(work)
            self._out[future] = batch
            future.add_done_callback(self._ended.put)

    def _strike(self, batch: Batch[Task]) -> None:
        """Try the tasks again, each alone, to see which one it is; or give one up."""
        strikes = batch.strikes + 1
        if strikes < ATTEMPTS:
            share = batch.cost / len(batch.tasks)
            self._again.extend(Batch([task], share, strikes) for task in batch.tasks)
            return
        for task in batch.tasks:
            self._give_up(task, strikes)

    def _abandon_what_hangs(self) -> None:
        now = monotonic()
        if not self._pace or now - self._glanced < _GLANCE:
            return
        self._glanced = now
        for future, batch in self._out.items():
            patience = PATIENCE + TIMES_SLOWER * self._pace * batch.cost
            if now - batch.started > patience:
                self._pool.abandon(future)


def run_batch(
    function: Callable[[Task], Result], tasks: list[Task], code: str | None
) -> list[Result]:
    """What a worker does, with one thread, if its code is that of whoever deals out the tasks.

    Raises ``UnavailableError`` where it is not.
    """
    if code is not None and code != fingerprint():
        raise UnavailableError(
            f"a worker has other code, or other versions of torch or numpy ({fingerprint()[:12]}), "
            f"than the process that deals out trials ({code[:12]}); install the same everywhere"
        )
    torch.set_num_threads(1)
    return [function(task) for task in tasks]
