"""What a hand-written coordinate test and the guard catch of 30 planted mistakes.

``python -m tools.coordinate_tests [COUNT]`` tries COUNT further mistakes (all, unless given) on the
tests' pre-norm transformer, keeps what it found in .mutants, and writes docs/coordinate-tests.md
about what was tried so far; without that file everything is tried anew. Imports torch, the tests'
families, an example and ``verify``.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.verify.guarding import families_first, mistakes, zoo
from verify.guarding.run import guard

ROOT = Path(__file__).parent.parent
PAGE, KEPT = ROOT / "docs" / "coordinate-tests.md", ROOT / ".mutants" / "coordinate_tests.json"
FAMILY, MISTAKES, CORRECT = "transformer-1/2", 30, 2
WIDTHS, STEPS = (64, 128, 256), (1, 4)

Sized = Callable[..., zoo.Setup]
Found = dict[str, dict[str, Any]]


def _by_hand() -> Any:
    """The module of the example."""
    place = ROOT / "examples" / "test_coordinates_by_hand.py"
    sys.path.insert(0, str(place.parent))  # it imports its neighbour
    spec = importlib.util.spec_from_file_location("by_hand", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _sized(factory: zoo.Factory, first_seed: int) -> Sized:
    depth = families_first.FAMILIES[FAMILY].depth_of_widths

    def made(width: int, seed: int) -> zoo.Setup:
        return factory(width, depth, first_seed + seed)

    return made


def cases() -> dict[str, Sized]:
    """Correct networks of several seeds, then mistakes evenly chosen among all of them."""
    family = families_first.FAMILIES[FAMILY]
    every = mistakes.mutants(family, "width")
    chosen = [every[place * len(every) // MISTAKES] for place in range(MISTAKES)]
    chosen = [one for start in range(3) for one in chosen[start::3]]  # any beginning is even, too
    correct = {f"correct {k}": _sized(family.factory, 100 * k) for k in range(CORRECT)}
    return correct | {one.name: _sized(one.factory, 0) for one in chosen}


def _tried(factory: Sized, out_of_bounds: Callable[[Sized], set[str]]) -> dict[str, Any]:
    """What either says, and its processor seconds."""
    began = time.process_time()
    by_hand = bool(out_of_bounds(factory))
    between = time.process_time()
    by_guard = bool(guard(factory, widths=WIDTHS, steps=STEPS).faults)
    ended = time.process_time()
    return {
        "hand": by_hand,
        "guard": by_guard,
        "hand seconds": between - began,
        "guard seconds": ended - between,
    }


def page(found: Found) -> str:
    """The page, one table."""
    wrong = {name: one for name, one in found.items() if not name.startswith("correct")}
    right = {name: one for name, one in found.items() if name not in wrong}

    def row(title: str, check: str) -> str:
        caught = sum(one[check] for one in wrong.values())
        alarms = sum(one[check] for one in right.values())
        seconds = sum(one[f"{check} seconds"] for one in found.values()) / len(found)
        return f"| {title} | {caught} of {len(wrong)} | {alarms} of {len(right)} | {seconds:.1f} |"

    missed = [f"`{name}`" for name, one in wrong.items() if not one["guard"]]
    lines = [
        "# A coordinate test written by hand, and the guard",
        "",
        "`python -m tools.coordinate_tests` plants mistakes in a pre-norm transformer of two",
        f"blocks along width: {len(wrong)} of {MISTAKES}, evenly chosen among those of the",
        "tests. A mistake is a power of 1/4 in one rate or one initial value, a power of 1/2 in",
        "one multiplier, a large epsilon, coupled decay, or attention over 1/sqrt(d).",
        "",
        "| test | mistakes noticed | false alarms | processor seconds a run |",
        "|---|---|---|---|",
        row("[by hand](../examples/test_coordinates_by_hand.py)", "hand"),
        row("[the guard](../examples/test_coordinates.py)", "guard"),
        "",
        "The test by hand trains ten seeds for 50 steps at widths 16 to 256. A size may double,",
        "and has to keep 0.3 of what it is at the smallest width. The guard trains four steps at",
        f"widths {', '.join(map(str, WIDTHS))}. Both were fixed before the run.",
        "",
        f"The guard missed: {', '.join(missed) or 'nothing'}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Try what is left, and write the page."""
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MISTAKES + CORRECT
    KEPT.parent.mkdir(exist_ok=True)
    found: Found = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    out_of_bounds = _by_hand().out_of_bounds
    every = cases()
    for name in [name for name in every if name not in found][:count]:
        found[name] = _tried(every[name], out_of_bounds)
        KEPT.write_text(json.dumps(found, indent=1), encoding="utf-8")
        sys.stderr.write(f"{name}: {found[name]}\n")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
