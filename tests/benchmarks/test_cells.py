"""One cell of each experiment: `tox run -e benchmarks`."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from probes.costs import engine_of, group_size
from probes.engines import Engine
from probes.trials import run_group
from tests.benchmarks.interleaved import against
from tests.experiments import EXPERIMENTS, small
from theory import (
    Cell,
    Experiment,
    OneStep,
    Setting,
    Training,
    depth_mup,
    residual,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_one_cell(benchmark: BenchmarkFixture, kind: type[Experiment], engine: Engine) -> None:
    setting = Setting(residual(2), depth_mup(), small(kind, batch=8, steps=4, rate=Fraction(1)))
    cell = Cell(128, 32)
    replicates = range(group_size(setting, cell, "cpu", engine))
    measured = benchmark(run_group, setting, cell, 0, replicates, CPU, engine=engine)
    weights = len(replicates) * 2 * cell.depth * cell.width**2
    benchmark.extra_info["weights"] = weights
    assert all((values > 0).all() for values in measured.values())


@pytest.mark.parametrize("width", [16, 64, 256, 1024])
@pytest.mark.parametrize("kind", [OneStep, Training])
def test_groups_against_one_by_one(
    benchmark: BenchmarkFixture, kind: type[Experiment], width: int
) -> None:
    """Eight replicates in groups of the size that the cost model says, and each on its own."""
    setting = Setting(residual(1), depth_mup(), small(kind, batch=16, steps=8, rate=Fraction(1)))
    cell, replicates = Cell(width, 8), range(8)
    engine = engine_of(setting, cell, "cpu")
    size = group_size(setting, cell, "cpu", engine)

    def values(groups: list[range]) -> np.ndarray:
        parts = [run_group(setting, cell, 0, group, CPU, engine=engine) for group in groups]
        return np.concatenate([np.stack(list(part.values())) for part in parts], axis=1)

    together = [replicates[start : start + size] for start in range(0, len(replicates), size)]
    alone = [range(replicate, replicate + 1) for replicate in replicates]
    against(benchmark, lambda: values(together), lambda: values(alone), rounds=7, target=1.0)
    benchmark.extra_info |= {"engine": str(engine), "together": min(size, len(replicates))}
    np.testing.assert_allclose(values(together), values(alone), rtol=1e-3)
