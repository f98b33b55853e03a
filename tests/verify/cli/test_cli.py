"""The command line: exit codes, one-line errors, JSON on stdout, and Ctrl-C."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import click
import pytest

from reports import Report
from reports.outcome import WORST_FIRST
from theory import Prediction, Verdict
from theory.catalogue import PREDICTIONS, find, recorded
from theory.prediction import Profile
from verify.cli import COMMANDS, main, scaleproof

HANGS = 600  # seconds, which no load makes of what takes one or two


def run(*arguments: object) -> int:
    """The command in this process; returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["scaleproof", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture
def small_catalogue(prediction: Prediction, monkeypatch: pytest.MonkeyPatch) -> Prediction:
    """A catalogue of one prediction that is measured at once."""
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    return prediction


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_says_of_every_command_what_the_command_says_of_itself(name: str) -> None:
    command = scaleproof.get_command(click.Context(scaleproof), name)
    assert command is not None
    assert command.name == name
    assert command.help is not None
    sentence, stop, _ = " ".join(command.help.split()).partition(".")
    assert sentence + stop == COMMANDS[name].summary


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    listing = capsys.readouterr().out.split("Commands:")[1]
    assert [line.split()[0] for line in listing.splitlines() if line[2:3].strip()] == list(COMMANDS)


# Each takes from a tenth of a second to seconds to import; scipy loads its parts when they are
# used, and is light without them.
_HEAVY = (
    "torch",
    "scipy.special",
    "scipy.stats",
    "scipy.integrate",
    "pandas",
    "statsmodels",
    "matplotlib",
    "sklearn",
    "pydantic",
)


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["show", "A1.forward.depth"]])
def test_help_and_the_catalogue_load_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
import sys
from verify.cli import main
sys.argv[1:] = {arguments}
try:
    main()
finally:
    print(*(name for name in {_HEAVY} if name in sys.modules), file=sys.stderr)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


def test_list_names_every_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in listed] == [p.id for p in PREDICTIONS]
    known = {entry["id"] for entry in listed if entry["recorded"]}
    assert {p.id for p in PREDICTIONS if p.regime.least is not Profile.FULL} <= known
    assert run("list") == 0
    listing = capsys.readouterr().out
    assert "A8.output.depth.horizon-4" in listing
    marked = [line for line in listing.splitlines() if "(full)" in line]
    assert [line.split()[0] for line in marked] == [
        p.id for p in PREDICTIONS if p.regime.least is Profile.FULL
    ]


def test_show_tells_how_a_prediction_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "A8.stream.depth.horizon-4") == 0
    text = capsys.readouterr().out
    for fact in (
        "stream_change",
        "exponent of L = 0",
        "no source says so",
        "theory.power_counting",
        "160 replicates",
        "T = 4",
    ):
        assert fact in text
    assert run("show", "A8.stream.depth.horizon-4", "--json") == 0
    assert json.loads(capsys.readouterr().out)["margin"] == 0.1


def shown(id: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What ``scaleproof show`` says of a prediction, as data."""
    assert run("show", id, "--json") == 0
    details = json.loads(capsys.readouterr().out)
    assert isinstance(details, dict)
    return details


def test_show_says_whose_statement_it_is_and_what_a_control_can_tell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    total = shown("A4.total.depth", capsys)
    assert (total["standing"], total["twin"]) == ("reading", "A4.own.depth")
    assert total["shifted"] == {"depth_mup with rates times L^1/2": "L^1/2"}
    assert ": shifted, the claim's own measurement times L^1/2 (" in str(total["controls"])
    assert ": shifted, the claim's own measurement times L^1/2 (" in str(total["rival_control"])
    best = shown("A11.rate.width.sgd", capsys)
    assert (best["standing"], best["twin"]) == ("stated", None)
    assert ": shifted, the claim's own training, its base rates times n^-1/2 (" in str(
        best["controls"]
    )
    assert shown("A1.forward.value", capsys)["standing"] == "project"
    assert "own measurement" not in str(shown("A1.forward.depth", capsys)["controls"])


def test_show_of_a_claim_has_every_sentence_verdict_and_how_to_try_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("show", "A17") == 0
    text = capsys.readouterr().out
    chosen = [p for p in PREDICTIONS if p.id.startswith("A17.")]
    for prediction in chosen:
        assert prediction.id in text
    assert max(map(len, text.splitlines())) < 80
    found = [verdict for verdict in WORST_FIRST if f"{verdict.upper()} " in text]
    assert len(found) > 1
    assert found == sorted(found, key=lambda verdict: text.index(f"{verdict.upper()} "))
    record = recorded(find("A17.drift.depth"))
    assert record is not None
    assert record.interval is not None
    low, high = record.interval
    for said in (
        f"{record.estimate:+.3f} [{low:+.3f}, {high:+.3f}], standard profile",
        f"A17, {len(chosen)} predictions: ",
        "accepted: the whole interval lies within the margin of what is claimed.",
        "Try again: scaleproof verify A17  (the first look takes about ",
        "Try again: scaleproof verify A17 --profile standard",
        "On record from: standard-12, seed 12",
    ):
        assert said in text
    assert run("show", "A17", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in document["predictions"]] == [p.id for p in chosen]
    assert set(document["minutes"]) == {"quick", "standard", "full"}
    assert all(time > 0 for time in document["minutes"].values())


def test_a_margin_on_one_side_is_no_plus_minus(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "A9.rate.depth") == 0
    text = capsys.readouterr().out
    assert "claimed: the best learning rate rises with L, margin 0.1" in text
    assert "claimed: exponent of L of the best learning rate = 0 ± 0.1" in text


def test_a_file_is_of_one_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "A1", "--toml") == 2
    assert "3 predictions begin so; name one of them, such as A1." in capsys.readouterr().err


def test_list_counts_rejections_by_standing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "A4", "A7", "A9.rate.depth.plain", "A14.distance") == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == (
        "10 of 15 are rejected on record: 2 stated sentences; 2 second readings, whose twin is "
        "accepted; 4 readings whose twin is not; 2 of the project's own."
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("verify", "A99"), "unknown prediction 'A99'; the nearest of"),
        (("show", "A99"), "unknown prediction 'A99'; the nearest of"),
        (("verify", "--profile", "huge"), "'huge' is not one of 'quick', 'standard'"),
        (("verify", "--device", "tpu"), "unknown device 'tpu'; choose one of: cpu, cuda"),
        (("verify", "--seed", "-1"), "-1 is not in the range 0<=x<=9223372036854775807"),
        (("verify", "--seed", "one"), "'one' is not a valid integer range"),
        (("prove",), "No such command 'prove'"),
        (("verify", "--fast"), "No such option"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scaleproof: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err
    assert list(tmp_path.iterdir()) == [], "something was written"


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    for out in (blocked, blocked / "below"):
        assert run("verify", "A1", "--out", out) == 2
        error = capsys.readouterr().err
        assert str(out) in error
        assert "--out" in error
        assert error.count("\n") == 1
    assert blocked.read_text() == "mine"


def test_verify_measures_judges_and_writes(
    small_catalogue: Prediction, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", "--out", tmp_path, "--json") == 0
    printed = Report.model_validate_json(capsys.readouterr().out)
    written = Report.model_validate_json((tmp_path / "report.json").read_text())
    assert printed == written
    assert [entry.verdict for entry in printed.predictions] == [Verdict.ACCEPTED]
    assert small_catalogue.id in (tmp_path / "report.html").read_text()


def test_the_same_seed_gives_the_same_report_but_for_times(
    small_catalogue: Prediction, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = []
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        run("verify", "--seed", seed, "--out", tmp_path / name, "--json")
        report = json.loads(capsys.readouterr().out)
        report.pop("times")
        reports.append(report)
    assert reports[0] == reports[1]
    assert reports[0]["predictions"][0]["estimate"] != reports[2]["predictions"][0]["estimate"]


@pytest.mark.usefixtures("small_catalogue")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_report_is_written_is_one_line(
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("verify.cli.verify.finish", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(signal.SIGTERM)
    assert run("verify", "--out", tmp_path) == 4
    assert signal.getsignal(signal.SIGTERM) == before
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "scaleproof: interrupted; what verify has measured is kept"


def test_ctrl_c_leaves_what_was_measured_and_the_next_run_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from verify.cli import main; main()"]
    command += ["verify", "A13", "A14", "--workers", "1", "--out", str(tmp_path)]
    store = tmp_path / "measurements.sqlite"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and _rows(store) <= 100:
            time.sleep(0.05)
        assert process.poll() is None, "finished before it could be interrupted"
        process.send_signal(signal.SIGINT)
        assert process.wait(HANGS) == 4
    report = Report.model_validate_json((tmp_path / "report.json").read_text())
    assert not report.complete
    assert {entry.verdict for entry in report.predictions} >= {Verdict.INCONCLUSIVE}
    before = _rows(store)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and _rows(store) <= before:
            time.sleep(0.05)
        process.kill()  # a kill loses at most the group that is being measured
    assert _rows(store) > before


def _rows(store: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM measurements").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
