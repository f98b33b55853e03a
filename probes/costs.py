"""What a trial costs on each engine, from measured times. Imports torch and ``probes``.

The time of a group of G members is that of its calls plus G times that of the work of one member:
small networks need company for the calls to be forgotten, and large ones do not. The constants were
fitted to the times of ``python -m tools.fit_costs``, of the processor on two cores; they decide
what is fast, and never what a network does. The engine of a trial follows from the setting and the
cell alone, so that a replicate's numbers do not depend on how many others there are.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache

import torch

from probes.data.synthetic import TOKENS
from probes.engines import Engine, needs_matrices
from probes.experiments import products
from probes.network import Network
from probes.trials import network_of, reference_of
from theory.architecture import Family
from theory.errors import InputError
from theory.experiments import Experiment, Setting
from theory.scaling import Cell

# Calls may cost this part of a group's time; more members would save less than that.
CALLS_SHARE = 0.05
# How many numbers a group may hold on the processor, by the caches; and of an accelerator's memory,
# which several processes share, and in which buffers of products come on top of what is counted.
CPU_NUMBERS = 2**25
CARD_SHARE = 1 / 12


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds on one kind of device.

    Dense: ``call`` for each product of a group; ``draw`` for each weight; ``read`` for each weight
    in each product, and ``multiply`` for each input of it as well. Matrix-free: ``ask`` for each
    product of a group, ``reply`` for each member of it; ``answer`` for each coordinate of a query,
    and ``recall`` for each of these and each earlier query. Both, in
    transformers and convolutions: ``mix`` for each coordinate of each input of a product, for what
    happens between products.
    """

    call: float
    draw: float
    read: float
    multiply: float
    ask: float
    reply: float
    answer: float
    recall: float
    mix: float


CPU = Costs(
    call=43e-6,
    draw=8.6e-9,
    read=0.59e-9,
    multiply=0.027e-9,
    ask=500e-6,
    reply=3.3e-6,
    answer=24e-9,
    recall=0.24e-9,
    mix=2.6e-9,  # as fitted to the dense engine
)
# Fitted on one H200 with 16 cores. The processor draws the weights: ``read``, ``multiply`` and
# ``recall`` are too small to be seen beside that, and follow from what the card can do.
CUDA = Costs(
    call=146e-6,
    draw=3.0e-9,
    read=0.001e-9,
    multiply=0.00004e-9,
    ask=1e-3,
    reply=2.7e-6,
    answer=23e-9,
    recall=0.001e-9,
    mix=0.6e-9,
)
COSTS = {"cpu": CPU, "cuda": CUDA}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds of a group: ``calls`` once, and ``work`` for each member; numbers that each holds."""

    calls: float
    work: float
    numbers: int


def estimate(engine: Engine, network: Network, experiment: Experiment, costs: Costs) -> Estimate:
    """What a group costs on an engine."""
    counts = operations(engine, network, experiment)
    each = asdict(costs)
    return Estimate(
        sum(each[name] * count for name, count in counts.calls.items()),
        sum(each[name] * count for name, count in counts.work.items()),
        counts.numbers,
    )


@dataclass(frozen=True, slots=True)
class Operations:
    """How often each constant of ``Costs`` is paid: once for a group, and for each member."""

    calls: dict[str, int]
    work: dict[str, int]
    numbers: int


@cache  # a campaign asks thousands of times, of its few hundred settings and cells
def operations(engine: Engine, network: Network, experiment: Experiment) -> Operations:
    """What a trial does on an engine."""
    attends = network.architecture.family is Family.TRANSFORMER
    convolution = network.architecture.convolution
    rows = TOKENS if attends else convolution.positions if convolution else 1
    made = [(rows * inputs, asks) for inputs, asks in products(experiment)]
    weights = len(network.shapes())
    sets = 2 if experiment.draws_copies else 1
    coordinates = sum(max(shape) for shape in network.shapes().values())
    mixed = coordinates * sum(inputs for inputs, _ in made) if rows > 1 else 0
    if engine is Engine.DENSE:
        inputs = sum(inputs for inputs, _ in made)
        size, drawn = network.size, network.drawn.size
        if experiment.reference is not None:
            large = reference_of(network, experiment.reference)
            size, weights = size + large.size, weights + len(large.shapes())
            drawn += large.size
        work = {"draw": sets * drawn, "read": size * len(made), "multiply": size * inputs}
        work["mix"] = mixed
        copies = 1 if network.parameterization.optimizer.is_linear else 4
        copies += bool(experiment.momentum)
        # What the backward pass meets again: products, and what entered them.
        met = 2 * coordinates * rows * experiment.batch
        held = max(copies * size, drawn)
        return Operations({"call": weights * len(made)}, work, sets * (held + met))
    asked = [inputs for inputs, asks in made if asks]
    recalled = sum(k * sum(asked[:index]) for index, k in enumerate(asked))
    queries = weights * len(asked)
    return Operations(
        {"ask": queries},
        {
            "reply": queries,
            "answer": coordinates * sum(asked),
            "recall": coordinates * recalled,
            "mix": mixed,
        },
        2 * sum(asked) * coordinates,
    )


def engine_of(setting: Setting, cell: Cell, device: str, forced: Engine | None = None) -> Engine:
    """The engine that runs a setting's trials at a cell: the cheaper one that can, or ``forced``.

    Training is left to the dense engine, where every rate starts from the same weights.
    Raises ``InputError`` when the forced engine cannot run the setting.

    >>> from scaleproof import Cell, engine_of, find
    >>> print(engine_of(find("C1.rate.depth").setting, Cell(16384, 64), "cpu"))
    matrix-free
    """
    obstacle = needs_matrices(setting)
    if forced is not None:
        if forced is Engine.MATRIX_FREE and obstacle is not None:
            raise InputError(f"{setting}: {obstacle}; use --engine dense or auto")
        return forced
    network, costs = network_of(setting, cell), COSTS[device]
    if obstacle is not None or setting.experiment.compares_rates:
        return Engine.DENSE
    return min(Engine, key=lambda e: estimate(e, network, setting.experiment, costs).work)


def group_size(setting: Setting, cell: Cell, device: str, engine: Engine) -> int:
    """How many members are computed together: enough for the calls not to matter, and no more.

    >>> from scaleproof import Cell, Engine, find, group_size
    >>> group_size(find("C1.rate.depth").setting, Cell(64, 8), "cpu", Engine.DENSE) >= 1
    True
    """
    cost = estimate(engine, network_of(setting, cell), setting.experiment, COSTS[device])
    enough = math.ceil(cost.calls / (CALLS_SHARE * cost.work))
    return max(1, min(enough, room(device) // cost.numbers))


def room(device: str) -> int:
    """How many numbers of 4 bytes a group may hold."""
    if device == "cpu":
        return CPU_NUMBERS
    free, total = torch.cuda.mem_get_info(device)
    return int(min(CARD_SHARE * total, free / 2)) // 4  # others may use the card, too


def seconds(setting: Setting, cell: Cell, device: str, engine: Engine, members: int) -> float:
    """The expected time of a group."""
    cost = estimate(engine, network_of(setting, cell), setting.experiment, COSTS[device])
    return cost.calls + members * cost.work
