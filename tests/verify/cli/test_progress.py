"""How far long work is: a bar on a terminal, a line every ten seconds elsewhere."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.verify.cli.test_cli import run
from theory import Prediction, Profile
from theory.scaling import rational
from theory.verdict import Verdict
from verify import Campaign, Store, measure
from verify.cli.progress import Looks, progress


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def lines(*reports: tuple[float, str, float, float]) -> list[str]:
    """What is written without a terminal after reports of (clock, stage, done, needed)."""
    written, clock = io.StringIO(), Clock()
    with progress(Console(file=written, force_terminal=False), clock) as advance:
        for seconds, stage, done, total in reports:
            clock.seconds = 1000 + seconds
            advance(stage, done, total)
    return written.getvalue().splitlines()


def test_work_that_is_over_within_ten_seconds_says_nothing() -> None:
    assert lines((1, "look 1", 0.2, 1), (9.9, "look 1", 1, 1)) == []


def test_a_line_says_stage_share_elapsed_and_remaining_time() -> None:
    assert lines((0, "look 1", 0, 100), (52, "look 1", 37, 100)) == [
        "look 1: 37 %, 52 s, about 89 s left"
    ]


def test_lines_come_every_ten_seconds_however_often_work_is_reported() -> None:
    written = lines(*((second / 10, "pilot", second, 350) for second in range(351)))
    assert [line.split(", ")[1] for line in written] == ["10 s", "20 s", "30 s"]


def test_what_an_earlier_run_had_measured_makes_nothing_look_fast() -> None:
    reports = ((1, "look 1", 800, 1000), (21, "look 1", 900, 1000))
    assert lines(*reports) == ["look 1: 90 %, 21 s, about 20 s left"]


def test_a_first_report_that_comes_late_has_no_remaining_time() -> None:
    assert lines((30, "networks", 1, 4)) == ["networks: 25 %, 30 s"]


def test_every_stage_has_times_of_its_own() -> None:
    reports = ((100, "look 1", 1, 1), (101, "look 2", 1, 8), (121, "look 2", 3, 8))
    assert lines(*reports)[1:] == ["look 2: 38 %, 21 s, about 50 s left"]


def test_long_times_are_in_minutes_and_hours() -> None:
    reports = ((0, "look 1", 0, 100), (600, "look 1", 1, 100))
    assert lines(*reports) == ["look 1: 1 %, 10 min, about 16 h left"]


def test_a_terminal_shows_a_bar_for_every_stage() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    with progress(console) as advance:
        advance("look 1", 1, 4)
        advance("look 1", 4, 4)
        advance("look 2", 1, 2)
    shown = written.getvalue()
    for text in ("look 1", "100%", "look 2", "50%", "left", "0:00:0"):
        assert text in shown


def test_progress_stays_off_standard_output(
    prediction: Prediction,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    monkeypatch.setattr("verify.cli.progress.INTERVAL", 0.0)
    run("plan", "--json")
    captured = capsys.readouterr()
    assert captured.err.startswith("pilot: ")
    assert "pilot" not in captured.out


def test_looks_say_what_has_been_decided_before_them() -> None:
    stages: list[str] = []
    looks = Looks(lambda stage, _done, _total: stages.append(stage))
    looks.measured(0, 1, 2)
    looks.judged([Verdict.ACCEPTED, Verdict.INCONCLUSIVE, Verdict.REJECTED, Verdict.ACCEPTED])
    looks.measured(1, 1, 2)
    assert stages == ["look 1", "look 2 (3 of 4 decided: 2 accepted, 1 rejected)"]


def test_a_campaign_tells_its_verdicts_before_each_further_look(
    prediction: Prediction, tmp_path: Path
) -> None:
    """With a margin too narrow to decide, every announced look is taken."""
    narrow = replace(prediction, margin=rational("1/1000"))
    judged: list[list[Verdict]] = []
    campaign = Campaign((narrow,), Profile.QUICK, seed=1)
    measure(
        campaign,
        Store(tmp_path / "store.sqlite"),
        judged=lambda verdicts: judged.append(list(verdicts)),
    )
    assert judged == [[Verdict.INCONCLUSIVE]] * (campaign.looks - 1)
