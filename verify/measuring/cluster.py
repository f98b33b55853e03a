"""Many machines: trials on a Dask cluster. Imports dask.distributed, of the extra ``dask``.

``dask`` starts a cluster on this machine, ``dask://host:port`` joins a running one. This process
deals out trials and is the only one that writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import suppress
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from theory.errors import UnavailableError
from verify.measuring.pools import Pool, unheard_signals

P = ParamSpec("P")
Result = TypeVar("Result")

_CONNECTS = 20.0  # seconds
# A scheduler that died, or was moved, has so many seconds to come back at its address.
_RETURNS = 60.0
_CLOSES = 5.0  # seconds
_ASKS = 1.0  # seconds between questions for workers: asked at every batch, they keep those waiting
_FETCHES = 60.0  # seconds for a result, which is a few numbers
# Who reports lost connections, with tracebacks; this module says in one line what matters.
_TALKERS = ("distributed", "distributed.client", "tornado.application", "asyncio")


class DaskPool(Pool):
    """A Dask cluster of ``count`` processes of this machine, or one whose ``scheduler`` runs.

    ``scheduler`` is its host:port. Raises ``UnavailableError`` without the extra, and where none
    answers.
    """

    longest_batch = 30.0

    def __init__(self, scheduler: str | None, count: int) -> None:
        try:
            import distributed
        except ImportError:
            raise UnavailableError(
                "dask.distributed is missing; pip install 'scaleproof[dask]', or leave out "
                "--executor"
            ) from None
        self._distributed: Any = distributed
        for name in _TALKERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._name = scheduler or "this machine"
        self._waiting: dict[Future[Any], Any] = {}
        self._silent: set[str] = set()  # workers that did not answer
        self._known: dict[str, int] = {}  # workers and their threads, as they were last asked for
        self._asked = 0.0
        self._cluster = self._local(count) if scheduler is None else None
        self._address = self._cluster or f"tcp://{scheduler}"
        try:
            self._client = self._joined(_CONNECTS)
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"no Dask scheduler answers at {scheduler!r} ({error}); start one with dask "
                "scheduler, or correct the address"
            ) from None

    def _local(self, count: int) -> Any:
        """Workers of this machine, one thread each, that never hear of Ctrl-C."""
        import dask

        # A death counts at once: who is to blame is found out by ``verify.measuring.dealing``.
        dask.config.set({"distributed.scheduler.allowed-failures": 0})
        with unheard_signals():  # threads that are started inside inherit the silence
            return self._distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=50,
                # Any free port: it would warn where another cluster of this machine has its own.
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            )

    def _joined(self, seconds: float) -> Any:
        """A client of the scheduler, once it answers; ``OSError`` where it does not."""
        return self._distributed.Client(self._address, timeout=seconds)

    @property
    def slots(self) -> int:
        """The threads of all workers that are there and answer; one while there is none."""
        return max(1, sum(self._threads().values()))

    def _threads(self) -> dict[str, int]:
        """The threads of each worker that answers, or of all where none does.

        A scheduler that is gone is waited for. What it was doing is handed out anew.
        """
        while True:
            connection = self._client.scheduler_comm
            if connection is None or connection.closed():
                self._join_again()
            if not self._known or monotonic() > self._asked + _ASKS:
                try:
                    self._known = self._client.nthreads()
                except OSError:  # it went away meanwhile
                    self._join_again()
                    continue
                self._asked = monotonic()
            answering = {name: n for name, n in self._known.items() if name not in self._silent}
            return answering or self._known

    def _join_again(self) -> None:
        waiting, self._waiting, self._known = self._waiting, {}, {}
        with suppress(OSError):
            self._client.close(timeout=_CLOSES)
        try:
            self._client = self._joined(_RETURNS)
        except (OSError, ValueError) as error:
            raise RuntimeError(
                f"the Dask scheduler of {self._name!r} is gone ({error}); what was measured is "
                "kept, and the same command goes on"
            ) from None
        for future in waiting:
            future.set_exception(CancelledError())

    def submit(
        self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[Result]:
        """Hand a task to the scheduler."""
        future: Future[Result] = Future()
        where: dict[str, Any] = {}
        if self._silent:  # another one only if none of those that answer is left
            where = {"workers": list(self._threads()), "allow_other_workers": True}
        theirs = self._client.submit(fn, *args, **kwargs, pure=False, retries=0, **where)
        self._waiting[future] = theirs
        theirs.add_done_callback(lambda _: self._settle(future))
        return future

    def _settle(self, future: Future[Any]) -> None:
        theirs = self._waiting.get(future)
        if theirs is None:
            return
        result, error = self._outcome(theirs)
        if self._waiting.pop(future, None) is None:  # abandoned meanwhile, or the end
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _outcome(self, theirs: Any) -> tuple[Any, BaseException | None]:
        """The result of a task, or why there is none."""
        try:
            return theirs.result(timeout=_FETCHES), None
        except self._distributed.KilledWorker as error:
            return None, BrokenExecutor(str(error))
        except (CancelledError, self._distributed.CancelledError):
            return None, CancelledError()
        except OSError as error:  # its own, or of a connection that was lost
            return None, error if theirs.status == "error" else CancelledError()
        except Exception as error:  # it is the future's
            return None, error

    def abandon(self, future: Future[Any]) -> None:
        """Take it from its worker, which may be cut off, and ask others first from now on.

        It counts as cancelled where no worker has it yet.
        """
        theirs = self._waiting.pop(future, None)
        if theirs is None:
            return
        having = self._having(theirs.key)
        self._silent |= having
        theirs.cancel()
        future.set_exception(
            BrokenExecutor("a worker does not answer") if having else CancelledError()
        )

    def _having(self, key: str) -> set[str]:
        """The workers that a task was given to."""
        try:
            processing: dict[str, Any] = self._client.processing()
        except OSError:  # the scheduler is gone
            return set()
        return {worker for worker, keys in processing.items() if key in keys}

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Stop at once: what runs is lost. A cluster that was joined goes on."""
        waiting, self._waiting = self._waiting, {}
        if waiting and self._client.status == "running":
            self._client.cancel(list(waiting.values()))
        with suppress(OSError):  # of a scheduler that is gone
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
