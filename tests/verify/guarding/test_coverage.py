"""How often intervals of a few seeds hold the exponent that six hundred have, on networks."""

from typing import Any

import numpy as np
import pytest

from tests.verify.guarding.families_first import FAMILIES
from theory.scaling import Axis
from verify.guarding.measurements import Measurements, Plan, Series
from verify.guarding.slopes import slopes_of
from verify.guarding.subject import Subject

WIDTHS, NETWORKS, LEVEL = (32, 64, 128), 600, 0.05
ROUNDING = 1e-4  # errors below are those of numbers that do not vary, such as Adam's first step


@pytest.fixture(scope="module", params=["mlp_sgd", "mlp_adam", "residual_mlp-1"])
def series(request: pytest.FixtureRequest) -> list[Series]:
    """All quantities of all networks of a width, after one step."""

    def factory(width: int, seed: int) -> Any:
        return FAMILIES[request.param].factory(width, 2, seed)

    measured = Measurements(Subject.of(factory), Plan(Axis.WIDTH, WIDTHS, None, (1,)))
    measured.add(range(NETWORKS), lambda: None)
    return measured.series(measured.lines())


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_cover_on_networks(series: list[Series], seeds: int) -> None:
    tables = [one.logs for one in series]
    groups = [one.group for one in series]
    kinds = [f"{one.quantity} {one.step}" for one in series]
    every = slopes_of(tables, WIDTHS, groups, kinds)
    shares = []
    for first in range(0, NETWORKS - seeds + 1, seeds):
        few = slopes_of([table[first : first + seeds] for table in tables], WIDTHS, groups, kinds)
        covered = []
        for truth, slope in zip(every, few, strict=True):
            low, high = slope.interval(LEVEL)
            # The exponent of all has an error, too: these seeds are among them.
            reach = (high - low) / 2 * np.sqrt(1 - seeds / NETWORKS)
            if slope.error > ROUNDING:
                covered.append(abs(truth.estimate - slope.estimate) <= reach)
        shares.append(np.mean(covered))
    error = np.std(shares) / np.sqrt(len(shares))
    assert 0.94 - 2 * error <= np.mean(shares) <= 0.97 + 2 * error
    assert error < 0.01
