"""Losses, batches and steps that are not plain, and what they raise: each was met in practice."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from probes.modules.problem import MeasuringError
from tests.verify.guarding.small import (
    INPUTS,
    OUTPUTS,
    WIDTHS,
    adam,
    assert_healthy,
    batch_of,
    check,
    cross_entropy,
    factory_of,
    guarded,
    linear,
    mlp,
    plain_step,
    readout,
)
from theory.errors import InputError

# Losses


def test_fresh_batches() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        generator = next(batch)
        return cross_entropy(model, generator)

    def data(seed: int) -> Any:
        return (batch_of(number) for number in range(1000 * seed, 1000 * seed + 900))

    with pytest.raises(InputError, match=r"two calls of loss\(model, batch\) gave"):
        guarded(factory_of(mlp, data=data, loss=loss))


def test_noise_that_the_loss_draws_is_the_same_at_every_pass() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        return functional.cross_entropy(model(x + 0.5 * torch.randn_like(x)), y)

    check(mlp, "2.weight", loss=loss)


@pytest.mark.parametrize("value", [1.0, None, "vector"])
def test_losses_that_are_no_number(value: Any) -> None:
    def loss(model: nn.Module, batch: Any) -> Any:
        return model(batch[0]).mean(0) if value == "vector" else value

    with pytest.raises(InputError, match=r"loss\(model, batch\) returned .*; expected a tensor"):
        guarded(factory_of(mlp, loss=loss))


def test_a_loss_that_parameters_do_not_reach() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        return cross_entropy(model, batch).detach()

    with pytest.raises(InputError, match=r"width 32.*does not require grad"):
        guarded(factory_of(mlp, loss=loss))


def test_a_loss_of_one_entry() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        return cross_entropy(model, batch).reshape(1)

    assert_healthy(guarded(factory_of(mlp, loss=loss)), "2.weight")


@pytest.mark.parametrize("when", ["at once", "after a step"])
def test_divergence_is_a_fault_and_other_entries_stay(when: str) -> None:
    def factory(width: int, seed: int) -> Any:
        model = mlp(width)
        rate = float("inf") if width == WIDTHS[-1] and when == "after a step" else 0.1
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        if width == WIDTHS[-1] and when == "at once":
            nn.init.constant_(model.get_parameter("4.weight"), float("nan"))
        return model, optimizer, batch_of(seed), cross_entropy

    found = guarded(factory)
    first = found.faults[0]
    assert (first.cause, found.document.exit_code) == ("divergence", 1)
    assert f"width {WIDTHS[-1]}" in first.sentence
    kept = [one for one in found.entries if one.parameter == "2.weight" and one.quantity == "gain"]
    assert [str(one.verdict) for one in kept] == ["accepted"]


def test_divergence_under_a_step_of_ones_own_counts_steps() -> None:
    """The loss is seen only while a parameter is new, and when changes are."""

    def factory(width: int, seed: int) -> Any:
        model, taken = mlp(width), 0

        def step(model: Any, optimizer: Any, batch: Any) -> None:
            nonlocal taken
            taken += 1
            plain_step(model, optimizer, batch)
            if taken == 3 and width == WIDTHS[-1]:
                nn.init.constant_(model.get_parameter("4.weight"), float("nan"))

        return model, adam(model, width), batch_of(seed), cross_entropy, step

    first = guarded(factory, steps=(1, 5), seeds=2).faults[0]
    assert first.sentence == (
        "The loss is not finite at width 128 after 5 steps, under 2 of 2 seeds."
    )


def test_a_loss_under_autocast() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model, batch)

    check(mlp, "2.weight", loss=loss)


def test_gradients_of_gradients() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        x = batch[0].clone().requires_grad_()
        made = functional.cross_entropy(model(x), batch[1])
        slope: Tensor = torch.autograd.grad(made, x, create_graph=True)[0]
        return made + 0.1 * slope.square().sum()

    assert_healthy(guarded(factory_of(mlp, loss=loss)), "2.weight")


# What is raised, and by whom


@pytest.mark.parametrize("where", ["loss", "forward", "backward", "step"])
def test_what_the_network_raises_is_said_to_be_its_own(where: str) -> None:
    def fail(at: str) -> None:
        if at == where:
            raise KeyError("mine")

    class Failing(nn.Sequential):
        def forward(self, x: Tensor) -> Any:
            fail("forward")
            out: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            if out.requires_grad:
                out.register_hook(lambda _: fail("backward"))  # type: ignore[no-untyped-call]
            return out

    def loss(model: nn.Module, batch: Any) -> Tensor:
        fail("loss")
        return cross_entropy(model, batch)

    def step(model: Any, optimizer: Any, batch: Any) -> None:
        fail("step")
        plain_step(model, optimizer, batch)

    factory = factory_of(lambda width: Failing(*mlp(width)), loss=loss, step=step)
    with pytest.raises(InputError, match="width 32: training raised KeyError: 'mine'"):
        guarded(factory)


@pytest.mark.parametrize(
    "what",
    [
        "probes.modules.graph.Graph.inner",
        "probes.modules.recorder.Recorder._of_data",
        "probes.modules.cell.rms",
    ],
)
def test_what_the_guard_raises_is_not(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError("ours")

    monkeypatch.setattr(what, fail)
    with pytest.raises(MeasuringError) as raised:
        guarded(factory_of(mlp))
    assert str(raised.value) == (
        "width 32, seed 0: scaleproof could not measure this network (KeyError: 'ours'); the "
        "network is not at fault: report it, with the factory"
    )


# Batches


@dataclasses.dataclass
class Plain:
    x: Tensor
    y: Tensor


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    x: Tensor
    y: Tensor


@pytest.mark.parametrize("kind", ["dict", "dataclass", "slots", "none", "numpy"])
def test_batches(kind: str) -> None:
    def data(seed: int) -> Any:
        x, y = batch_of(seed)
        made: dict[str, Any] = {
            "dict": {"inputs": {"x": x}, "y": y},
            "dataclass": Plain(x, y),
            "slots": Slotted(x, y),
            "none": None,
            "numpy": (x.numpy(), y.numpy()),
        }
        return made[kind]

    def loss(model: nn.Module, batch: Any) -> Tensor:
        if kind == "dict":
            x, y = batch["inputs"]["x"], batch["y"]
        elif kind == "none":
            x, y = (
                torch.linspace(-2, 2, 24 * INPUTS).reshape(24, INPUTS).sin(),
                torch.arange(24) % OUTPUTS,
            )
        elif kind == "numpy":
            x, y = (torch.from_numpy(np.array(one)) for one in batch)
        else:
            x, y = batch.x, batch.y
        return functional.cross_entropy(model(x), y)

    def network(width: int) -> nn.Module:
        return nn.Sequential(
            linear(INPUTS, width),
            nn.Tanh(),
            linear(width, width, bias=True),
            nn.Tanh(),
            readout(width),
        )

    check(network, "2.weight", data=data, loss=loss)


def test_inputs_that_the_loss_makes_itself() -> None:
    class Timed(nn.Module):
        """As a diffusion model: a batch, and times that are drawn in the loss."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.time, self.first = linear(INPUTS, width), linear(INPUTS, width)
            self.second, self.last = linear(width, width), readout(width)

        def forward(self, x: Tensor, time: Tensor) -> Any:
            embedded = self.second(torch.tanh(self.time(time)))
            return self.last(torch.tanh(self.first(x) + embedded))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        time = torch.rand(len(batch[0]), 1) * torch.arange(1, INPUTS + 1)
        return functional.cross_entropy(model(batch[0], time.cos()), batch[1])

    check(Timed, "second.weight", loss=loss)
    found = guarded(factory_of(Timed, loss=loss), seeds=2)
    assert "gain" in {one.quantity for one in found.entries if one.parameter == "time.weight"}
