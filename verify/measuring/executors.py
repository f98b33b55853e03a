"""Processes that measure, one thread of torch each. Imports torch and ``probes.trials``.

Small products do not fill two cores, and two processes do. What is measured depends on seed,
replicate and cell only, so that the number of processes changes when a campaign ends and nothing
else.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")


class TooLittleMemoryError(RuntimeError):
    """A process, or a device, had less memory than a group takes."""


class Workers:
    """A pool of ``count`` processes, started when it is first worth it; for a ``with`` statement.

    A worker that starts imports torch, which takes seconds: less work than ``WORTH_STARTING``
    seconds is done here, at once and in order.
    """

    WORTH_STARTING = 10.0

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._strangers: set[BaseProcess] = set()
        self._threads = torch.get_num_threads()

    def __enter__(self) -> Workers:
        self._threads = torch.get_num_threads()
        if self._count > 1:  # what is too little for the pool is computed as it would be there
            torch.set_num_threads(1)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop at once: what runs is lost, what was yielded is not."""
        torch.set_num_threads(self._threads)
        if self._pool is None:
            return
        for process in set(multiprocessing.active_children()) - self._strangers:
            process.terminate()
        self._pool.shutdown(cancel_futures=True)
        self._pool = None

    def results(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], costs: Sequence[float]
    ) -> Iterator[tuple[Task, Result]]:
        """Every task with its result, as they come; ``costs`` are expected seconds.

        The longest come first, so that the processes end together. Raises ``TooLittleMemoryError``.
        """
        try:
            yield from self._results(function, tasks, costs)
        except BrokenProcessPool as error:
            raise TooLittleMemoryError(
                "a worker process died, perhaps for lack of memory; --workers 1 takes least"
            ) from error
        except torch.OutOfMemoryError as error:
            less = "fewer --workers take less" if self._pool else "--device cpu has another"
            raise TooLittleMemoryError(f"the memory of the device is too little; {less}") from error

    def _results(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], costs: Sequence[float]
    ) -> Iterator[tuple[Task, Result]]:
        if self._count == 1 or (self._pool is None and sum(costs) < self.WORTH_STARTING):
            yield from ((task, function(task)) for task in tasks)
            return
        if self._pool is None:
            self._strangers = set(multiprocessing.active_children())
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, spawn, initializer=_settle)
        order = sorted(range(len(tasks)), key=lambda i: -costs[i])
        futures = {self._pool.submit(function, tasks[i]): tasks[i] for i in order}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()


def _settle() -> None:
    """Of a new worker: one thread, no interest in Ctrl-C, and no life after its parent's."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
