"""The fuzzer draws the same for the same seed, finds planted errors, and makes them simple."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from theory import Optimizer, Power, Role, power_counting, residual
from theory import counted_observables as counted
from theory.cures import Change
from theory.parameterization import Parameterization
from theory.power_counting import PowerCount
from verify.cli import main
from verify.documents.variant import read_variant
from verify.fuzz import drawn_variants, fuzz, outcome_of
from verify.strategies import Drawn

PLAIN = Drawn(residual(1), "completep", Optimizer.SGD, ())
OTHER = Change((Role.INPUT,), "rate", Power(width="-1/4"))
HALF = Power(width="1/2", depth="1/2")

Plant = Callable[[PowerCount, Parameterization], PowerCount]


def times(name: str, factor: Power, role: Role | None = None) -> Plant:
    """A count whose powers of one kind, of one role or all, are off by a factor."""

    def planted(count: PowerCount, _parameterization: Parameterization) -> PowerCount:
        held: Any = getattr(count, name)
        changed: Any
        if isinstance(held, Power):
            changed = {name: held * factor}
            return replace(count, **changed)
        moved = {
            layer: power * factor if role in (None, layer.role) else power
            for layer, power in held.items()
        }
        changed = {name: moved}
        return replace(count, **changed)

    return planted


def of_adam(plant: Plant) -> Plant:
    return lambda count, p: plant(count, p) if p.optimizer is Optimizer.ADAM else count


# What could be wrong in power counting: one factor in one place.
PLANTS: dict[str, Plant] = {
    "a branch is n^1/2 larger": times("branch", Power(width="1/2")),
    "a branch is L^1/2 larger": times("branch", Power(depth="1/2")),
    "gradients of the stream": times("stream_gradient", Power(width="-1/2")),
    "own change of the last layer": times("own_change", Power(width="1/2"), Role.BRANCH_LAST),
    "own change of the first layer": times("own_change", Power(depth="1/2"), Role.BRANCH_FIRST),
    "own change of the input": times("own_change", Power(width="-1/2"), Role.INPUT),
    "blocks add up as a random walk": times("stream_change", Power(depth="-1/2")),
    "the output sums n independent terms": times("output_change", Power(width="-1/2")),
    "Adam moves entries by n^-1/2": of_adam(times("own_change", Power(width="-1/2"))),
    "Adam's changes of the output": of_adam(times("output_change", Power(width="1/2"))),
}


@contextmanager
def planted(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> Iterator[None]:
    def wrong(architecture: Any, parameterization: Parameterization) -> PowerCount:
        return plant(power_counting.count_powers(architecture, parameterization), parameterization)

    with monkeypatch.context() as patch:
        patch.setattr(counted, "_count_powers", wrong)
        yield


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (drawn_variants(30, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 30
    assert {drawn.optimizer for drawn in first} == set(Optimizer)
    assert max(len(drawn.changes) for drawn in first) == 2
    assert len({drawn.architecture for drawn in first}) > 5


def test_networks_agree_with_power_counting_under_completep() -> None:
    found = outcome_of(PLAIN, 0)
    assert found.predictions == 16
    assert found.disagreements == ()


def test_a_planted_error_is_found_and_made_simple(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A change that has nothing to do with it is left out."""
    with planted(monkeypatch, PLANTS["own change of the last layer"]):
        found = outcome_of(replace(PLAIN, changes=(OTHER,)), 0)
    (one,) = [each for each in found.disagreements if each.asked == "width.block_own_change"]
    assert one.drawn == PLAIN
    assert abs(one.estimate) < 0.15
    file = tmp_path / "found.toml"
    file.write_text(one.text)
    assert one.text.startswith("# width.block_own_change: predicted exponent of n = 1/2, measured")
    assert read_variant(file).parameterization == PLAIN.parameterization


def test_from_a_shell_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["fuzz", "--n", "1", "--seed", "3", "--workers", "1", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["scaleproof", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 0
    assert "1 variants" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTS)
def test_planted_errors_are_found_within_fifty_draws(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with planted(monkeypatch, PLANTS[name]):
        assert any(outcome.disagreements for outcome in fuzz(50, first_seed=4))
