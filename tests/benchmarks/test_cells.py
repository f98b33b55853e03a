"""One cell of each experiment: `tox run -e benchmarks`."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from probes.costs import group_size
from probes.engines import Engine
from probes.trials import run_group
from theory import Cell, Experiment, Protocol, Setting, depth_mup, residual

CPU = torch.device("cpu")


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("experiment", Experiment)
def test_one_cell(benchmark: BenchmarkFixture, experiment: Experiment, engine: Engine) -> None:
    setting = Setting(residual(2), depth_mup(), Protocol(experiment, batch=8, steps=4))
    cell = Cell(128, 32)
    replicates = range(group_size(setting, cell, "cpu", engine))
    measured = benchmark(run_group, setting, cell, 0, replicates, CPU, engine=engine)
    weights = len(replicates) * 2 * cell.depth * cell.width**2
    benchmark.extra_info["weights"] = weights
    assert all((values > 0).all() for values in measured.values())
