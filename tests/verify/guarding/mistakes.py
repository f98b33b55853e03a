"""Planted mistakes: one power of width or depth in one place of a correct family, and others.

Imports torch and the zoo, and nothing of the house.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import get_args

import torch
from torch import nn

from tests.verify.guarding.zoo import (
    ADAMS,
    BASE_DEPTH,
    BASE_WIDTH,
    DECAY,
    HALF,
    LARGE_EPSILON,
    ONE,
    POWERS,
    Axis,
    Branch,
    Convolution,
    Described,
    Embedding,
    Factory,
    Family,
    Kind,
    Matrix,
    MatrixKind,
    MutantKind,
    Optimizers,
    Setup,
    described,
    starred,
)


@dataclass(frozen=True)
class Mutant:
    """A family with one mistake: `kind` is off by the power `power` of width or depth.

    `parameters` are the guilty ones, with * for the number of a block where all blocks have it.
    """

    name: str
    kind: MutantKind
    power: Fraction
    parameters: tuple[str, ...]
    factory: Factory


Change = Callable[[Setup, int, int], None]  # of a correct setup, in place, given width and depth


def list_of(optimizers: Optimizers) -> list[torch.optim.Optimizer]:
    return optimizers if isinstance(optimizers, list) else [optimizers]


def among(name: str, patterns: tuple[str, ...]) -> bool:
    return name in patterns or starred(name) in patterns


def scale_rate(optimizers: Optimizers, parameter: nn.Parameter, factor: float) -> None:
    """The parameter gets a group of its own."""
    for optimizer in list_of(optimizers):
        for group in optimizer.param_groups:
            if any(member is parameter for member in group["params"]):
                own = {key: value for key, value in group.items() if key != "params"}
                own["lr"] *= factor
                own["weight_decay"] = own.get("weight_decay", 0.0) / factor  # their product stays
                group["params"] = [one for one in group["params"] if one is not parameter]
                if not group["params"]:
                    optimizer.param_groups.remove(group)
                optimizer.add_param_group({"params": [parameter], **own})
                return
    raise LookupError("no optimizer has the parameter")


def _plant(
    setup: Setup,
    kind: MutantKind,
    targets: tuple[str, ...],
    modules: tuple[str, ...],
    factor: float,
) -> None:
    model, optimizers = setup[0], setup[1]
    if kind == "multiplier":
        for name, module in model.named_modules():
            if among(name, modules):
                module.multiplier = float(module.multiplier) * factor
        return
    for name, parameter in model.named_parameters():
        if not among(name, targets):
            continue
        if kind == "rate":
            scale_rate(optimizers, parameter, factor)
        else:
            with torch.no_grad():
                parameter.mul_(factor)


def mutated(factory: Factory, change: Change) -> Factory:
    def build(width: int, depth: int, seed: int) -> Setup:
        setup = factory(width, depth, seed)
        change(setup, width, depth)
        return setup

    return build


def _size(axis: Axis, width: int, depth: int) -> float:
    return width / BASE_WIDTH if axis == "width" else depth / BASE_DEPTH


def _systematic(
    family: Family,
    axis: Axis,
    kind: MutantKind,
    target: str,
    parameters: tuple[str, ...],
) -> list[Mutant]:
    """Both signs of the power. The target is a parameter, or a module for its multiplier."""

    def of(power: Fraction) -> Mutant:
        def change(setup: Setup, width: int, depth: int) -> None:
            factor = _size(axis, width, depth) ** float(power)
            _plant(setup, kind, parameters, (target,), factor)

        name = f"{kind}{'+' if power > 0 else '-'}{abs(power)} {target}"
        return Mutant(name, kind, power, parameters, mutated(family.factory, change))

    return [of(POWERS[kind]), of(-POWERS[kind])]


def _live(family: Family, model: nn.Module) -> list[Described]:
    return [of for of in described(model) if not among(of.name, family.inert)]


def _targets(
    family: Family, axis: Axis, model: nn.Module
) -> list[tuple[MutantKind, str, tuple[str, ...]]]:
    """What can be wrong: a kind, the target as named in the model, and the guilty parameters."""
    live = _live(family, model)
    found: list[tuple[MutantKind, str, tuple[str, ...]]] = [
        ("rate", of.name, (of.name,)) for of in live
    ]
    found += [
        ("initialization", of.name, (of.name,)) for of in live if of.kind in get_args(MatrixKind)
    ]
    names = {id(of.parameter): of.name for of in live}
    for name, module in model.named_modules():
        if isinstance(module, Matrix | Embedding):
            normalized = isinstance(module, Convolution) and module.normalized
            in_depth = axis == "depth" and "readout" not in name
            if not normalized and not in_depth:
                found.append(("multiplier", name, (names[id(module.weight)],)))
        elif isinstance(module, Branch) and axis == "depth":
            inside = tuple(
                of.name
                for of in live
                if of.name.startswith(f"{name}.") and ".stream." not in of.name
            )
            found.append(("multiplier", name, inside))
    return found


def mutants(family: Family, axis: Axis) -> list[Mutant]:
    """In width, a mistake in one block; in depth, the same in all blocks; then the special ones."""
    model, optimizers, *_ = family.factory(family.widths[0], 2, 0)
    chosen: list[Mutant] = []
    in_blocks = 0
    for kind, target, parameters in _targets(family, axis, model):
        block = re.match(r"blocks\.(\d+)", target)
        if block is None:
            chosen += _systematic(family, axis, kind, target, parameters)
        elif block[1] == "0":
            in_blocks += 1
            number = "*" if axis == "depth" else str(in_blocks % 2)
            target, *renamed = (
                re.sub(r"^blocks\.0", f"blocks.{number}", name) for name in (target, *parameters)
            )
            chosen += _systematic(family, axis, kind, target, tuple(renamed))
    if axis == "width":
        return chosen + _special_in_width(family, model, optimizers)
    return chosen + _special_in_depth(family, model)


def _special_in_width(family: Family, model: nn.Module, optimizers: Optimizers) -> list[Mutant]:
    found = []
    by_adam = [one for one in list_of(optimizers) if isinstance(one, ADAMS)]
    theirs = {id(p) for one in by_adam for group in one.param_groups for p in group["params"]}
    parameters = [of for of in _live(family, model) if id(of.parameter) in theirs]

    def guilty(*right: Kind) -> tuple[str, ...]:
        return tuple(dict.fromkeys(of.starred() for of in parameters if of.kind not in right))

    if by_adam:
        name, names = "epsilon", guilty("output", "small_readout")
        factory = mutated(family.factory, _large_epsilon)
        found.append(Mutant(name, "rate", -ONE, names, factory))
    if any(isinstance(one, torch.optim.AdamW) for one in by_adam):
        falls = guilty("vector", "output", "embedding", "input", "readout")
        if falls:
            factory = mutated(family.factory, _coupled_decay)
            found.append(Mutant("decay", "rate", -ONE, falls, factory))
    scored = [name for name, module in model.named_modules() if hasattr(module, "scale")]
    if scored:
        names = tuple(
            dict.fromkeys(
                f"{starred(name)}.{which}.weight" for name in scored for which in ("query", "key")
            )
        )
        factory = mutated(family.factory, _root_of_head_size)
        found.append(Mutant("root_d", "multiplier", HALF, names, factory))
    return found


def _special_in_depth(family: Family, model: nn.Module) -> list[Mutant]:
    alpha = family.alpha
    if alpha is None:
        return []
    names = tuple(
        dict.fromkeys(
            of.starred()
            for of in _live(family, model)
            if of.in_blocks() and ".stream." not in of.name
        )
    )

    def constant_rates(setup: Setup, _width: int, depth: int) -> None:
        factor = _size("depth", 0, depth) ** float(1 - alpha)
        _plant(setup, "rate", names, (), factor)

    def no_multiplier(setup: Setup, _width: int, _depth: int) -> None:
        for module in setup[0].modules():
            if isinstance(module, Branch):
                module.multiplier = 1.0

    factory = mutated(family.factory, no_multiplier)
    found = [Mutant("no_depth_multiplier", "multiplier", alpha, names, factory)]
    if alpha != 1:
        factory = mutated(family.factory, constant_rates)
        found.append(Mutant("no_depth_rate", "rate", 1 - alpha, names, factory))
    return found


def _large_epsilon(setup: Setup, _width: int, _depth: int) -> None:
    for optimizer in list_of(setup[1]):
        for group in optimizer.param_groups:
            if isinstance(optimizer, ADAMS):
                group["eps"] = LARGE_EPSILON


def _coupled_decay(setup: Setup, _width: int, _depth: int) -> None:
    """The usual weight decay: a step takes rate * decay away, and rates fall with width."""
    for optimizer in list_of(setup[1]):
        for group in optimizer.param_groups:
            if isinstance(optimizer, torch.optim.AdamW):
                matrices = any(parameter.ndim > 1 for parameter in group["params"])
                group["weight_decay"] = DECAY if matrices else 0.0


def _root_of_head_size(setup: Setup, width: int, _depth: int) -> None:
    for module in setup[0].modules():
        if hasattr(module, "scale"):
            module.scale = float(module.scale) * (width / BASE_WIDTH) ** 0.5  # type: ignore[arg-type]
