"""Dealing out trials to whoever measures. Imports torch and ``verify.measuring``.

Small products do not fill two cores, and two processes do. What is measured depends on seed,
replicate and cell only, and every worker computes with one thread, so that executor, number of
workers, order and batches change when a campaign ends and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, TypeVar

import torch

from theory.errors import InputError
from verify.measuring.dealing import Batch, Dealer
from verify.measuring.pools import InProcess, Pool, SpawnPool

Task = TypeVar("Task")
Result = TypeVar("Result")
# Processes of this machine, a Dask cluster of it, or, with host:port, one that runs elsewhere.
LOCAL, HERE, ELSEWHERE = "local", "dask", "dask://"


class TooLittleMemoryError(RuntimeError):
    """A process, or a device, had less memory than a group takes."""


def check_executor(name: str) -> str:
    """The name of an executor; ``InputError`` where it names none."""
    if name in (LOCAL, HERE) or name.startswith(ELSEWHERE):
        return name
    raise InputError(
        f"unknown executor {name!r}; choose local, dask, or dask://HOST:PORT of a scheduler"
    )


class Workers:
    """Whoever measures, started when it is first worth it; for a ``with`` statement.

    ``executor`` is ``LOCAL``, for ``count`` processes of this machine, or names a Dask cluster (see
    ``verify.measuring.cluster``). A process that starts imports torch, which takes seconds: less
    work than ``WORTH_STARTING`` seconds is done here, at once and in order.
    """

    WORTH_STARTING = 10.0
    # A batch has at least so many seconds of work, so that handing it out does not matter, and at
    # most this share of what is left for each worker, so that all of them end together.
    SHORTEST_BATCH, SHARE = 0.5, 1 / 32

    def __init__(self, count: int, executor: str = LOCAL) -> None:
        check_executor(executor)
        self._count, self._executor = count, executor
        self._here = InProcess()
        self._started: Pool | None = None
        self._threads = torch.get_num_threads()

    def __enter__(self) -> Workers:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)  # what is computed here is computed as elsewhere
        return self

    def __exit__(self, *_: object) -> None:
        """Stop at once: what runs is lost, what was yielded is not."""
        torch.set_num_threads(self._threads)
        pool, self._started = self._started, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def results(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], costs: Sequence[float]
    ) -> Iterator[tuple[Task, Result]]:
        """Every task with its result, as they come; arguments and errors as of ``batches``."""
        for batch in self.batches(function, tasks, costs):
            yield from batch

    def batches(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        costs: Sequence[float],
        give_up: Callable[[Task, int], None] | None = None,
    ) -> Iterator[list[tuple[Task, Result]]]:
        """Every task with its result, as they come, in batches; ``costs`` are expected seconds.

        The longest come first, so that the workers end together. Tasks of a worker that dies go to
        another one, each alone. ``give_up`` receives one whose workers died three times, and that
        number. Raises ``TooLittleMemoryError``, for such a task too where nobody takes it, and
        ``UnavailableError`` for workers with other code.
        """
        pool = self._pool_for(sum(costs))
        dealer = Dealer(pool, function, give_up or _refuse)
        try:
            yield from dealer.results(self.batched(tasks, costs, pool))
        except torch.OutOfMemoryError as error:
            less = "--device cpu has another" if pool is self._here else "fewer --workers take less"
            raise TooLittleMemoryError(f"the memory of the device is too little; {less}") from error

    def _pool_for(self, cost: float) -> Pool:
        if self._started is not None:
            return self._started
        if self._executor != LOCAL:
            from verify.measuring.cluster import DaskPool

            address = self._executor.removeprefix(ELSEWHERE)
            self._started = DaskPool(None if address == HERE else address, self._count)
            return self._started
        if self._count == 1 or cost < self.WORTH_STARTING:
            return self._here
        self._started = SpawnPool(self._count)
        return self._started

    @classmethod
    def batched(
        cls, tasks: Sequence[Task], costs: Sequence[float], pool: Pool
    ) -> Iterator[Batch[Task]]:
        """The tasks in batches for a pool: in order in this process, else the longest first."""
        here = isinstance(pool, InProcess)
        order = sorted(range(len(tasks)), key=lambda i: 0 if here else -costs[i])
        left, held, cost = sum(costs), [], 0.0
        for i in order:
            held.append(tasks[i])
            cost += costs[i]
            most = min(left * cls.SHARE / pool.slots, pool.longest_batch)
            if cost >= max(cls.SHORTEST_BATCH, most):
                yield Batch(held, cost)
                left, held, cost = left - cost, [], 0.0
        if held:
            yield Batch(held, cost)


def _refuse(_task: object, attempts: int) -> NoReturn:
    raise TooLittleMemoryError(
        f"a worker process died, {attempts} times on the same trials, perhaps for lack of memory; "
        "--workers 1 takes least"
    )
