"""The maximal-update rate: against exact theory, its exponent of depth, and rates carried over."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from probes.engines import Engine
from probes.trials import run_group
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    DomainError,
    Observable,
    OneStep,
    Setting,
    am_mup,
    chain,
    residual,
)
from theory.arrays import FloatArray
from theory.catalogue import find
from theory.exact.first_step import maximal_update_rate
from verify.cli.architecture import architecture_of
from verify.rates import (
    LEVEL,
    TunedRate,
    depth_cells,
    maximal_update_setting,
    measure_rates,
    tabulate_rates,
)
from verify.statistics.equivalence import mean_interval

CHAIN = maximal_update_setting(chain())
BLOCKS = maximal_update_setting(residual(1))
LOG_NOISE = np.random.default_rng(0).normal(0.0, 0.1, (40, 4))


def curve(depths: Sequence[int], values: Sequence[float], scatter: float = 1.0) -> FloatArray:
    """40 replicates of these rates, each depth with noise of its own around them."""
    noise = LOG_NOISE[:, : len(depths)] * scatter
    rates: FloatArray = np.array(values) * np.exp(noise - noise.mean(axis=0))
    return rates


@pytest.mark.parametrize(
    "architecture",
    [
        chain(),
        architecture_of("residual-1"),
        architecture_of("residual-2", Activation.GELU),
        architecture_of("residual-2", form=BlockForm.POST_ACTIVATION_CENTRED),
    ],
    ids=str,
)
def test_wide_networks_have_the_exact_rate(architecture: Architecture) -> None:
    """For one input; at width 4096 a network is within a few percent of its limit."""
    setting = Setting(architecture, am_mup(), OneStep(batch=1))
    cells = depth_cells(4096, (1, 2, 6))
    rates = measure_rates(setting, cells, seed=0, replicates=24, engine=Engine.MATRIX_FREE)
    exact = [maximal_update_rate(architecture, setting.parameterization, cell) for cell in cells]
    for logs, value in zip(np.log(rates).T, exact, strict=True):
        found = mean_interval(logs, 0.001)
        assert found.low < math.log(value) < found.high
        assert found.high - found.low < 0.1


@pytest.mark.parametrize("engine", Engine)
def test_rates_do_not_depend_on_how_networks_are_grouped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In groups of three, each is that of its replicate measured alone."""
    monkeypatch.setattr("verify.measuring.schedule.group_size", lambda *_: 3)
    cells = depth_cells(16, (2, 5))
    rates = measure_rates(BLOCKS, cells, seed=3, replicates=8, engine=engine)
    for column, cell in enumerate(cells):
        for replicate in range(8):
            alone = run_group(BLOCKS, cell, 3, [replicate], torch.device("cpu"), engine=engine)
            (expected,) = alone[Observable.MAXIMAL_UPDATE_RATE]
            assert rates[replicate, column] == pytest.approx(expected, rel=1e-4)


def test_networks_are_tried_as_the_catalogue_tries_them() -> None:
    assert find("C1.rate.depth").setting == CHAIN
    blocks = find("B4.rate.depth.one-layer-blocks").setting
    assert blocks == maximal_update_setting(architecture_of("residual-1"))


def test_progress_ends_with_all_of_the_cost() -> None:
    seen: list[tuple[float, float]] = []
    measure_rates(CHAIN, depth_cells(8, (2, 3)), 0, 2, progress=lambda *where: seen.append(where))
    done = [part for part, _ in seen]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(seen[-1][1])


def test_the_interval_is_a_t_interval_of_the_logarithm() -> None:
    """Of two values e^-1 and e^1: mean 0, standard error 1, and t(0.975, 1) = 12.706."""
    table = tabulate_rates(CHAIN, depth_cells(8, (4,)), np.exp([[-1.0], [1.0]]))
    found = table.depths[0].maximal_update
    assert found is not None
    assert found.estimate == pytest.approx(1.0)
    assert math.log(found.high) == pytest.approx(12.7062, abs=1e-4)
    assert math.log(found.low) == pytest.approx(-12.7062, abs=1e-4)
    assert found.level == LEVEL
    assert table.exponent.measured is None


@pytest.mark.parametrize(
    ("name", "exponent"), [("chain", Fraction(-3, 2)), ("residual-1", Fraction(-1))]
)
def test_exact_rates_have_the_exponent_that_power_counting_says(
    name: str, exponent: Fraction
) -> None:
    architecture, depths = architecture_of(name), (32, 64, 128, 256)
    cells = depth_cells(10_000, depths)
    exact = [maximal_update_rate(architecture, am_mup(), cell) for cell in cells]
    table = tabulate_rates(maximal_update_setting(architecture), cells, curve(depths, exact))
    found = table.exponent
    assert found.counted == exponent
    assert found.published == Fraction(-3, 2)
    assert found.measured is not None
    assert found.measured.estimate == pytest.approx(float(exponent), abs=0.02)
    assert found.measured.low < found.measured.estimate < found.measured.high
    assert found.refusal is None


def test_a_rate_is_carried_over_by_each_exponent_and_the_interval_of_the_measured_one() -> None:
    """From L_0 = 4, which was not measured, down to 2 and up to 16."""
    depths = (2, 8, 16)
    rates = curve(depths, [depth**-0.5 for depth in depths])
    table = tabulate_rates(BLOCKS, depth_cells(64, depths), rates, TunedRate(4, 0.2))
    exponent = table.exponent.measured
    assert exponent is not None
    assert exponent.estimate == pytest.approx(-0.5, abs=1e-9)
    for row, ratio in zip(table.depths, (0.5, 2, 4), strict=True):
        carried = row.carried
        assert carried is not None
        assert carried.published == pytest.approx(0.2 * ratio**-1.5)
        assert carried.counted == pytest.approx(0.2 / ratio)
        assert carried.measured is not None
        assert carried.measured.estimate == pytest.approx(0.2 * ratio**-0.5)
        ends = [0.2 * ratio**end for end in (exponent.low, exponent.high)]
        assert carried.measured.low == pytest.approx(min(ends))
        assert carried.measured.high == pytest.approx(max(ends))


def test_a_rate_stays_what_it_is_at_its_own_depth() -> None:
    depths = (4, 8)
    table = tabulate_rates(
        BLOCKS, depth_cells(64, depths), curve(depths, (1.0, 0.4)), TunedRate(4, 0.2)
    )
    carried = table.depths[0].carried
    assert carried is not None
    assert carried.measured is not None
    assert (carried.measured.low, carried.measured.high) == (0.2, 0.2)


@pytest.mark.parametrize("depths", [(4, 8, 16), (4, 8, 16, 32)], ids=["three", "four"])
def test_what_falls_exponentially_is_no_power_law(depths: tuple[int, ...]) -> None:
    setting = maximal_update_setting(chain("1"))
    rates = curve(depths, [math.exp(-depth / 4) for depth in depths])
    found = tabulate_rates(setting, depth_cells(64, depths), rates).exponent
    assert found.refusal is not None
    expected = [-(b - a) / 4 / math.log(b / a) for a, b in pairwise(depths)]
    assert found.local == pytest.approx(expected)
    assert found.counted is None
    assert found.uncounted is not None
    assert "not stable in depth" in found.uncounted


@pytest.mark.parametrize("depths", [(4, 8, 16), (4, 8, 16, 32)], ids=["three", "four"])
def test_a_bend_that_moves_the_exponent_by_little_is_noted(depths: tuple[int, ...]) -> None:
    """log y = -log L + (log L)^2 / 100, with little noise: seen, and without weight."""
    values = [math.exp(-math.log(depth) + math.log(depth) ** 2 / 100) for depth in depths]
    rates = curve(depths, values, scatter=0.01)
    found = tabulate_rates(BLOCKS, depth_cells(64, depths), rates).exponent
    assert found.refusal is None
    (note,) = found.notes
    assert note.startswith("close to a power law, and not exactly one (lack of fit: p = ")


def test_a_power_law_needs_no_note_and_two_depths_cannot_show_one() -> None:
    depths = (4, 8, 16, 32)
    rates = curve(depths, [1 / depth for depth in depths])
    whole = tabulate_rates(BLOCKS, depth_cells(64, depths), rates).exponent
    assert (whole.refusal, whole.notes) == (None, ())
    half = tabulate_rates(BLOCKS, depth_cells(64, depths[:2]), rates[:, :2]).exponent
    assert half.measured is not None
    assert half.notes == ("too few depths or replicates to test whether a power law fits",)


def test_the_bias_of_chains_is_said() -> None:
    depths = (4, 8, 16)
    rates = curve(depths, [1 / depth for depth in depths])
    (note,) = tabulate_rates(CHAIN, depth_cells(64, depths), rates).exponent.notes
    assert note == "chains are biased in L/n, here up to 0.25; wider ones are less"


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_depths_at_which_networks_diverged_have_no_rate(value: float) -> None:
    depths = (4, 8, 16)
    rates = curve(depths, [1 / depth for depth in depths])
    rates[5, 2] = value
    table = tabulate_rates(BLOCKS, depth_cells(64, depths), rates, TunedRate(4, 0.2))
    assert [row.diverged for row in table.depths] == [0, 0, 1]
    assert [row.maximal_update is None for row in table.depths] == [False, False, True]
    assert table.exponent.measured is None
    assert table.exponent.refusal == "1 of 120 networks diverged"
    carried = table.depths[2].carried
    assert carried is not None
    assert carried.measured is None
    assert carried.counted == pytest.approx(0.2 / 4)


def test_signals_beyond_float32_diverge() -> None:
    rates = measure_rates(maximal_update_setting(chain(1000)), depth_cells(8, (1, 64)), 0, 4)
    assert np.isfinite(rates[:, 0]).all()
    table = tabulate_rates(CHAIN, depth_cells(8, (1, 64)), rates)
    assert [row.diverged for row in table.depths] == [0, 4]


@pytest.mark.parametrize(
    ("depths", "message"),
    [
        ((), "no depth"),
        ((0, 4), "depth 0: expected at least 1"),
        ((8, 4), "depth 4 after 8: expected ascending"),
        ((4, 4), "depth 4 after 4: expected ascending"),
    ],
)
def test_depths_that_do_not_ascend_are_refused(depths: tuple[int, ...], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        depth_cells(8, depths)
    assert depth_cells(8, (1, 4)) == (Cell(8, 1), Cell(8, 4))


def test_a_tuned_rate_that_is_none_is_refused() -> None:
    with pytest.raises(DomainError, match="depth 0: expected a depth of at least 1"):
        TunedRate(0, 0.1)
    for rate in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(DomainError, match="expected a finite positive number"):
            TunedRate(8, rate)
    with pytest.raises(DomainError, match="give at least two depths"):
        tabulate_rates(CHAIN, depth_cells(8, (4,)), np.ones((3, 1)), TunedRate(8, 0.1))
