"""What checks of scaling notice: the guard and three that people use, on planted mistakes.

``python -m tools.guard_peers [FAMILY]...`` plants every mutant of the tests' families in width and
writes docs/guard-peers.md. Processor times are of one run in turns. Imports numpy, torch, the
tests' families and ``verify``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tests.verify.guarding import families_first, mistakes, zoo
from verify.guarding.run import guard

PAGE = Path(__file__).parent.parent / "docs" / "guard-peers.md"
FAMILIES = ("mlp_sgd", "mlp_adam", "residual_mlp-1/2", "residual_mlp-1")
WIDTHS, STEP, CORRECT_RUNS = (64, 128, 256, 512), 4, 5
# The rules of the others, fixed before the run.
SLOPE, GROWTH, DECAY, RATIO_WIDTHS, RATIO_SEEDS = 0.1, 2.0, 0.3, (32, 512), 10

Sized = Callable[[int, int], zoo.Setup]


@dataclass
class Score:
    """Of one check: mutants noticed, of how many; false alarms; processor seconds."""

    noticed: int = 0
    mutants: int = 0
    alarms: int = 0
    correct: int = 0
    seconds: float = 0.0

    def row(self, name: str) -> str:
        """One row of the table."""
        each = self.seconds / max(1, self.mutants + self.correct)
        kills = f"{self.noticed} of {self.mutants} ({100 * self.noticed / self.mutants:.0f} %)"
        return f"| {name} | {kills} | {self.alarms} of {self.correct} | {each:.1f} |"


@dataclass
class Sizes:
    """By module: rms of the output and of its change after some steps, by width and seed."""

    size: dict[str, dict[int, list[float]]] = field(default_factory=dict)
    change: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    def slopes(self, table: dict[str, dict[int, list[float]]]) -> Iterator[tuple[str, float]]:
        """Least squares through means over seeds, without an interval."""
        for module, found in table.items():
            means = np.array([np.mean(values) for values in found.values()])
            if (means > 0).all():
                yield module, float(np.polyfit(np.log(list(found)), np.log(means), 1)[0])


def coordinates(make: Sized, widths: tuple[int, ...], seeds: range) -> Sizes:
    """What a coordinate check measures: outputs of leaf modules before and after training."""
    found = Sizes()
    for width in widths:
        for seed in seeds:
            model, optimizers, batch, loss = make(width, seed)
            before = _outputs(model, batch, loss)
            for _ in range(STEP):
                model.zero_grad()
                loss(model, batch).backward()  # type: ignore[no-untyped-call]
                for optimizer in mistakes.list_of(optimizers):
                    optimizer.step()
            for name, output in _outputs(model, batch, loss).items():
                size = float(output.square().mean().sqrt())
                change = float((output - before[name]).square().mean().sqrt())
                found.size.setdefault(name, {}).setdefault(width, []).append(size)
                found.change.setdefault(name, {}).setdefault(width, []).append(change)
    return found


def _outputs(model: nn.Module, batch: zoo.Batch, loss: zoo.Loss) -> dict[str, Tensor]:
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: object, output: Tensor) -> None:
            outputs.setdefault(name, output.detach().clone())

        return hook

    leaves = [(name, one) for name, one in model.named_modules() if not list(one.children())]
    handles = [one.register_forward_hook(keep(name)) for name, one in leaves]
    with torch.no_grad():
        loss(model, batch)
    for handle in handles:
        handle.remove()
    return outputs


def by_guard(make: Sized, first_seed: int) -> bool:
    """The guard as it comes: four widths, four seeds, up to three looks."""

    def factory(width: int, seed: int) -> zoo.Setup:
        return make(width, seed)

    return bool(guard(factory, widths=WIDTHS, first_seed=first_seed).faults)


def by_coordinates(make: Sized, first_seed: int) -> bool:
    """Sizes after training must not grow: a threshold on the slope, four seeds."""
    found = coordinates(make, WIDTHS, range(first_seed, first_seed + 4))
    return any(slope > SLOPE for _, slope in found.slopes(found.size))


def by_ratio(make: Sized, first_seed: int) -> bool:
    """Over a 16-fold width sizes at most double, and keep at least 0.3; ten seeds."""
    seeds = range(first_seed, first_seed + RATIO_SEEDS)
    sizes = coordinates(make, RATIO_WIDTHS, seeds).size
    small, large = RATIO_WIDTHS
    ratios = {name: np.mean(t[large]) / np.mean(t[small]) for name, t in sizes.items()}
    grown = any(ratio > GROWTH for ratio in ratios.values())
    return grown or any(r < DECAY for name, r in ratios.items() if "readout" not in name)


def by_plain_slopes(make: Sized, first_seed: int) -> bool:
    """Slopes of sizes and changes within 0.1 of zero, by least squares, four seeds."""
    found = coordinates(make, WIDTHS, range(first_seed, first_seed + 4))
    both = [*found.slopes(found.size), *found.slopes(found.change)]
    return any(slope > SLOPE for _, slope in both) or any(
        slope < -SLOPE for name, slope in both if "readout" not in name
    )


CHECKS: dict[str, Callable[[Sized, int], bool]] = {
    "the guard": by_guard,
    "coordinate check: slope of sizes at most 0.1": by_coordinates,
    "ratio test: at most 2, at least 0.3, ten seeds": by_ratio,
    "plain slopes of sizes and changes within 0.1": by_plain_slopes,
}


def _sized(family: zoo.Family, factory: zoo.Factory) -> Sized:
    return lambda width, seed: factory(width, family.depth_of_widths, seed)


def measure(names: tuple[str, ...]) -> dict[str, Score]:
    """Every check on every mutant and on correct networks, in turns."""
    scores = {name: Score() for name in CHECKS}
    for name in names:
        family = families_first.FAMILIES[name]
        for mutant in mistakes.mutants(family, "width"):
            for check, score in scores.items():
                score.noticed += _timed(check, score, _sized(family, mutant.factory), 0)
                score.mutants += 1
        for run in range(CORRECT_RUNS):
            for check, score in scores.items():
                score.alarms += _timed(check, score, _sized(family, family.factory), 100 * run)
                score.correct += 1
        sys.stderr.write(f"{name} done\n")
    return scores


def _timed(check: str, score: Score, make: Sized, first_seed: int) -> bool:
    began = time.process_time()
    noticed = CHECKS[check](make, first_seed)
    score.seconds += time.process_time() - began
    return noticed


def page(names: tuple[str, ...], scores: dict[str, Score]) -> str:
    """The page, one table."""
    widths = ", ".join(map(str, WIDTHS))
    lines = [
        "# The guard, and what people use",
        "",
        "`tox run -e benchmarks` plants mistakes in correct networks along width. A mistake is a",
        "power of 1/4, up or down, in one rate or one initial value; a power of 1/2 in one",
        "multiplier; a large epsilon; or coupled decay. Each check says whether it notices.",
        "",
        f"Families: {', '.join(names)}. Correct networks are tried {CORRECT_RUNS} times each, with",
        "other seeds.",
        "",
        "| check | mistakes noticed | false alarms | processor seconds a run |",
        "|---|---|---|---|",
        *(score.row(name) for name, score in scores.items()),
        "",
        f"Widths are {widths} (the ratio test: {RATIO_WIDTHS[0]} and {RATIO_WIDTHS[1]}). The guard",
        f"trains 10 steps, the others {STEP}. Thresholds were fixed before the run.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the page."""
    torch.set_num_threads(1)
    names = tuple(sys.argv[1:]) or FAMILIES
    PAGE.write_text(page(names, measure(names)), encoding="utf-8")


if __name__ == "__main__":
    main()
