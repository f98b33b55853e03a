"""Measure the constants of ``probes.costs`` on a device: ``python -m tools.fit_costs [cuda]``.

Times groups of many shapes on an otherwise idle machine, and fits every constant, none negative,
so that the relative errors are least.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from time import perf_counter

import click
import numpy as np
import torch
from scipy.optimize import nnls

from probes.costs import Operations, operations
from probes.engines import Engine
from probes.trials import network_of, resolve_device, run_group
from theory.architecture import residual
from theory.convolution import Convolution
from theory.experiments import OneStep, Propagation, Setting, Training
from theory.presets import depth_mup
from theory.scaling import Cell

Shapes = tuple[tuple[Cell, tuple[int, ...]], ...]
ROUNDS = 3
SMALL = Fraction(1, 1000)  # a rate at which nothing diverges
EXPERIMENTS = (
    Propagation(batch=4),
    OneStep(batch=4),
    OneStep(batch=16),
    Training(batch=16, steps=4, rate=SMALL),
    Training(batch=16, steps=20, rate=SMALL),
)
LINE, SQUARE = Convolution(1, 3, 16), Convolution(2, 3, 8)
VECTORS: Shapes = (
    (Cell(16, 32), (1, 16, 256)),
    (Cell(64, 16), (1, 8, 64, 512)),
    (Cell(128, 16), (1, 8, 64)),
    (Cell(256, 8), (1, 4, 32)),
    (Cell(512, 8), (1, 8)),
    (Cell(1024, 4), (1, 4)),
)
IMAGES: Shapes = (
    (Cell(16, 16), (1, 16)),
    (Cell(64, 8), (1, 4)),
    (Cell(256, 4), (1,)),
)
KINDS = ((None, VECTORS), (LINE, IMAGES), (SQUARE, IMAGES))


def _timed(device: str, engine: Engine) -> Iterator[tuple[Operations, int, float]]:
    """What each group does, how many members it has, and its least time."""
    where = resolve_device(device)
    for experiment in EXPERIMENTS:
        steps = experiment.steps if isinstance(experiment, Training) else 0
        if engine is Engine.MATRIX_FREE and steps > 4:
            continue
        for convolution, shapes in KINDS:
            if convolution == SQUARE and steps > 1:  # takes minutes, and says no more
                continue
            setting = Setting(
                replace(residual(1), convolution=convolution), depth_mup(), experiment
            )
            for cell, sizes in shapes:
                done = operations(engine, network_of(setting, cell), experiment)
                for members in sizes:
                    yield done, members, _least_time(setting, cell, members, where, engine)


def _least_time(
    setting: Setting, cell: Cell, members: int, where: torch.device, engine: Engine
) -> float:
    times = []
    for _ in range(ROUNDS):
        started = perf_counter()
        run_group(setting, cell, 0, range(members), where, engine=engine)
        times.append(perf_counter() - started)
    return min(times)


def fitted(device: str, engine: Engine) -> tuple[dict[str, float], float]:
    """The constants of an engine, and the median relative error of the times that they give."""
    groups = list(_timed(device, engine))
    names = [*groups[0][0].calls, *groups[0][0].work]
    rows = [
        [*done.calls.values(), *(members * count for count in done.work.values())]
        for done, members, _ in groups
    ]
    scaled = np.array(rows) / np.array([[seconds] for _, _, seconds in groups])
    seconds, _ = nnls(scaled, np.ones(len(rows)))
    return dict(zip(names, seconds, strict=True)), float(np.median(abs(scaled @ seconds - 1.0)))


def main() -> None:
    """Print the constants."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    for engine in Engine:
        costs, error = fitted(device, engine)
        click.echo(f"{engine}: median relative error {error:.2f}")
        for name, seconds in costs.items():
            click.echo(f"    {name}={seconds:.2g},")


if __name__ == "__main__":
    main()
