"""Lock files: what moved is seen, what did not is silent, and the bytes stay the same."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from reports.guard.document import Entry, GuardReport, Interval, Run
from theory.errors import InputError, UnavailableError
from theory.module_scaling import Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.lock import lock_of, read_lock, write_lock
from verify.guarding.moved import BAND, Comparison, compare

SEEDS = range(4)
VERSIONS = {"torch": "2.9.0", "device": "cpu", "numpy": "2.3.0"}
Slopes = Mapping[str, Mapping[int, float]]
PARAMETERS = [*(f"blocks.{block}.q.weight" for block in range(4)), "head.weight", "stem.weight"]


def entry(parameter: str, slopes: Mapping[int, float], **changes: object) -> Entry:
    mean = float(np.mean(list(slopes.values()))) if slopes else 0.0
    fields = {
        "axis": Axis.WIDTH,
        "module": parameter.rpartition(".")[0],
        "parameter": parameter,
        "quantity": Quantity.OWN,
        "step": 1,
        "verdict": Verdict.ACCEPTED if abs(mean) < 0.1 else Verdict.REJECTED,
        "interval": Interval(estimate=mean, low=mean, high=mean, confidence=0.95),
        "expected": ["0"],
        "margin": 0.1,
        "slopes": dict(slopes),
        "values": {},
        "seeds_needed": None,
        "note": "",
    }
    return Entry.model_validate(fields | changes)


def guard_report(entries: Sequence[Entry], **changes: object) -> GuardReport:
    seeds = sorted({seed for one in entries for seed in one.slopes})
    fields = {
        "target": "model.py:factory",
        "demand": Demand.MUP,
        "ok": True,
        "exit_code": 0,
        "runs": [Run(axis=Axis.WIDTH, sizes=[64, 128], other=2, seeds=seeds, looks=[len(seeds)])],
        "steps": [1, 4],
        "family": len(entries),
        "family_alpha": 0.05,
        "looks": 1,
        "faults": [],
        "entries": list(entries),
        "notes": [],
        "lock": None,
        "changes": [],
        "rates": [],
        "versions": VERSIONS,
        "seconds": 1.0,
    }
    return GuardReport.model_validate(fields | changes)


def of_slopes(slopes: Slopes, **changes: object) -> GuardReport:
    return guard_report([entry(name, table) for name, table in slopes.items()], **changes)


def drawn(spread: float, key: int, seeds: Sequence[int] = SEEDS) -> Slopes:
    """Slopes with noise, the same for the same key."""
    noise = np.random.default_rng(key).normal(0.0, spread, (len(PARAMETERS), len(seeds)))
    return {
        name: dict(zip(seeds, row.tolist(), strict=True))
        for name, row in zip(PARAMETERS, noise, strict=True)
    }


def moved(slopes: Slopes, by: Mapping[str, float], spread: float = 0.0) -> Slopes:
    """The same slopes with noise of their own, some of them moved."""
    noise = np.random.default_rng(99).normal(0.0, spread, (len(slopes), len(SEEDS)))
    return {
        name: {
            seed: slope + by.get(name, 0.0) + float(noise[place, number])
            for number, (seed, slope) in enumerate(table.items())
        }
        for place, (name, table) in enumerate(slopes.items())
    }


@pytest.fixture
def against(tmp_path: Path) -> Callable[[GuardReport, GuardReport], Comparison]:
    """Write the first report's lock file, and compare the second with it."""

    def compared(before: GuardReport, after: GuardReport) -> Comparison:
        write_lock(before, tmp_path / "guard.lock")
        return compare(read_lock(tmp_path / "guard.lock"), after)

    return compared


Against = Callable[[GuardReport, GuardReport], Comparison]
# Seeds differ by far more than the differences of the same seed.
LOCKED = drawn(0.05, 0)


def test_nothing_moved_is_silent(against: Against) -> None:
    assert against(of_slopes(LOCKED), of_slopes(LOCKED)) == ([], [])


def test_a_move_of_an_eighth_is_seen_at_a_paired_spread_of_a_two_hundredth(
    against: Against,
) -> None:
    after = of_slopes(moved(LOCKED, {"head.weight": 1 / 8}, 0.005))
    (change,), notes = against(of_slopes(LOCKED), after)
    assert notes == []
    assert (change.parameter, change.module) == ("head.weight", "head")
    assert change.paired
    assert change.interval is not None
    assert change.before is not None
    assert change.after is not None
    assert change.after - change.before == pytest.approx(change.interval.estimate, abs=1e-6)
    assert change.interval.estimate == pytest.approx(1 / 8, abs=0.01)
    assert BAND < change.interval.low < change.interval.high
    assert 1 - 0.05 <= change.interval.confidence < 1


@pytest.mark.parametrize("by", [-1 / 8, 1 / 8])
def test_all_blocks_that_moved_are_named(against: Against, by: float) -> None:
    names = PARAMETERS[:4]
    after = of_slopes(moved(LOCKED, dict.fromkeys(names, by), 0.005))
    assert [one.parameter for one in against(of_slopes(LOCKED), after).changes] == names


def test_a_move_inside_the_band_is_silent(against: Against) -> None:
    after = of_slopes(moved(LOCKED, dict.fromkeys(PARAMETERS, 0.04), 0.005))
    assert against(of_slopes(LOCKED), after).changes == []


@pytest.mark.parametrize(("by", "count"), [(0.0625, 0), (0.0626, 1), (-0.0626, 1)])
def test_without_spread_a_move_is_compared_exactly(against: Against, by: float, count: int) -> None:
    changes, notes = against(of_slopes(LOCKED), of_slopes(moved(LOCKED, {"stem.weight": by})))
    assert len(changes) == count
    assert notes == []
    for change in changes:
        assert change.interval is not None
        assert change.interval.low == change.interval.high == pytest.approx(by)


def test_noise_of_other_code_is_silent(against: Against) -> None:
    """Other random numbers at the same seeds move every slope by its spread."""
    for key in range(1, 21):
        assert against(of_slopes(LOCKED), of_slopes(drawn(0.05, key))).changes == []


def test_a_fault_is_what_is_rejected_now(against: Against) -> None:
    by = {"head.weight": 0.5, "stem.weight": 0.09}
    clean = drawn(0.0, 0)
    changes = against(of_slopes(clean), of_slopes(moved(clean, by))).changes
    assert {one.parameter: one.is_fault for one in changes} == {
        "head.weight": True,
        "stem.weight": False,
    }
    back = against(of_slopes(moved(clean, by)), of_slopes(clean)).changes
    assert not any(one.is_fault for one in back)


@pytest.mark.parametrize("other", [{"torch": "2.10.0"}, {"device": "cuda"}])
def test_another_machine_is_compared_unpaired(against: Against, other: dict[str, str]) -> None:
    noisy, quiet = drawn(0.01, 1), drawn(0.01, 2)
    after = of_slopes(moved(quiet, {"head.weight": 1 / 4}), versions=VERSIONS | other)
    (change,), notes = against(of_slopes(noisy), after)
    assert change.parameter == "head.weight"
    assert not change.paired
    (note,) = notes
    assert "torch 2.9.0 on cpu" in note
    assert next(iter(other.values())) in note


def test_another_numpy_is_compared_in_pairs(against: Against) -> None:
    after = of_slopes(moved(LOCKED, {"head.weight": 1 / 8}), versions=VERSIONS | {"numpy": "3"})
    (change,), notes = against(of_slopes(LOCKED), after)
    assert change.paired
    assert notes == []


def test_other_seeds_are_compared_unpaired(against: Against) -> None:
    quiet = drawn(0.005, 1)
    after = of_slopes(moved(drawn(0.005, 2, range(10, 14)), {"head.weight": 1 / 4}))
    (change,), notes = against(of_slopes(quiet), after)
    assert not change.paired
    assert notes == [
        "Along width the lock file has seeds 0, 1, 2, 3, and this run has 10, 11, 12, 13.",
        "6 of 6 exponents share fewer than two seeds with the lock file, and are compared as those "
        "of different seeds.",
    ]


def test_seeds_in_common_are_compared_in_pairs(against: Against) -> None:
    more = {name: dict(table) | dict.fromkeys(range(4, 7), 0.3) for name, table in LOCKED.items()}
    changes, notes = against(of_slopes(LOCKED), of_slopes(more))
    assert changes == []
    assert notes == [
        "Along width the lock file has seeds 0, 1, 2, 3, and this run has 0, 1, 2, 3, 4, 5, 6."
    ]


def test_one_seed_says_nothing_of_spread(against: Against) -> None:
    one = {name: {0: 0.0} for name in PARAMETERS}
    other = {name: {0: 0.3} for name in PARAMETERS}
    changes, notes = against(of_slopes(one), of_slopes(other))
    assert changes == []
    assert any("one seed on a side" in note and "not compared" in note for note in notes)


def test_too_much_noise_is_said(against: Against) -> None:
    _, notes = against(of_slopes(LOCKED), of_slopes(moved(LOCKED, {}, 0.3)))
    assert notes == [
        "6 of 6 exponents vary too much for so few seeds: a change of 1/8 may not show."
    ]


def test_what_is_new_and_what_is_gone_are_changes(against: Against) -> None:
    fewer = {name: table for name, table in LOCKED.items() if name != "head.weight"}
    (gone,) = against(of_slopes(LOCKED), of_slopes(fewer)).changes
    assert (gone.parameter, gone.after, gone.is_fault) == ("head.weight", None, False)
    assert gone.before == pytest.approx(np.mean(list(LOCKED["head.weight"].values())), abs=1e-3)
    (new,) = against(of_slopes(fewer), of_slopes(LOCKED)).changes
    assert (new.parameter, new.before, new.interval) == ("head.weight", None, None)
    assert new.after == gone.before


def test_what_has_no_finite_slope_is_not_there(against: Against) -> None:
    broken = {**LOCKED, "head.weight": dict.fromkeys(SEEDS, float("nan"))}
    (gone,) = against(of_slopes(LOCKED), of_slopes(broken)).changes
    assert (gone.parameter, gone.after) == ("head.weight", None)
    (new,) = against(of_slopes(broken), of_slopes(LOCKED)).changes
    assert (new.parameter, new.before) == ("head.weight", None)


def test_an_empty_report_has_a_lock_file(against: Against) -> None:
    assert against(guard_report([]), guard_report([])) == ([], [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": [1]}, "steps 1, 4 in the file, 1 now"),
        ({"demand": Demand.STABLE}, "demand mup in the file, stable now"),
        (
            {"runs": [Run(axis=Axis.WIDTH, sizes=[64], other=2, seeds=[0], looks=[1])]},
            "sizes width 64, 128 at 2 in the file, width 64 at 2 now",
        ),
        (
            {"runs": [Run(axis=Axis.WIDTH, sizes=[64, 128], other=4, seeds=[0], looks=[1])]},
            "sizes width 64, 128 at 2 in the file, width 64, 128 at 4 now",
        ),
    ],
)
def test_another_design_is_refused(
    against: Against, changes: Mapping[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as refused:
        against(of_slopes(LOCKED), of_slopes(LOCKED, **changes))
    assert "--update" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    report = of_slopes(LOCKED)
    write_lock(report, first)
    again = GuardReport.model_validate_json(report.model_dump_json())
    write_lock(again.model_copy(update={"target": "b.py:f", "seconds": 9.0}), second)
    assert first.read_bytes() == second.read_bytes()
    backwards = report.model_copy(update={"entries": report.entries[::-1], "steps": [4, 1]})
    write_lock(backwards, third)
    assert first.read_bytes() == third.read_bytes()


def test_a_file_is_written_over_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "guard.lock"
    write_lock(of_slopes(LOCKED), path)
    write_lock(of_slopes({"w": {0: 0.0, 1: 0.1}}), path)
    assert [one.parameter for one in read_lock(path).entries] == ["w"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_exponent_stands_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "guard.lock"
    write_lock(of_slopes(LOCKED), path)
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    lines = [line for line in text.splitlines() if "weight" in line]
    assert len(lines) == len(PARAMETERS)
    assert lines == sorted(lines)
    found = json.loads(lines[0].removesuffix(","))
    assert list(found)[:5] == ["axis", "module", "parameter", "quantity", "step"]
    assert json.loads(text)["versions"] == {"device": "cpu", "torch": "2.9.0"}


def test_rounding_is_stable(tmp_path: Path) -> None:
    """What is written and read is written the same, and nothing is minus zero."""
    path = tmp_path / "guard.lock"
    report = of_slopes({"w": {0: -0.00001, 1: 1 / 3, 2: 0.12345678}})
    write_lock(report, path)
    lock = read_lock(path)
    assert lock == lock_of(report)
    (one,) = lock.entries
    assert one.slopes == {0: 0.0, 1: 0.3333, 2: 0.1235}
    assert "-0.0" not in path.read_text(encoding="utf-8")
    rounded = of_slopes({"w": one.slopes})
    assert lock_of(rounded).entries[0].slopes == one.slopes


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="is not there; run with --update") as missing:
        read_lock(tmp_path / "guard.lock")
    assert "\n" not in str(missing.value)


def test_a_folder_is_no_lock_file(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot read lock file"):
        read_lock(tmp_path)


def test_a_lock_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot write .*; make room"):
        write_lock(of_slopes(LOCKED), tmp_path / "nowhere" / "guard.lock")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{\n"lock_version"', '<<<<<<< HEAD\n{\n"lock_version"'),
        ('"lock_version": 1,\n', ""),
        ('"own"', '"mood"'),
        ('"margin": 0.1, ', ""),
        ('"slopes": {"0": ', '"slopes": {"0": NaN, "7": '),
        ('"blocks.1', '"blocks.0'),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "guard.lock"
    write_lock(of_slopes(LOCKED), path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UnavailableError, match="is damaged") as damaged:
        read_lock(path)
    assert "\n" not in str(damaged.value)
    assert "--update" in str(damaged.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_lock_file_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "guard.lock"
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match="is damaged"):
        read_lock(path)


def test_another_version_of_the_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "guard.lock"
    path.write_text('{"lock_version": 2, "anything": []}', encoding="utf-8")
    with pytest.raises(InputError, match=r"is of version 2.*--update"):
        read_lock(path)
