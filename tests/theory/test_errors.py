"""Errors that a user can mend come in three kinds, and each kind means one thing."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest

from probes import resolve_device
from probes.data.images import load
from theory import (
    Axis,
    Cell,
    DomainError,
    InputError,
    NoTheoryError,
    Observable,
    Optimizer,
    Power,
    Propagation,
    Setting,
    UnavailableError,
    chain,
    depth_mup,
    mup,
    residual,
    transformer,
)
from theory.counted_observables import predicted_exponent
from theory.errors import choices
from theory.exact.first_step import maximal_update_rate
from theory.exact.propagation import depth_limit

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("theory", "probes", "verify", "reports", "tools")
KINDS = (InputError, NoTheoryError, UnavailableError)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_raises_the_base_class(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "DomainError", f"{path}:{node.lineno}"


def test_every_kind_is_caught_as_the_base_class_and_as_no_other_kind() -> None:
    for kind in KINDS:
        assert issubclass(kind, DomainError)
        assert issubclass(kind, ValueError)
        assert not any(issubclass(kind, other) for other in KINDS if other is not kind)


def test_a_value_outside_of_what_is_defined_is_an_input_error() -> None:
    with pytest.raises(InputError, match="both must be at least 1"):
        Cell(0, 1)
    with pytest.raises(InputError, match="exponents are exact"):
        Power(0.5)  # type: ignore[arg-type]
    assert isinstance(choices("colour", "mauve", ["red"]), InputError)


def test_a_question_without_an_answer_is_a_no_theory_error() -> None:
    with pytest.raises(NoTheoryError, match="tangent-kernel sums are those of SGD"):
        maximal_update_rate(residual(1), depth_mup(Optimizer.ADAM), Cell(64, 8))
    with pytest.raises(NoTheoryError, match="no infinite-depth limit"):
        depth_limit(chain(), 1.0)
    with pytest.raises(NoTheoryError, match="exact theory has no attention"):
        depth_limit(transformer(), 1.0)


@pytest.mark.parametrize("axis", Axis)
@pytest.mark.parametrize("observable", Observable)
def test_power_counting_answers_or_says_that_there_is_no_theory(
    observable: Observable, axis: Axis
) -> None:
    for architecture in (chain(), residual(1), residual(2), transformer()):
        for parameterization in (mup(), depth_mup()):
            setting = Setting(architecture, parameterization, Propagation(2))
            try:
                answer = predicted_exponent(setting, observable, axis)
            except NoTheoryError:
                continue
            assert isinstance(answer, Fraction)


def test_what_is_not_on_this_machine_is_an_unavailable_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnavailableError, match="is no folder"):
        load(f"folder:{tmp_path / 'nowhere'}")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UnavailableError, match="not available on this machine"):
        resolve_device("cuda")
    with pytest.raises(InputError, match="unknown device"):
        resolve_device("tpu")
