"""What is measured, and what a measurement of it gives. Imports torch.

A problem is what the user's factory returns; a cell has its numbers, each under a key, and facts
about every read of its parameters. Of ``theory`` it imports errors.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
from torch import nn

from theory.errors import DomainError

# A parameter is attributed at the first step that moves it by its gradient, up to this one.
LATEST_ATTRIBUTION = 4

P = ParamSpec("P")
R = TypeVar("R")


class MeasuringError(RuntimeError):
    """The measuring itself failed, and not the model that is measured."""


def own_work(work: Callable[P, R]) -> Callable[P, R]:
    """Mark what runs no code of the user's: an error of it becomes a ``MeasuringError``."""

    @functools.wraps(work)
    def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(*args, **kwargs)
        except (DomainError, MeasuringError):
            raise
        except Exception as error:
            raise MeasuringError(f"{type(error).__name__}: {error}") from error

    return marked


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What a factory returns: a model, its optimizers, a batch, and the loss of model and batch."""

    model: nn.Module
    optimizers: tuple[torch.optim.Optimizer, ...]
    batch: Any
    loss: Callable[[Any, Any], Any]
    step: Callable[[Any, Any, Any], object] | None = None
    # What ``step`` is given: the optimizer as the factory returned it, one or a list.
    optimizer: Any = None


class Key(NamedTuple):
    """Which number: a parameter's read (or none), its module, the quantity, the step."""

    module: str
    parameter: str
    read: int
    quantity: str
    step: int


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """What shapes and probing say about one read of one parameter."""

    parameter: str
    read: int
    module: str
    operation: str
    shape: tuple[int, ...]
    features: int
    fan_in: int
    degree_of_input: int  # 1: z is linear in the input; 0: it does not depend on its size
    additive: bool
    integer_input: bool
    inner: bool
    scores: tuple[str, ...]  # modules whose attention scores it makes, as a query or a key
    ends_branch: bool
    on_stream: bool  # a branch is added to what comes out: the stream itself
    rate: float


@dataclass(frozen=True, slots=True)
class Mending:
    """Factors for a parameter's initial value and for its updates."""

    initial: float = 1.0
    update: float = 1.0


@dataclass(slots=True)
class Cell:
    """The numbers of one network and the facts about its reads, in the order of first reads."""

    numbers: dict[Key, float] = field(default_factory=dict)
    reads: list[ReadFacts] = field(default_factory=list)
    head_sizes: dict[str, int] = field(default_factory=dict)
    features: dict[str, int] = field(default_factory=dict)
    losses: dict[int, float] = field(default_factory=dict)  # after so many steps, where seen
    steps: int = 0  # that it was trained
    notes: list[str] = field(default_factory=list)
    first_weights: tuple[float, ...] = ()
    # By what constant a module's output is multiplied next, outside of it.
    factors: dict[str, float] = field(default_factory=dict)
    scaled: set[str] = field(default_factory=set)  # modules whose scores a mend multiplied
    unclear: set[str] = field(default_factory=set)  # and where it may be something else
    device: str = "cpu"
    untrained: list[str] = field(default_factory=list)  # parameters in no optimizer
    twice: list[str] = field(default_factory=list)  # and in two
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def alike(name: str, read: int, operation: str, shape: Sequence[int]) -> Hashable:
    """What the same read of the same parameter shares in all blocks and under all seeds."""
    return re.sub(r"\d+", "*", name), read, operation, tuple(shape)
