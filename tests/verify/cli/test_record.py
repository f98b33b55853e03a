"""``scaleproof record``: what goes on record, what is refused, and that nothing is half written."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from reports import Report
from reports.document import PredictionEntry
from tests.verify.cli.test_cli import run
from theory import (
    Axis,
    Control,
    DomainError,
    ExponentAtMost,
    ExponentEquals,
    Grid,
    Observable,
    Prediction,
    Profile,
    Regime,
    Rival,
    Verdict,
    on_images,
    residual,
)
from theory.catalogue import find
from theory.catalogue.records import SECOND_SEED, Recorded, parse_records
from theory.errors import UnavailableError
from theory.prediction import product
from theory.scaling import Power, rational
from verify.campaign.design import Campaign
from verify.documents.checkout import commit_of, records_path, source_checkout, write_files
from verify.documents.record import check

PAGE = "Before.\n\n<!-- generated: claim-T1 -->\n<!-- end of claim-T1 -->\n\nAfter.\n"


@pytest.fixture
def checkout(
    prediction: Prediction, complete: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A source checkout with nothing on record, whose catalogue has one prediction more."""
    root = tmp_path / "checkout"
    for name in (*Profile, SECOND_SEED):
        path = records_path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (root / "docs").mkdir()
    (root / "README.md").write_text(PAGE)
    monkeypatch.setattr("verify.cli.record.source_checkout", lambda: root)
    set_catalogue(monkeypatch, prediction)
    return root


def set_catalogue(monkeypatch: pytest.MonkeyPatch, prediction: Prediction) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))


@pytest.fixture(scope="module")
def measured_once() -> dict[str, Report]:
    return {}


@pytest.fixture
def complete(measured_once: dict[str, Report], request: pytest.FixtureRequest) -> Report:
    """The report of a finished campaign about one prediction."""
    if not measured_once:
        measured_once["report"] = request.getfixturevalue("report")
    report = measured_once["report"]
    return report.model_copy(update={"complete": True, "predictions": report.predictions[:1]})


@pytest.fixture
def file(complete: Report, tmp_path: Path) -> Path:
    return written(complete, tmp_path)


def written(report: Report, folder: Path) -> Path:
    path = folder / "report.json"
    path.write_text(report.model_dump_json())
    return path


def on_record(root: Path) -> dict[str, Recorded]:
    return parse_records(records_path(root, Profile.QUICK).read_text())


def files_of(root: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_report_goes_on_record_with_where_it_comes_from(
    checkout: Path, file: Path, complete: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("record", file) == 0
    assert ": 1 new, 0 changed, 0 the same" in capsys.readouterr().out
    (entry,), (record,) = complete.predictions, on_record(checkout).values()
    assert entry.estimate is not None
    assert entry.interval is not None
    assert record.verdict is entry.verdict is Verdict.ACCEPTED
    assert record.estimate == pytest.approx(entry.estimate, abs=0.5e-4)
    assert record.interval == pytest.approx(entry.interval, abs=0.5e-4)
    assert (record.replicates, record.looks) == (entry.replicates, 1)
    assert record.engines == tuple(entry.engines) != ()
    campaign, found = record.campaign, complete.environment
    assert (campaign.name, campaign.seed, campaign.device) == ("quick-1", 1, "cpu")
    assert (campaign.command, campaign.looks) == (complete.command, complete.looks)
    assert campaign.family == complete.family
    assert campaign.started == datetime.fromisoformat(complete.times.started)
    assert campaign.recorded == datetime.now(UTC).date()
    assert (campaign.scaleproof, campaign.python) == (found.scaleproof, found.python)
    assert (campaign.torch, campaign.numpy) == (found.torch, found.numpy)
    assert (campaign.scikit_learn, campaign.code) == (found.scikit_learn, complete.code)
    assert None not in (campaign.scikit_learn, campaign.code)
    assert campaign.commit is None, "there is no git here"


def test_the_tables_of_the_pages_are_renewed(checkout: Path, file: Path) -> None:
    (checkout / "docs" / "findings").mkdir()
    (checkout / "docs" / "findings" / "more.md").write_text(PAGE)
    run("record", file)
    for page in (checkout / "README.md", checkout / "docs" / "findings" / "more.md"):
        text = page.read_text()
        assert text.startswith("Before.\n\n<!-- generated: claim-T1 -->\n\n| prediction |")
        assert "| T1.forward.depth | quick |" in text
        assert text.endswith("|\n\n<!-- end of claim-T1 -->\n\nAfter.\n")


def test_the_same_report_twice_changes_nothing(
    checkout: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("record", file)
    before = files_of(checkout)
    monkeypatch.setattr("verify.cli.record.commit_of", lambda root: "another commit")
    run("record", file)
    assert files_of(checkout) == before
    assert ": 0 new, 0 changed, 1 the same" in capsys.readouterr().out


def test_another_verdict_is_said(
    checkout: Path, complete: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("record", written(complete, tmp_path))
    changed = complete.predictions[0].model_copy(update={"verdict": Verdict.REJECTED})
    run("record", written(complete.model_copy(update={"predictions": [changed]}), tmp_path))
    printed = capsys.readouterr().out
    assert ": 0 new, 1 changed, 0 the same" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("T1.forward.depth: ")]
    assert line.index("accepted") < line.index(" -> ") < line.index("rejected")


def test_a_campaign_that_no_entry_names_is_gone(
    checkout: Path, complete: Report, tmp_path: Path
) -> None:
    run("record", written(complete, tmp_path))
    run("record", written(complete.model_copy(update={"seed": 2}), tmp_path))
    text = records_path(checkout, Profile.QUICK).read_text()
    assert "quick-2" in text
    assert "quick-1" not in text


def test_two_campaigns_of_one_seed_have_two_names(
    checkout: Path,
    prediction: Prediction,
    complete: Report,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("record", written(complete, tmp_path))
    other = replace(prediction, id="T0.other")
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (other, prediction))
    entry = complete.predictions[0].model_copy(update={"id": "T0.other"})
    changes = {"predictions": [entry], "family": complete.family + 1}
    run("record", written(complete.model_copy(update=changes), tmp_path))
    names = {id: record.campaign.name for id, record in on_record(checkout).items()}
    assert list(names.items()) == [("T0.other", "quick-1-2"), ("T1.forward.depth", "quick-1")]


def refused(root: Path, file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line on stderr; nothing was written."""
    before = files_of(root)
    assert run("record", file, *options) == 2
    assert files_of(root) == before
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"complete": False}, "the campaign was interrupted; continue it with: scaleproof verify"),
        ({"table": "mine.csv"}, "the report is about the table 'mine.csv'"),
        ({"schema_version": "1.0"}, "a report of schema 1.0, and this is scaleproof of schema"),
        ({"profile": "huge"}, "not a report: profile: Input should be 'quick'"),
    ],
)
def test_what_is_no_finished_campaign_is_refused(
    checkout: Path,
    complete: Report,
    tmp_path: Path,
    change: dict[str, Any],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(json.loads(complete.model_dump_json()) | change))
    assert words in refused(checkout, file, capsys)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", None])
def test_what_is_no_report_is_refused(
    checkout: Path, tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.json"
    if text is not None:
        file.write_text(text)
    assert "other.json: " in refused(checkout, file, capsys)


def test_a_prediction_that_the_catalogue_lacks_is_refused(
    checkout: Path,
    file: Path,
    prediction: Prediction,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_catalogue(monkeypatch, replace(prediction, id="T1.forward.width"))
    words = "unknown prediction 'T1.forward.depth'; the nearest of 1 ids are T1.forward.width"
    assert words in refused(checkout, file, capsys)


def deeper(prediction: Prediction) -> Prediction:
    grid = Grid(product((24,), (4, 8, 32)), 12, 6)
    return replace(prediction, regime=Regime(quick=grid, standard=grid))


def with_more_replicates(prediction: Prediction) -> Prediction:
    grid = replace(prediction.regime.grid(Profile.QUICK), replicates=13)
    return replace(prediction, regime=Regime(quick=grid, standard=grid))


def with_another_control(prediction: Prediction) -> Prediction:
    return replace(prediction, controls=(Control("alpha = 1", prediction.controls[0].setting),))


def with_a_rival(prediction: Prediction) -> Prediction:
    relation = ExponentEquals(Axis.DEPTH, rational(1), "a test")
    (control,), citation = prediction.controls, prediction.citation
    return replace(prediction, rival=Rival("It grows.", relation, citation, control))


def with_a_correction(prediction: Prediction) -> Prediction:
    regime = replace(prediction.regime, corrections=(Power(depth=-1),))
    return replace(prediction, regime=regime)


def in_blocks_of_two_layers(prediction: Prediction) -> Prediction:
    return replace(prediction, setting=replace(prediction.setting, architecture=residual(2)))


DESIGNS: dict[str, Callable[[Prediction], Prediction]] = {
    "margin 0.5 in the report, 0.25 in the catalogue": lambda p: replace(p, margin=Fraction(1, 4)),
    "grid ": deeper,
    "replicates 12 in the report, 13 in the catalogue": with_more_replicates,
    "controls alpha = 0: ": with_another_control,
    "setting residual": in_blocks_of_two_layers,
    "rival none in the report, exponent of L = 1 in the catalogue": with_a_rival,
    "corrections none in the report, L^-1 in the catalogue": with_a_correction,
    "relation exponent of L = 0 in the report, exponent of L <= 0": lambda p: replace(
        p, relation=ExponentAtMost(Axis.DEPTH, rational(0), "a test")
    ),
    "observable forward_second_moment in the report, backward": lambda p: replace(
        p, observable=Observable.BACKWARD_SECOND_MOMENT
    ),
}


def of_seed(report: Report, seed: int, **changes: object) -> Report:
    """A report of the standard profile from a seed, with changes of its prediction."""
    entry = report.predictions[0].model_copy(update=changes)
    update = {"seed": seed, "profile": Profile.STANDARD, "predictions": [entry]}
    return report.model_copy(update=update)


def test_a_second_seed_has_its_distance_from_the_first(
    checkout: Path, complete: Report, tmp_path: Path
) -> None:
    (entry,) = complete.predictions
    assert entry.estimate is not None
    assert entry.interval is not None
    assert entry.confidence is not None
    run("record", written(of_seed(complete, 3), tmp_path))
    (checkout / "README.md").write_text(PAGE.replace("claim-T1", "seeds"))
    second = of_seed(complete, 4, estimate=entry.estimate + 0.1)
    assert run("record", "--second-seed", written(second, tmp_path)) == 0
    (record,) = parse_records(records_path(checkout, SECOND_SEED).read_text()).values()
    low, high = entry.interval
    quantile = stats.t.ppf(1 - (1 - entry.confidence) / 2, df=entry.replicates - 1)
    error = (high - low) / 2 / quantile
    assert record.distance == pytest.approx(0.1 / (2**0.5 * error), abs=0.006)
    assert record.campaign.name == "standard-4"
    said = "1 of 1 verdicts are the same. The root mean square of 1 distances is"
    assert said in (checkout / "README.md").read_text()


@pytest.mark.parametrize(
    ("seed", "profile", "words"),
    [
        (3, Profile.STANDARD, "T1.forward.depth is not on record with another seed than 3"),
        (4, Profile.QUICK, "a quick campaign: two seeds are compared in the standard one"),
    ],
)
def test_what_is_no_second_seed_is_refused(
    checkout: Path,
    complete: Report,
    tmp_path: Path,
    seed: int,
    profile: Profile,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("record", written(of_seed(complete, 3), tmp_path))
    file = written(of_seed(complete, seed).model_copy(update={"profile": profile}), tmp_path)
    assert words in refused(checkout, file, capsys, "--second-seed")


def test_a_claim_on_other_images_is_compared_with_its_own_design(complete: Report) -> None:
    for source, id in (("mnist5k", "@mnist5k"), ("cifar10:some/where", "@cifar10")):
        moved = on_images(find("A5.stream.depth"), source)
        assert moved.id.endswith(id)
        entry = as_reported(moved, complete.predictions[0])
        check(complete.model_copy(update={"predictions": [entry]}))
        digits = entry.model_copy(update={"setting": str(find("A5.stream.depth").setting)})
        with pytest.raises(DomainError, match="is of another design: setting"):
            check(complete.model_copy(update={"predictions": [digits]}))


def test_a_claim_that_does_not_train_has_no_other_images(complete: Report) -> None:
    entry = as_reported(find("A1.forward.depth"), complete.predictions[0])
    other = entry.model_copy(update={"id": "A1.forward.depth@mnist5k"})
    with pytest.raises(DomainError, match=r"A1\.forward\.depth does not train on images"):
        check(complete.model_copy(update={"predictions": [other]}))


def test_what_the_words_of_a_report_leave_out_is_compared_too(
    checkout: Path,
    file: Path,
    prediction: Prediction,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    grid = replace(prediction.regime.grid(Profile.QUICK), looks=2)
    set_catalogue(monkeypatch, replace(prediction, regime=Regime(quick=grid, standard=grid)))
    words = "T1.forward.depth is of another design, in what a report does not spell out: looks"
    assert words in refused(checkout, file, capsys)


def as_reported(prediction: Prediction, entry: PredictionEntry) -> PredictionEntry:
    """An entry of the quick profile with the design of a prediction, without a rival."""
    grid = prediction.regime.grid(Profile.QUICK)
    control = entry.controls[0]
    return entry.model_copy(
        update={
            "id": prediction.id,
            "observable": str(prediction.observable),
            "setting": str(prediction.setting),
            "relation": str(prediction.relation),
            "margin": float(prediction.margin),
            "design": Campaign((prediction,), Profile.QUICK, seed=0).designs[prediction.id],
            "corrections": [str(power) for power in prediction.regime.corrections],
            "engines": {"dense": [str(cell) for cell in grid.cells]},
            "looks": [entry.looks[0].model_copy(update={"replicates": grid.replicates})],
            "controls": [
                control.model_copy(update={"name": each.name, "setting": str(each.setting)})
                for each in prediction.controls
            ],
        }
    )


@pytest.mark.parametrize("words", DESIGNS)
def test_another_design_is_refused(
    checkout: Path,
    file: Path,
    prediction: Prediction,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_catalogue(monkeypatch, DESIGNS[words](prediction))
    line = refused(checkout, file, capsys)
    assert f"T1.forward.depth is of another design: {words}" in line
    assert line.endswith("in the catalogue; run the campaign again")


def test_a_profile_in_which_it_is_not_tried_any_more_is_refused(
    checkout: Path,
    file: Path,
    prediction: Prediction,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    regime = Regime(standard=prediction.regime.standard)
    set_catalogue(monkeypatch, replace(prediction, regime=regime))
    assert "not tried in the quick profile" in refused(checkout, file, capsys)


def test_a_page_with_an_unknown_table_is_refused_before_anything_is_written(
    checkout: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "README.md").write_text(PAGE.replace("claim-T1", "poem"))
    assert "README.md: nothing is generated for 'poem'" in refused(checkout, file, capsys)


def test_an_installation_has_no_records_to_write(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (source_checkout() / "pyproject.toml").is_file()
    monkeypatch.setattr("verify.documents.checkout.files", lambda package: tmp_path / package)
    assert run("record", file) == 2
    assert "which is no source checkout" in capsys.readouterr().err


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "-C", root, *identity, *arguments], check=True, capture_output=True)


def test_the_commit_is_that_of_the_checkout_and_says_when_its_code_was_changed(
    tmp_path: Path,
) -> None:
    assert commit_of(tmp_path) is None
    git(tmp_path, "init")
    assert commit_of(tmp_path) is None, "nothing is committed yet"
    record = records_path(tmp_path, "quick")
    record.parent.mkdir(parents=True)
    code = tmp_path / "theory" / "code.py"
    code.write_text("one = 1\n")
    record.write_text("")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "One")
    commit = commit_of(tmp_path)
    assert commit is not None
    assert len(commit) == 12
    record.write_text("[campaigns]\n")
    assert commit_of(tmp_path) == commit, "a record is no code"
    assert commit_of(tmp_path / "theory") is None, "a copy within another repository"
    code.write_text("one = 2\n")
    assert commit_of(tmp_path) == f"{commit}-dirty"


def test_files_are_written_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_files({first: "new", second: "\ud800"})
    assert files_of(tmp_path) == {first: "old"}
    nowhere = tmp_path / "nowhere" / "file"
    with pytest.raises(UnavailableError) as refused:
        write_files({first: "new", nowhere: "other"})
    assert str(refused.value) == (
        f"cannot write {str(nowhere)!r} (No such file or directory); make room, or choose another "
        "place"
    )
    assert files_of(tmp_path) == {first: "old"}
    inode = first.stat().st_ino
    write_files({first: "new", second: "other"})
    assert files_of(tmp_path) == {first: "new", second: "other"}
    assert first.stat().st_ino != inode, "another file took its place"
