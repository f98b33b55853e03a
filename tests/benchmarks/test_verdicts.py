"""Judging a large table and calibrating: `tox run -e benchmarks`."""

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import verify
from theory import ExponentEquals
from verify.calibration.scenarios import Noise, Scenario, Truth, calibrate
from verify.tables.read import read_table


@pytest.fixture(scope="module")
def large_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100,000 rows: 10,000 replicates at ten depths."""
    path = tmp_path_factory.mktemp("table") / "large.csv"
    depths = np.tile(np.exp2(np.arange(2, 12)).astype(int), 10_000)
    seeds = np.repeat(np.arange(10_000), 10)
    values = depths**-1.5 * np.exp(0.3 * np.random.default_rng(0).standard_normal(100_000))
    rows = zip(depths, seeds, values, strict=True)
    path.write_text("depth,seed,update\n" + "".join(f"{d},{s},{v}\n" for d, s, v in rows))
    return path


def test_a_table_of_100000_rows(benchmark: BenchmarkFixture, large_table: Path) -> None:
    """Reading and judging; budget 2 s."""

    def judged() -> verify.Judgement:
        return verify.judge(
            read_table(large_table),
            ExponentEquals("depth", "-3/2"),
            y="update",
            replicate="seed",
            margin=0.1,
            corrections=("1/depth",),
        )

    assert benchmark(judged).verdict is verify.Verdict.ACCEPTED


def test_2000_synthetic_campaigns(benchmark: BenchmarkFixture) -> None:
    """Forty predictions each, three looks at 16, 32 and 64 replicates; budget 60 s."""
    scenario = Scenario(Noise.NORMAL, 16, truth=Truth.AT, looks=3, family=40)
    found = benchmark.pedantic(calibrate, (scenario, 2000), rounds=3)  # type: ignore[no-untyped-call]
    assert found.wrong_accepts.share < 0.05
