"""Where trials run: this process, or several on this machine. Imports ``verify.measuring``.

Each is a ``concurrent.futures.Executor`` that also says how many tasks it runs at a time, and how
many seconds of work it takes at once. ``verify.measuring.cluster`` has the one for many machines.
A task whose worker died raises ``BrokenExecutor``; one that was dropped without any fault of its
own raises ``CancelledError``.
"""

from __future__ import annotations

import multiprocessing
import signal
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar, ParamSpec, TypeVar

from verify.measuring.watching import end_with_parent

P = ParamSpec("P")
Result = TypeVar("Result")

_STOPS = (signal.SIGINT, signal.SIGTERM)


class Pool(Executor):
    """An executor, and what whoever deals out tasks has to know of it."""

    # Seconds of work that are handed out together: what is lost when it is stopped.
    longest_batch: ClassVar[float] = 2.0
    # Whether the workers may have other code than this process.
    elsewhere: ClassVar[bool] = True

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many tasks run at a time."""

    def abandon(self, future: Future[Any]) -> None:
        """Give a task up that does not end; it counts as one whose worker died."""


class InProcess(Pool):
    """The process that deals out tasks: each is done when it is submitted."""

    elsewhere = False

    @property
    def slots(self) -> int:
        """One."""
        return 1

    def submit(
        self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[Result]:
        """Do it now; Ctrl-C gets through."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # it is the future's
            future.set_exception(error)
        return future


@dataclass(eq=False)
class _Lane:
    """One worker: an executor of its own, so that a death says whose task it was."""

    executor: ProcessPoolExecutor
    futures: set[Future[Any]] = field(default_factory=set)
    processes: set[BaseProcess] = field(default_factory=set)
    broken: bool = False

    def done(self, future: Future[Any]) -> None:
        self.futures.discard(future)
        if not future.cancelled() and isinstance(future.exception(), BrokenExecutor):
            self.broken = True

    def kill(self) -> None:
        """Workers hold nothing that is worth a farewell, and a stopped one hears none."""
        for process in self.processes:
            process.kill()


class SpawnPool(Pool):
    """``count`` processes of this machine, each started with its first task.

    One that dies takes nothing with it but its task; the next task gets a new one.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lanes: list[_Lane] = []

    @property
    def slots(self) -> int:
        """The number of processes."""
        return self._count

    def submit(
        self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[Result]:
        """Hand a task to the worker that has least to do."""
        with unheard_signals():
            while True:
                lane = self._lane()
                strangers = set(multiprocessing.active_children())
                try:
                    future = lane.executor.submit(fn, *args, **kwargs)
                except BrokenExecutor:  # it died while it had nothing to do
                    lane.broken = True
                    continue
                lane.processes |= set(multiprocessing.active_children()) - strangers
                lane.futures.add(future)
                future.add_done_callback(lane.done)
                return future

    def _lane(self) -> _Lane:
        for lane in [lane for lane in self._lanes if lane.broken]:
            self._lanes.remove(lane)
            lane.executor.shutdown(wait=False)
        free = [lane for lane in self._lanes if not lane.futures]
        if not free and len(self._lanes) < self._count:
            spawn = multiprocessing.get_context("spawn")
            free = [_Lane(ProcessPoolExecutor(1, spawn, initializer=end_with_parent))]
            self._lanes += free
        return min(free or self._lanes, key=lambda lane: len(lane.futures))

    def abandon(self, future: Future[Any]) -> None:
        """Kill its worker."""
        for lane in self._lanes:
            if future in lane.futures:
                lane.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Stop at once: what runs is lost."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.kill()
        for lane in lanes:
            lane.executor.shutdown(wait=wait, cancel_futures=True)


@contextmanager
def unheard_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the end; processes started inside never hear of Ctrl-C.

    It reaches a whole group of processes, also those that are importing torch yet, and a
    traceback of each would be all that is seen.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start would end the silence too early
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
