"""Which engine runs a trial, and how many members together: decided by what they cost."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probes.costs import (
    CALLS_SHARE,
    COSTS,
    engine_of,
    estimate,
    group_size,
    operations,
    room,
    seconds,
)
from probes.engines import Engine, dense_weights, matrix_free_weights
from probes.experiments.one_step import first_order_change
from probes.network import WeightKey
from probes.trials import network_of
from probes.weights.matrix_free import Side
from theory import (
    Cell,
    Convolution,
    DomainError,
    OneStep,
    Optimizer,
    Setting,
    Training,
    am_mup,
    chain,
    depth_mup,
    mup,
    residual,
)

FIRST_STEP = Setting(residual(2), depth_mup(), OneStep(batch=4))
TRAINING = replace(FIRST_STEP, experiment=Training(batch=16, steps=60))
UNDER_ADAM = replace(FIRST_STEP, parameterization=depth_mup(Optimizer.ADAM))


def test_few_steps_of_wide_networks_need_no_matrices_and_long_training_does() -> None:
    assert engine_of(FIRST_STEP, Cell(4096, 32), "cpu") is Engine.MATRIX_FREE
    assert engine_of(FIRST_STEP, Cell(16, 32), "cpu") is Engine.DENSE
    assert engine_of(TRAINING, Cell(256, 32), "cpu") is Engine.DENSE
    assert engine_of(UNDER_ADAM, Cell(4096, 32), "cpu") is Engine.DENSE


def test_convolutions_run_on_the_engine_that_is_faster_as_timed() -> None:
    """At n = 512, L = 32: 0.7 s without matrices, 2.1 with; at n = 64, L = 4: 10 ms and 6."""
    images = Setting(
        replace(chain(), convolution=Convolution(2, 3, 8)),
        am_mup(),
        OneStep(batch=1),
    )
    assert engine_of(images, Cell(1024, 64), "cpu") is Engine.MATRIX_FREE
    assert engine_of(images, Cell(64, 4), "cpu") is Engine.DENSE


@pytest.mark.parametrize("engine", Engine)
def test_an_engine_can_be_forced(engine: Engine) -> None:
    assert engine_of(FIRST_STEP, Cell(64, 4), "cpu", engine) is engine


def test_an_engine_that_cannot_run_a_setting_is_refused_in_one_line() -> None:
    with pytest.raises(DomainError, match=r"adam has no matrix-free weights.*use --engine dense"):
        engine_of(UNDER_ADAM, Cell(64, 4), "cpu", Engine.MATRIX_FREE)


settings_ = st.sampled_from([FIRST_STEP, TRAINING])
cells = st.builds(Cell, st.sampled_from([8, 64, 512, 4096]), st.sampled_from([2, 16, 128]))


@given(settings_, cells, st.sampled_from(Engine))
def test_groups_are_just_large_enough_for_the_calls_not_to_matter(
    setting: Setting, cell: Cell, engine: Engine
) -> None:
    """A larger group saves no more than the calls' share; none outgrows the memory."""
    device = "cpu"
    found = estimate(engine, network_of(setting, cell), setting.experiment, COSTS[device])
    size = group_size(setting, cell, device, engine)
    full = room(device) // found.numbers
    if size < full:
        assert found.calls <= CALLS_SHARE * size * found.work
    if size > 1:
        assert size <= full
        assert found.calls > CALLS_SHARE * (size - 1) * found.work
    per_member = seconds(setting, cell, device, engine, size) / size
    assert per_member <= seconds(setting, cell, device, engine, 1)


def test_groups_on_an_accelerator_leave_room_for_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten processes of full groups, and no group of none, on a card of any size or use."""
    cell, setting = Cell(4096, 64), replace(FIRST_STEP, architecture=chain())
    each = estimate(
        Engine.MATRIX_FREE, network_of(setting, cell), setting.experiment, COSTS["cuda"]
    ).numbers
    sizes = []
    for networks, used in ((1, 0), (24, 0), (48, 0), (48, 44)):
        memory = 4 * (networks - used) * each, 4 * networks * each
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device, held=memory: held)
        sizes.append(group_size(setting, cell, "cuda", Engine.MATRIX_FREE))
        assert sizes[-1] == 1 or 10 * sizes[-1] * each * 4 <= memory[1]
    assert sizes == [1, 2, 4, 2]  # the last one: where others have taken most of it


def test_the_model_counts_the_products_that_the_engine_makes() -> None:
    """But for the input weight, asked once: its input has no gradient and does not move."""
    network = network_of(FIRST_STEP, Cell(16, 5))
    seen: list[tuple[WeightKey, Side]] = []
    weights = matrix_free_weights(
        network,
        FIRST_STEP.experiment,
        0,
        [0],
        torch.device("cpu"),
        observer=lambda key, side, _product: seen.append((key, side)),
    )
    x, y = torch.ones(1, 4, network.inputs), torch.ones(1, 4)
    first_order_change(network, weights, x, y)
    counted = operations(Engine.MATRIX_FREE, network, FIRST_STEP.experiment)
    assert len(seen) == counted.calls["ask"] - 2
    dense = operations(Engine.DENSE, network, FIRST_STEP.experiment)
    assert dense.work["draw"] == network.size
    assert dense.work["read"] == 3 * network.size
    assert dense.work["multiply"] == 3 * 4 * network.size


def test_a_member_holds_at_least_what_the_backward_pass_meets() -> None:
    """Saved tensors of a training step, weights included, as torch reports them."""
    convolution = Convolution(2, 3, 8)
    setting = replace(
        TRAINING, architecture=replace(residual(1), convolution=convolution), parameterization=mup()
    )
    network = network_of(setting, Cell(8, 6))
    saved: dict[int, int] = {}

    def kept(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // 4
        return tensor

    batch = setting.experiment.batch
    weights = dense_weights(
        network, setting.experiment, network.initial_weights(0, [0], torch.device("cpu"))
    )
    x = torch.ones(1, batch, convolution.positions, network.inputs)
    with torch.autograd.graph.saved_tensors_hooks(kept, lambda tensor: tensor):
        network.forward(weights, x).output.sum()
    held = operations(Engine.DENSE, network, setting.experiment).numbers - network.size
    assert sum(saved.values()) <= held <= 4 * sum(saved.values())


@pytest.mark.parametrize("engine", Engine)
def test_time_grows_with_n_as_the_engine_says(engine: Engine) -> None:
    """n^2 for matrices, n without."""
    narrow, wide = (
        estimate(engine, network_of(FIRST_STEP, Cell(n, 64)), FIRST_STEP.experiment, COSTS["cpu"])
        for n in (2**14, 2**16)
    )
    power = {Engine.DENSE: 2, Engine.MATRIX_FREE: 1}[engine]
    assert wide.work / narrow.work == pytest.approx(4**power, rel=0.02)
