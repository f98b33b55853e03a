"""What is off by itself, and what only follows: one cause is named, where it is."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.verify.guarding.small import (
    INPUTS,
    WIDTHS,
    assert_healthy,
    factory_of,
    guarded,
    linear,
    mlp,
    readout,
    the_fault,
)
from verify.guarding.result import Guard


def test_a_readout_that_starts_too_large_is_named_and_not_what_it_spoils() -> None:
    """Its outputs keep their size, so its gain is right; what hidden layers do to them grows."""

    def network(width: int) -> nn.Module:
        model = mlp(width)
        with torch.no_grad():
            model.get_parameter("4.weight").mul_((width / WIDTHS[0]) ** 0.5)
        return model

    found = guarded(factory_of(network), seeds=4)
    assert the_fault(found) == ("initialization", ["4.weight"])
    assert found.faults[0].exponent > 0.4
    assert found.faults[0].spoils
    (gain,) = (o for o in found.entries if (o.parameter, o.quantity) == ("4.weight", "gain"))
    assert (gain.verdict, gain.note) == (
        "rejected",
        "right by itself; with the others, a fault names it",
    )


class TiedAutoencoder(nn.Module):
    """Both matrices are read twice, the second time transposed."""

    def __init__(self, width: int, power: float) -> None:
        super().__init__()
        self.ends = nn.Parameter(torch.randn(width, 20) / 20**0.5)
        self.middle = linear(width, width)
        with torch.no_grad():
            self.middle.weight.mul_((width / WIDTHS[0]) ** power)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.tanh(torch.tanh(x @ self.ends.t()) @ self.middle.weight.t())
        return torch.tanh(inner @ self.middle.weight) @ self.ends / self.ends.shape[0]


def reconstruction(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    made: Tensor = functional.mse_loss(model(batch[0]), batch[0])
    return made


def inputs_of(seed: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(16, 20, generator=torch.Generator().manual_seed(seed))
    return x, x


def test_a_blurred_change_is_no_rate_beside_an_initial_value() -> None:
    """Layers that saturate change how inputs are aligned; updates of the ends stay right."""

    def guard_of(power: float) -> Guard:
        def network(width: int) -> nn.Module:
            return TiedAutoencoder(width, power)

        factory = factory_of(network, data=inputs_of, loss=reconstruction)
        return guarded(factory, widths=(32, 64, 128, 256), seeds=4)

    assert_healthy(guard_of(0.0), "ends", "middle.weight")
    assert the_fault(guard_of(0.25)) == ("initialization", ["middle.weight"])


class Shrunk(nn.Module):
    """Its output falls with width, and what reads it is normalized: no parameter is off."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self.power = power

    def forward(self, x: Tensor) -> Tensor:
        shrunk: Tensor = x.tanh() * float(x.shape[-1]) ** self.power
        return shrunk


@pytest.mark.parametrize(("power", "is_fault"), [(-0.2, False), (-0.6, True)])
def test_what_no_parameter_explains_is_a_fault_where_small_sizes_do_not_either(
    power: float, is_fault: bool
) -> None:
    def network(width: int) -> nn.Module:
        return nn.Sequential(
            linear(INPUTS, width), Shrunk(power), nn.LayerNorm(width), readout(width)
        )

    found = guarded(factory_of(network))
    if is_fault:
        assert the_fault(found) == ("unexplained", [])
        assert "change of 1 after 1" not in found.faults[0].spoils
        return
    assert_healthy(found, "0.weight")
    undecided = {(e.module, e.step): e.note for e in found.entries if e.note}
    assert undecided == dict.fromkeys(
        [("1", 1), ("1", 2)], "no parameter explains it: take larger sizes"
    )
    assert found.document.exit_code == 3
