"""Correct networks are healthy, planted mistakes are named, and the logits alone see little."""

from typing import Any

import pytest

from tests.verify.guarding import families_first, families_second, mistakes, zoo
from verify.guarding import mending
from verify.guarding.result import Guard
from verify.guarding.run import guard
from verify.guarding.structure import folded

FAMILIES = families_first.FAMILIES | families_second.FAMILIES
QUICK_WIDTHS, QUICK_DEPTHS = (32, 64, 128), (4, 8, 16, 32)


def guarded(
    family: zoo.Family,
    factory: zoo.Factory,
    axis: zoo.Axis,
    sizes: tuple[int, ...],
    seeds: int = 4,
    steps: tuple[int, ...] = (1,),
    first_seed: int = 0,
    mend: bool = False,
) -> Guard:
    def in_width(width: int, seed: int) -> zoo.Setup:
        return factory(width, family.depth_of_widths, seed)

    def in_depth(depth: int, seed: int) -> zoo.Setup:
        return factory(family.width_of_depths, depth, seed)

    return guard(
        in_width if axis == "width" else in_depth,
        widths=sizes if axis == "width" else None,
        depths=sizes if axis == "depth" else None,
        seeds=seeds,
        steps=steps,
        first_seed=first_seed,
        mend=mend,
    )


def named(found: Guard) -> set[str]:
    return {folded(name) for fault in found.faults for name in fault.parameters}


def mutants(name: str, axis: zoo.Axis) -> list[tuple[zoo.Family, mistakes.Mutant]]:
    family = FAMILIES[name]
    return [(family, mutant) for mutant in mistakes.mutants(family, axis)]


def of(name: str, axis: zoo.Axis, mutant: str) -> tuple[zoo.Family, mistakes.Mutant]:
    return next(pair for pair in mutants(name, axis) if pair[1].name == mutant)


def quick_and_slow(name: str, axis: zoo.Axis) -> list[Any]:
    """Every third mistake at once, the others among the slow tests."""
    return [
        pytest.param(*pair, marks=[] if place % 3 == 0 else [pytest.mark.slow])
        for place, pair in enumerate(mutants(name, axis))
    ]


@pytest.mark.parametrize(("family", "mutant"), quick_and_slow("mlp_adam", "width"))
def test_every_mistake_in_a_perceptron_is_named(
    family: zoo.Family, mutant: mistakes.Mutant
) -> None:
    found = guarded(family, mutant.factory, "width", QUICK_WIDTHS)
    assert found.document.exit_code == 1
    assert named(found) <= {folded(name) for name in mutant.parameters}
    assert named(found)


@pytest.mark.parametrize(
    "family", [FAMILIES["mlp_adam"], FAMILIES["mlp_sgd"]], ids=lambda f: f.name
)
def test_a_correct_perceptron_is_healthy(family: zoo.Family) -> None:
    found = guarded(family, family.factory, "width", (64, 128, 256, 512), seeds=4, first_seed=500)
    assert found.faults == []
    assert not any(entry.verdict == "rejected" for entry in found.entries)


def change_of_logits(found: Guard) -> list[float]:
    return [
        entry.interval.estimate
        for entry in found.entries
        if entry.module == "(output)" and entry.quantity == "change"
    ]


@pytest.mark.parametrize(
    ("name", "axis", "mutant", "cause"),
    [
        ("residual_mlp-1/2", "width", "epsilon", "epsilon"),
        ("transformer-1", "width", "decay", "decay"),
        ("transformer-1", "width", "root_d", "attention scale"),
        ("residual_mlp-1/2", "depth", "no_depth_rate", "depth rate"),
        pytest.param(
            *("transformer-1/2", "depth", "no_depth_multiplier", "depth multiplier"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_change_of_the_logits_misses_what_is_named(
    name: str, axis: zoo.Axis, mutant: str, cause: str
) -> None:
    family, planted = of(name, axis, mutant)
    sizes = QUICK_DEPTHS if axis == "depth" else QUICK_WIDTHS
    found = guarded(family, planted.factory, axis, sizes, steps=(10,) if axis == "depth" else (1,))
    assert cause in {fault.cause for fault in found.faults}
    assert all(abs(slope) < 0.25 for slope in change_of_logits(found))


def test_a_mend_is_tried_on_fresh_seeds() -> None:
    family, mutant = of("mlp_adam", "width", "rate+1/4 blocks.1.weight")
    found = guarded(family, mutant.factory, "width", QUICK_WIDTHS, mend=True)
    (fault,) = found.faults
    assert fault.mend is not None
    assert fault.mend.power == "-1/4"
    assert fault.verified is True


def test_a_mend_that_seeds_leave_undecided_is_neither_verified_nor_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family, mutant = of("mlp_adam", "width", "rate+1/4 blocks.1.weight")
    monkeypatch.setattr(mending, "_undecided", lambda _: {"The own of another is undecided."})
    found = guarded(family, mutant.factory, "width", QUICK_WIDTHS, mend=True)
    (fault,) = found.faults
    assert fault.verified is None
    assert fault.verification == "The own of another is undecided."


ALL = [(family, axis) for family in FAMILIES.values() for axis in family.axes]


@pytest.mark.slow
@pytest.mark.parametrize("first_seed", range(0, 2000, 100))
@pytest.mark.parametrize(("family", "axis"), ALL, ids=lambda one: getattr(one, "name", one))
def test_correct_networks_have_no_fault(
    family: zoo.Family, axis: zoo.Axis, first_seed: int
) -> None:
    sizes = family.widths if axis == "width" else family.depths
    found = guarded(
        family, family.factory, axis, sizes, seeds=4, steps=(1, 4, 10), first_seed=first_seed
    )
    verdicts = [entry.verdict for entry in found.entries if entry.verdict is not None]
    assert found.faults == []
    assert verdicts.count("accepted") >= 0.9 * len(verdicts)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "mutant", "axis"),
    [(family, mutant, axis) for family, axis in ALL for mutant in mistakes.mutants(family, axis)],
    ids=lambda one: getattr(one, "name", one),
)
def test_every_mistake_is_rejected(
    family: zoo.Family, mutant: mistakes.Mutant, axis: zoo.Axis
) -> None:
    sizes = family.widths if axis == "width" else family.depths
    found = guarded(family, mutant.factory, axis, sizes, seeds=4, steps=(1, 4, 10))
    assert found.document.exit_code == 1
