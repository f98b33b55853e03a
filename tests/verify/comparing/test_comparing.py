"""Two runs side by side: other verdicts, estimates that moved, and what cannot be compared."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reports import Report
from reports.comparison import html, markdown, terminal
from reports.comparison.document import Comparison, Kind
from reports.document import CellEntry
from reports.guard.json import render as guard_json
from reports.renderers.json import render as report_json
from tests.reports.documents import EXACT_CELLS, NOT_MEASURED, prediction, report, rival
from tests.reports.guard.documents import guard_report
from tests.verify.cli.test_cli import run
from tests.verify.guarding.test_lock import drawn, of_slopes
from theory.errors import DomainError
from theory.expectations import Summary
from theory.verdict import Verdict
from verify.comparing.sources import compare_files
from verify.guarding.lock import write_lock

REJECTED = {"verdict": Verdict.REJECTED}


def files(tmp_path: Path, *documents: Any) -> list[Path]:
    """Each document in a file of its own."""
    paths = []
    for number, document in enumerate(documents):
        text = report_json(document) if isinstance(document, Report) else guard_json(document)
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def compared(tmp_path: Path, *documents: Any) -> Comparison:
    return compare_files(*files(tmp_path, *documents))


def estimate(value: float, reach: float = 0.04, **changes: Any) -> dict[str, Any]:
    """An exponent, with an interval of that reach."""
    return {"estimate": value, "interval": (value - reach, value + reach), **changes}


def shifted(by: float) -> list[CellEntry]:
    """Cells of ratios, of which the last is moved."""
    cells = [
        cell.model_copy(update={"measured": 1.0, "low": 0.98, "high": 1.02}) for cell in EXACT_CELLS
    ]
    last = {"measured": 1.0 + by, "low": 0.98 + by, "high": 1.02 + by}
    return [*cells[:-1], cells[-1].model_copy(update=last)]


def test_the_same_report_has_not_changed(tmp_path: Path) -> None:
    same = report(prediction("A1", rival=rival()), prediction("A2"))
    found = compared(tmp_path, same, same)
    assert (found.changed, found.changes, found.compared) == (False, [], 3)


def test_a_verdict_that_changed_is_named_with_both_sides(tmp_path: Path) -> None:
    found = compared(
        tmp_path, report(prediction("A1")), report(prediction("A1", verdict=Verdict.INVALID))
    )
    (change,) = found.changes
    assert found.changed
    assert (change.name, change.kind, change.moved) == ("A1", Kind.VERDICT, False)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.verdict, change.after.verdict) == (Verdict.ACCEPTED, Verdict.INVALID)


@pytest.mark.parametrize(("by", "moved"), [(0.0, False), (0.05, False), (0.07, True)])
def test_an_estimate_moves_beyond_the_joint_interval(
    by: float, moved: bool, tmp_path: Path
) -> None:
    """Two intervals of reach 0.04 have a joint one of about 0.056; they still overlap at 0.07."""
    before = report(prediction("A1", **estimate(0.0)))
    after = report(prediction("A1", **estimate(by)), seed=1)
    found = compared(tmp_path, before, after)
    assert found.changed == moved
    assert [change.kind for change in found.changes] == [Kind.MOVED] * moved
    if moved:
        difference = found.changes[0].difference
        assert difference is not None
        assert difference.low == pytest.approx(0.07 - 0.0559, abs=1e-3)


def test_the_more_is_compared_the_further_an_estimate_has_to_move(tmp_path: Path) -> None:
    ids = [f"A{number}" for number in range(40)]
    before = report(*(prediction(id, **estimate(0.0)) for id in ids))
    after = report(*(prediction(id, **estimate(0.07 if id == "A7" else 0.0)) for id in ids), seed=1)
    assert not compared(tmp_path, before, after).changed
    after = report(*(prediction(id, **estimate(0.11 if id == "A7" else 0.0)) for id in ids), seed=1)
    assert [change.name for change in compared(tmp_path, before, after).changes] == ["A7"]


def test_where_cells_have_estimates_they_are_compared_one_by_one(tmp_path: Path) -> None:
    """Which cell tells most may be chance: +3 percent in one and -3 in another are no move."""
    ratio = {"scale": Summary.RATIO, "checks": None}
    up, down = estimate(1.03, cells=shifted(0.0)), estimate(0.97, cells=shifted(0.0))
    before = report(prediction("A1", **ratio | up))
    assert not compared(tmp_path, before, report(prediction("A1", **ratio | down))).changed
    moved = estimate(1.03, cells=shifted(0.2))
    (change,) = compared(tmp_path, before, report(prediction("A1", **ratio | moved))).changes
    assert (change.kind, change.cell) == (Kind.MOVED, EXACT_CELLS[-1].label)


def test_what_one_run_does_not_have_is_listed_and_is_no_change(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        report(prediction("A1"), prediction("A2")),
        report(prediction("A1"), prediction("A3")),
    )
    assert [(change.name, change.kind) for change in found.changes] == [
        ("A3", Kind.NEW),
        ("A2", Kind.GONE),
    ]
    assert not found.changed


def test_what_a_reader_should_know_is_noted(tmp_path: Path) -> None:
    waiting = {**NOT_MEASURED, "cells": [], "checks": None}
    found = compared(
        tmp_path,
        report(prediction("A1"), prediction("A2", **waiting), complete=False),
        report(prediction("A1", margin=0.2), prediction("A2", **waiting)),
    )
    assert found.notes == [
        "The first campaign was interrupted.",
        "Another relation, margin or grid is judged of A1.",
        "A side has no interval of A2: only verdicts are compared.",
        "Both campaigns have seed 0, so that joint intervals are wider than need be.",
    ]


def test_two_guards_are_compared_as_against_a_lock(tmp_path: Path) -> None:
    before = of_slopes(drawn(0.005, 1))
    moved = {
        name: {seed: slope + (0.2 if name == "head.weight" else 0.0) for seed, slope in of.items()}
        for name, of in drawn(0.005, 1).items()
    }
    assert not compared(tmp_path, before, before).changed
    lock = tmp_path / "scaling.lock.json"
    write_lock(before, lock)
    (after,) = files(tmp_path, of_slopes(moved))
    found = compare_files(lock, after)
    (change,) = found.changes
    assert (change.name, change.kind) == ("width, head.weight, own after 1 step", Kind.VERDICT)
    assert change.moved
    few = {name: of for name, of in drawn(0.005, 1).items() if name != "stem.weight"}
    found = compared(tmp_path, before, of_slopes(few))
    assert [change.kind for change in found.changes] == [Kind.GONE]
    assert found.changed, "a network without the parameter is another one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("{", "Expecting property name"),
        ("3", "give a report.json"),
        ("[]", "a report of schema None"),
        ("\x00", "Expecting value"),
        ('{"lock_version": 99}', "of version 99"),
        ('{"faults": []}', "Field required"),
        ('{"schema_version": "2.0"}', "a report of schema 2.0"),
        ("[" * 100_000, "Stack overflow" if sys.version_info >= (3, 14) else "recursion"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fine,) = files(tmp_path, report(prediction("A1")))
    bad = tmp_path / "bad.json"
    if text is not None:
        bad.write_text(text)
    assert run("compare", bad, fine) == run("compare", fine, bad) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("scaleproof: ")
        assert said in line


def test_what_has_nothing_in_common_is_refused(tmp_path: Path) -> None:
    one, other = report(prediction("A1")), report(prediction("A2"))
    with pytest.raises(DomainError, match="no verdict in common: the first has A1, the second A2"):
        compared(tmp_path, one, other)
    guard = of_slopes(drawn(0.005, 1))
    with pytest.raises(DomainError, match="give two of a kind"):
        compared(tmp_path, one, guard)
    with pytest.raises(DomainError, match="different designs: steps 1, 4 in the file, 1 now"):
        compared(tmp_path, guard, guard.model_copy(update={"steps": [1]}))


def test_the_command_takes_folders_and_ends_with_1_where_something_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, verdict in (("a", Verdict.ACCEPTED), ("b", Verdict.REJECTED)):
        (tmp_path / name).mkdir()
        text = report_json(report(prediction("A1", verdict=verdict)))
        (tmp_path / name / "report.json").write_text(text)
    assert run("compare", tmp_path / "a", tmp_path / "a") == 0
    assert "nothing changed; 1 compared" in capsys.readouterr().out
    assert run("compare", tmp_path / "a", tmp_path / "b", "--out", tmp_path, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert Comparison.model_validate(document).changed
    for name in ("comparison.html", "comparison.md"):
        assert "verdict changed" in (tmp_path / name).read_text()
    (tmp_path / "empty").mkdir()
    assert run("compare", tmp_path / "empty", tmp_path / "a") == 2
    assert "has no report.json and no guard.json" in capsys.readouterr().err


@pytest.mark.parametrize("render", [html.render, markdown.render, terminal.render])
def test_every_form_has_every_change_and_note(render: Any, tmp_path: Path) -> None:
    bad = "A1<b>|x"
    found = compared(
        tmp_path,
        report(prediction("A1"), prediction(bad)),
        report(prediction("A1", verdict=Verdict.INVALID), prediction(bad, **REJECTED)),
    )
    text = render(found)
    assert text.count("verdict changed") >= 2
    assert "seed 0" in text
    assert "<b>" not in text or render is not html.render


def test_an_interrupted_guard_is_not_compared(tmp_path: Path) -> None:
    """What it has not measured would look like another network."""
    whole = guard_report()
    stopped = whole.model_copy(update={"exit_code": 4})
    with pytest.raises(DomainError, match="this guard was interrupted; run it again"):
        compared(tmp_path, whole, stopped)
