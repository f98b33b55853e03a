"""``scaleproof guard`` from a shell: exit codes, one line for bad input, the lock file."""

import json
from pathlib import Path

import jsonschema
import pytest

from reports.guard.document import shipped_guard_json_schema
from verify.cli import main

NETWORK = """
import torch
from torch import nn

POWER = {power}


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def factory(width, seed):
    g = torch.Generator().manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(12, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 4)
    )
    for layer, power in ((model[0], -0.5), (model[2], -0.5), (model[4], -1.0)):
        nn.init.normal_(layer.weight, std=layer.in_features**power)
        nn.init.zeros_(layer.bias)
    rates = {{model[2].weight: (64 / width) ** (1 + POWER), model[4].weight: 64 / width}}
    groups = [{{"params": [p], "lr": 0.01 * rates.get(p, 1.0)}} for p in model.parameters()]
    batch = torch.randn(48, 12, generator=g), torch.randint(4, (48,), generator=g)
    return model, torch.optim.Adam(groups, eps=1e-12), batch, loss
"""
SIZES = ["--widths", "32,64,128,256", "--steps", "1"]


def network(folder: Path, power: float = 0.0) -> str:
    path = folder / f"net_{str(power).replace('.', '_').replace('-', 'm')}.py"
    path.write_text(NETWORK.format(power=power), encoding="utf-8")
    return f"{path}:factory"


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["scaleproof", "guard", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert isinstance(exit_info.value.code, int)
    return exit_info.value.code


def test_a_healthy_network_exits_with_0_and_its_document_obeys_the_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([network(tmp_path), *SIZES, "--json", "--out", str(tmp_path)], monkeypatch) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, json.loads(shipped_guard_json_schema()))
    assert document["ok"] is True
    assert json.loads((tmp_path / "guard.json").read_text(encoding="utf-8")) == document
    assert "<html" in (tmp_path / "guard.html").read_text(encoding="utf-8")


def test_a_fault_exits_with_1_and_says_which_parameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([network(tmp_path, 0.25), *SIZES, "--mend"], monkeypatch) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "The learning rate of 2.weight goes as n^-0.2" in text
    assert "verified this mend" in text


def test_the_lock_file_sees_an_eighth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = ["--lock", str(tmp_path / "scaling.lock.json")]
    assert run([network(tmp_path), *SIZES, *lock, "--update"], monkeypatch) == 0
    assert run([network(tmp_path), *SIZES, *lock], monkeypatch) == 0
    capsys.readouterr()
    assert run([network(tmp_path, -0.125), *SIZES, *lock], monkeypatch) == 1
    assert "2.weight" in capsys.readouterr().out


def test_a_fault_that_the_lock_has_already_is_no_failure_where_only_changes_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = [network(tmp_path, 0.25), *SIZES, "--lock", str(tmp_path / "scaling.lock.json")]
    assert run([*faulty, "--update"], monkeypatch) == 1
    out = ["--out", str(tmp_path / "found")]
    assert run([*faulty, *out, "--fail-on", "changed"], monkeypatch) == 0
    assert 'failures="0"' in (tmp_path / "found" / "guard.junit.xml").read_text(encoding="utf-8")
    assert "- **rate of 2.weight" in (tmp_path / "found" / "guard.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.py:factory"], "does not exist"),
        (["no_colon"], "expected FILE.py:factory"),
        (["{network}", "--widths", "64,x,256"], "expected whole numbers"),
        (["{network}", "--widths", ""], "--widths '': expected whole numbers from 1 to 1000000"),
        (["{network}", "--widths", "0,64,128"], "--widths '0,64,128': expected whole numbers"),
        (["{network}", "--steps", "1000000000000"], "--steps '1000000000000': expected"),
        (["{network}", "--seeds", "1000000000000"], "is not in the range 2<=x<=10000"),
        (["{network}", "--widths", "64,128"], "at least 3 different sizes"),
        (["{network}", "--depths", "8,16,32"], "takes no depth"),
        (["{network}", "--update"], "name it with --lock"),
        (["{network}", "--rates", "fast"], "expected at least 4 rates"),
        (["{network}", *SIZES, "--lock", "absent.json"], "absent.json"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = network(tmp_path)
    given = [argument.replace("{network}", target) for argument in arguments]
    assert run(given, monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("scaleproof: ")
    assert said in line
