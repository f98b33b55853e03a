"""Many machines: trials on a Dask cluster. Imports dask.distributed, of the extra ``dask``.

``dask`` starts a cluster on this machine, ``dask://host:port`` joins a running one. This process
deals out trials and is the only one that writes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import Any, ParamSpec, TypeVar

from theory.errors import UnavailableError
from verify.measuring.pools import Pool, unheard_signals

P = ParamSpec("P")
Result = TypeVar("Result")

_CONNECTS = 20.0  # seconds


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
        self._name = scheduler or "this machine"
        self._waiting: dict[Future[Any], Any] = {}
        self._cluster = self._local(count) if scheduler is None else None
        address = self._cluster or f"tcp://{scheduler}"
        try:
            self._client: Any = self._distributed.Client(address, timeout=_CONNECTS)
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
                n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50
            )

    @property
    def slots(self) -> int:
        """The threads of all workers that are there now; one while there is none."""
        if self._client.status in ("closed", "closing"):
            raise RuntimeError(
                f"the Dask scheduler of {self._name!r} is gone; what was measured is kept, and the "
                "same command goes on"
            )
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def submit(
        self, fn: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[Result]:
        """Hand a task to the scheduler."""
        future: Future[Result] = Future()
        theirs = self._client.submit(fn, *args, **kwargs, pure=False, retries=0)
        self._waiting[future] = theirs
        theirs.add_done_callback(lambda _: self._settle(future))
        return future

    def _settle(self, future: Future[Any]) -> None:
        theirs = self._waiting.pop(future, None)
        if theirs is None:  # abandoned, or the end
            return
        try:
            future.set_result(theirs.result())
        except self._distributed.KilledWorker as error:
            future.set_exception(BrokenExecutor(str(error)))
        except (CancelledError, self._distributed.CancelledError):
            future.set_exception(CancelledError())
        except Exception as error:  # it is the future's
            future.set_exception(error)

    def abandon(self, future: Future[Any]) -> None:
        """Take it from its worker, which may be cut off."""
        theirs = self._waiting.pop(future, None)
        if theirs is not None:
            theirs.cancel()
            future.set_exception(BrokenExecutor("a worker does not answer"))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Stop at once: what runs is lost. A cluster that was joined goes on."""
        waiting, self._waiting = self._waiting, {}
        self._client.cancel(list(waiting.values()))
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
