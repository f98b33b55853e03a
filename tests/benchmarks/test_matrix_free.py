"""The first step without matrices, against torch's autograd: `tox run -e benchmarks`."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from probes.engines import Engine
from probes.trials import run_group
from tests.benchmarks.interleaved import against, seconds
from theory import (
    Cell,
    OneStep,
    Setting,
    depth_mup,
    residual,
)

CPU = torch.device("cpu")
BATCH, INPUTS = 4, 32
FIRST_STEP = Setting(residual(1), depth_mup(), OneStep(batch=BATCH))


def matrix_free(width: int, depth: int) -> float:
    """Root mean square of d h_L / d eta, of one network."""
    measured = run_group(FIRST_STEP, Cell(width, depth), 0, [0], CPU, engine=Engine.MATRIX_FREE)
    return float(next(iter(measured.values()))[0])


def peak_memory() -> float:
    """Of this process, in GiB; what it was before exec does not count, unlike in getrusage."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) / 2**20


def forward(weights: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """h_L and f of depth-muP, one-layer ReLU blocks."""
    first, *blocks, last = weights
    width = len(first)
    h = x @ first.T / INPUTS**0.5
    for block in blocks:
        h = h + torch.relu(h) @ block.T / (width * len(blocks)) ** 0.5
    return h, (h @ last.T / width).squeeze(-1)


def autograd(width: int, depth: int) -> float:
    """The same by torch: draw, differentiate, and derive along the step by torch.func.jvp."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(width, INPUTS), *[(width, width)] * depth, (1, width)]
    weights = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    x, y = torch.randn(BATCH, INPUTS, generator=generator), torch.ones(BATCH)
    loss = (forward(weights, x)[1] - y).square().mean() / 2
    step = tuple(-width * gradient for gradient in torch.autograd.grad(loss, weights))
    fixed = tuple(weight.detach() for weight in weights)
    derivative = torch.func.jvp(lambda *moving: forward(list(moving), x)[0], fixed, step)
    return float(derivative[1].square().mean().sqrt())


@pytest.mark.parametrize(
    ("width", "rounds", "target"),
    [(512, 7, None), (1024, 5, None), (2048, 5, 30.0), (4096, 3, 100.0)],
)
def test_one_step_against_autograd(
    benchmark: BenchmarkFixture, width: int, rounds: int, target: float | None
) -> None:
    """B = 4, L = 32, weights drawn by both."""
    against(benchmark, lambda: matrix_free(width, 32), lambda: autograd(width, 32), rounds, target)
    sizes = [matrix_free(width, 32), autograd(width, 32)]
    assert 0.2 < sizes[0] / sizes[1] < 5  # one draw each of the same quantity


WIDTHS, DEPTHS = (4096, 8192, 16384, 32768, 65536), (32, 64, 128, 256)


@pytest.mark.parametrize(
    ("axis", "cells"),
    [
        ("n", [Cell(width, 16) for width in WIDTHS]),
        ("L", [Cell(4096, depth) for depth in DEPTHS]),
    ],
)
def test_growth(benchmark: BenchmarkFixture, axis: str, cells: list[Cell]) -> None:
    """Time of one step against n, and against L; the sizes are measured in turns."""
    times: dict[Cell, list[float]] = {cell: [] for cell in cells}

    def turn() -> None:
        for cell in cells:
            times[cell].append(seconds(lambda cell=cell: matrix_free(cell.width, cell.depth)))  # type: ignore[misc]

    turn()
    for each in times.values():
        each.clear()
    benchmark.pedantic(turn, rounds=5)  # type: ignore[no-untyped-call]
    sizes = np.log([cell.width if axis == "n" else cell.depth for cell in cells])
    medians = [float(np.median(times[cell])) for cell in cells]
    benchmark.extra_info |= {f"{cell}": value for cell, value in zip(cells, medians, strict=True)}
    benchmark.extra_info[f"exponent in {axis}"] = float(np.polyfit(sizes, np.log(medians), 1)[0])


def test_wide_and_deep(benchmark: BenchmarkFixture) -> None:
    """n = 16,384, L = 64, B = 4: budget 1 s; its peak memory is that of a process of its own."""
    size = benchmark.pedantic(matrix_free, (16384, 64), rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert size > 0
    code = (
        "from tests.benchmarks.test_matrix_free import matrix_free, peak_memory\n"
        "matrix_free(64, 2)\n"
        "before = peak_memory()\n"
        "matrix_free(16384, 64)\n"
        "print(before, peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    benchmark.extra_info |= {"peak GiB": after, "of it imports GiB": before}
    benchmark.extra_info["median s"] = benchmark.stats.stats.median if benchmark.stats else 0.0
