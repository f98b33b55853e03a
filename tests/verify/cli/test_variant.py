"""``scaleproof guard variant.toml``, ``show --toml`` and ``verify --from``, from a shell."""

import json
from pathlib import Path

import pytest

from theory import Optimizer, completep, mup, residual
from verify.cli import main
from verify.documents.variant import variant_of

VANISHING = """
extends = "completep"
[network]
layers_per_block = 1
[roles.branch.last]
initialization = {width = "-1/2"}
"""
MINE = """
from dataclasses import replace

from scaleproof import Axis, ExponentEquals, depth_mup, find, predictions_of, residual

PREDICTIONS = predictions_of(residual(1), depth_mup(), Axis.WIDTH)[:2]
WRONG = replace(PREDICTIONS[0], id="wrong", relation=ExponentEquals(Axis.WIDTH, "1", "mine"))
NOTHING = 3
KNOWN = find("A1.forward.depth")
CHANGED = replace(KNOWN, margin=3 * KNOWN.margin)
"""


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["scaleproof", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert isinstance(exit_info.value.code, int)
    return exit_info.value.code


def test_a_variant_is_counted_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A branch of n^-1/2 for 1: the cure undoes it, and networks are as power counting says."""
    file = tmp_path / "vanishing.toml"
    file.write_text(VANISHING)
    arguments = ["guard", str(file), "--axis", "width", "--json", "--out", str(tmp_path / "out")]
    assert run(arguments, monkeypatch) == 1
    document = json.loads(capsys.readouterr().out)
    assert "every branch goes as n^-1/2" in document["problems"]
    assert ["initialization of branch.last times n^1/2"] in document["cures"]
    entries = document["measured"]["predictions"]
    assert {entry["verdict"] for entry in entries} == {"accepted"}
    assert {entry["controls"][0]["verdict"] for entry in entries} == {"rejected"}
    assert document["measured"]["predictions_from"] == str(file)
    kept = json.loads((tmp_path / "out" / "variant.json").read_text())
    assert kept == document
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_terminal_says_what_theory_finds_before_the_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "completep.toml"
    file.write_text('extends = "completep"\n[network]\nlayers_per_block = 1\n')
    assert run(["guard", str(file), "--axis", "width"], monkeypatch) == 0
    said = capsys.readouterr()
    assert "By power counting, nothing is wrong." in said.out
    assert "completep.width.stream_change" in said.out
    assert "Exit code 0: nothing fails." in said.err


def test_options_of_factories_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["guard", str(tmp_path / "x.toml"), "--seeds", "3"], monkeypatch) == 2
    assert "--seeds: belongs to a factory" in capsys.readouterr().err
    assert run(["guard", str(tmp_path / "x.toml")], monkeypatch) == 2
    assert "cannot read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mup", "completep(3/4)"])
def test_presets_are_shown_as_files(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", name, "--optimizer", "adam"], monkeypatch) == 0
    found = variant_of(capsys.readouterr().out)
    adam = Optimizer.ADAM
    expected = mup(adam) if name == "mup" else completep("3/4", adam)
    assert (found.architecture, found.parameterization) == (residual(2), expected)


def test_a_prediction_is_shown_as_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["show", "A1.forward.depth", "--toml"], monkeypatch) == 0
    assert variant_of(capsys.readouterr().out).parameterization.name == "depth_mup"


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return str(path)


def test_predictions_of_a_module_are_listed_and_shown(
    mine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{mine}:PREDICTIONS"
    assert run(["list", "--from", place], monkeypatch) == 0
    (_, row, *_) = capsys.readouterr().out.splitlines()
    id = row.split()[0]
    assert run(["show", id, "--from", place], monkeypatch) == 0
    assert "setting" in capsys.readouterr().out
    assert run(["show", id.partition(".")[0], "--from", place], monkeypatch) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"Try again: scaleproof verify {id.partition('.')[0]} --from {place}" in said
    assert f"How one of them is tried: scaleproof show {id} --from {place}" in said
    assert "docs/findings" not in said
    assert run(["show", "A1.forward.depth", "--from", place], monkeypatch) == 2
    assert "unknown prediction 'A1.forward.depth'" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "code"), [("PREDICTIONS", 0), ("WRONG", 1)])
def test_predictions_of_a_module_end_as_they_are_judged(
    mine: str, name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    place = f"{mine}:{name}"
    assert run(["verify", "--from", place, "--out", str(out)], monkeypatch) == code
    report = json.loads((out / "report.json").read_text())
    assert f"verify --from {place} --profile" in report["command"]
    assert (
        f"verify --from {place} {report['predictions'][0]['id']}"
        in (report["predictions"][0]["command"])
    )
    assert run(["report", str(out)], monkeypatch) == code  # judged again, from the same file


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MISSING", "has no 'MISSING'"),
        ("NOTHING", "is a int; expected one or several of scaleproof.Prediction"),
        ("CHANGED", "A1.forward.depth is another prediction in the catalogue, with a verdict on"),
    ],
)
def test_what_is_no_prediction_is_one_line(
    mine: str,
    name: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["verify", "--from", f"{mine}:{name}"], monkeypatch) == 2
    assert said in capsys.readouterr().err
