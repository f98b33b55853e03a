"""Every mistake from a public report is named: parameters, cause, exponent, and nothing else."""

from fractions import Fraction

import pytest

from tests.verify.guarding.published_mistakes import CASES, Case, Scaling, factory_of
from tests.verify.guarding.zoo import Axis
from verify.guarding.causes import quarter
from verify.guarding.result import Guard
from verify.guarding.run import guard

SIZES: dict[Axis, tuple[int, ...]] = {"width": (64, 128, 256), "depth": (8, 16, 32)}


def guarded(scaling: Scaling, axis: Axis, first_seed: int = 0) -> Guard:
    sizes = {f"{axis}s": SIZES[axis]}
    factory = factory_of(scaling, axis)
    return guard(
        factory,
        widths=sizes.get("widths"),
        depths=sizes.get("depths"),
        seeds=4,
        steps=(1,),
        first_seed=first_seed,
    )


def named(found: Guard) -> set[str]:
    return {name for fault in found.faults for name in fault.parameters or fault.modules}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_from_a_public_report_is_named(case: Case) -> None:
    found = guarded(case.mistake, case.axis)
    assert {fault.cause for fault in found.faults} == set(case.cause)
    assert named(found) == case.guilty
    exponents = [quarter(fault.exponent) for fault in found.faults]
    assert sorted(exponents) == sorted(Fraction(one) for one in case.exponents)
    assert found.document.exit_code == 1


def test_the_decay_alone_is_named_where_every_exponent_of_a_step_is_right() -> None:
    found = guarded(CASES["decay follows the rate"].mistake, "width")
    rejected = {entry.quantity for entry in found.entries if entry.verdict == "rejected"}
    assert rejected == {"decay"}


CORRECT = {name: case for name, case in CASES.items() if case.correct is not None}


def test_the_network_without_a_mistake_has_no_fault() -> None:
    assert guarded(Scaling(), "width", first_seed=100).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("first_seed", range(0, 2000, 100))
@pytest.mark.parametrize("case", CORRECT.values(), ids=CORRECT)
def test_the_network_without_the_mistake_has_no_fault_in_twenty_runs(
    case: Case, first_seed: int
) -> None:
    assert case.correct is not None
    assert guarded(case.correct, case.axis, first_seed=first_seed).faults == []
