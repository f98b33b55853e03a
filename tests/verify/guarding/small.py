"""Small correct networks for traps, and what is asserted of all of them.

It imports torch, numpy, and the guard.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from verify.guarding.result import Guard
from verify.guarding.run import guard

Batch = tuple[Tensor, Tensor]
WIDTHS = (32, 64, 128)
INPUTS, OUTPUTS, EXAMPLES = 12, 3, 24
RATE = 0.02


def batch_of(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Batch:
    """Random inputs and classes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*(shape or (EXAMPLES, INPUTS)), generator=generator)
    return x.to(dtype), torch.randint(OUTPUTS, (x.shape[0],), generator=generator)


def tokens_of(seed: int, entries: int = 16, length: int = 6, examples: int = 8) -> Batch:
    """Random tokens, and as many classes of sequences."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(entries, (examples, length), generator=generator)
    return x, torch.randint(OUTPUTS, (examples,), generator=generator)


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(batch[0]).float(), batch[1])


def plain_step(model: Any, optimizer: Any, batch: Any) -> None:
    """What the guard does without a step of the factory's own."""
    optimizer.zero_grad()
    cross_entropy(model, batch).backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def linear(fan_in: int, fan_out: int, bias: bool = False, zero: bool = False) -> nn.Linear:
    """Deviation fan_in^-1/2; without a bias, unless there is one, which starts at zero."""
    made = nn.Linear(fan_in, fan_out, bias=bias)
    nn.init.normal_(made.weight, std=0.0 if zero else fan_in**-0.5)
    if bias:
        nn.init.zeros_(made.bias)
    return made


def readout(width: int, outputs: int = OUTPUTS, zero: bool = False) -> nn.Linear:
    """Deviation 1 / width."""
    made = nn.Linear(width, outputs, bias=False)
    nn.init.normal_(made.weight, std=0.0 if zero else 1 / width)
    return made


def mlp(width: int, depth: int = 1, act: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    """Input, hidden layers, readout."""
    layers: list[nn.Module] = [linear(INPUTS, width), act()]
    for _ in range(depth):
        layers += [linear(width, width), act()]
    return nn.Sequential(*layers, readout(width))


def groups_of(
    model: nn.Module, width: int, wrong: str = "", rate: float = RATE
) -> list[dict[str, Any]]:
    """Adam's rates in muP: matrices with a contraction that grows get rate / width.

    The rate of the parameter that is wrong goes as the width times what is right.
    """
    made = []
    for name, parameter in model.named_parameters():
        grows = parameter.dim() > 1 and parameter.shape[1] >= width and "tokens" not in name
        right = rate * WIDTHS[0] / width if grows else rate
        made.append(
            {"params": [parameter], "lr": right * (width / WIDTHS[0] if name == wrong else 1)}
        )
    return made


def adam(model: nn.Module, width: int, wrong: str = "") -> torch.optim.Optimizer:
    """The optimizer of most tests: its epsilon is too small to matter."""
    return torch.optim.Adam(groups_of(model, width, wrong), eps=1e-12)


def factory_of(
    network: Callable[[int], nn.Module],
    wrong: str = "",
    data: Callable[[int], Any] = batch_of,
    loss: Callable[[Any, Any], Any] = cross_entropy,
    step: Callable[[Any, Any, Any], object] | None = None,
) -> Callable[..., Any]:
    """A factory of one depth; ``wrong`` names a parameter whose rate is."""

    def factory(width: int, seed: int) -> Any:
        model = network(width)
        return model, adam(model, width, wrong), data(seed), loss, step

    return factory


def guarded(factory: Callable[..., Any], **options: Any) -> Guard:
    """A guard with few cells."""
    few: dict[str, Any] = {"widths": WIDTHS, "seeds": 3, "steps": (1, 2)}
    return guard(factory, **(few | options))


def sentences_of(found: Guard) -> list[str]:
    """What is wrong, as people read it."""
    return [fault.sentence for fault in found.faults]


def assert_healthy(found: Guard, *parameters: str) -> None:
    """No fault, and the rates of these parameters were judged."""
    assert not found.faults, sentences_of(found)
    judged = {one.parameter for one in found.entries if one.quantity in ("own", "alone")}
    assert set(parameters) <= judged, judged


def the_fault(found: Guard) -> tuple[str, list[str]]:
    """Cause and parameters of the only fault."""
    assert len(found.faults) == 1, sentences_of(found)
    return found.faults[0].cause, found.faults[0].parameters


def check(network: Callable[[int], nn.Module], *parameters: str, **parts: Any) -> None:
    """The network is healthy; where the rate of one of these is wrong, it is named alone."""
    assert_healthy(guarded(factory_of(network, **parts)), *parameters)
    for parameter in parameters:
        fault = the_fault(guarded(factory_of(network, parameter, **parts)))
        assert fault == ("rate", [parameter]), fault


@contextmanager
def randomness_stays() -> Iterator[None]:
    """Global random states are afterwards what they were."""

    def states() -> tuple[bytes, str, object]:
        legacy = np.random.get_state()  # noqa: NPY002
        return torch.get_rng_state().numpy().tobytes(), repr(legacy), random.getstate()

    before = states()
    yield
    assert states() == before
