"""Ours against a peer in one run, in turns, so that both meet the same machine."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

from pytest_benchmark.fixture import BenchmarkFixture


def seconds(function: Callable[[], object]) -> float:
    """One call."""
    started = perf_counter()
    function()
    return perf_counter() - started


def against(
    benchmark: BenchmarkFixture,
    ours: Callable[[], object],
    peer: Callable[[], object],
    rounds: int,
    target: float | None = None,
) -> float:
    """Median time of the peer over ours, after a warm-up of both; kept with the benchmark."""
    ours()
    peer()
    times: list[float] = []
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        ours, setup=lambda: times.append(seconds(peer)), rounds=rounds
    )
    mine = benchmark.stats.stats.median if benchmark.stats else 1.0
    ratio = median(times) / mine
    benchmark.extra_info |= {"ours s": mine, "peer s": median(times), "ratio": ratio}
    if target is not None:
        benchmark.extra_info["target"] = target
    return ratio
