"""The examples: networks in muP are healthy, others are not, and what can be copied runs."""

import importlib
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scaleproof import Verdict, guard
from tests.verify.testing.suites import run
from verify.cli.guard import guard_network

EXAMPLES = Path(__file__).parents[2] / "examples"
HEALTHY = {
    "mlp": {"widths": (32, 64, 128)},
    "residual": {"depths": (8, 16, 32)},
    "resnet": {"widths": (32, 64, 128)},
    "lightning_module": {"widths": (32, 64, 128)},
}


@pytest.fixture(autouse=True)
def neighbours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An example is imported by its name, and may import its neighbour."""
    monkeypatch.syspath_prepend(EXAMPLES)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(EXAMPLES)):
            del sys.modules[name]


def example(name: str) -> Any:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_network_in_mup_is_healthy(name: str) -> None:
    found = guard(example(name).factory, seeds=3, steps=(1,), **HEALTHY[name])  # type: ignore[arg-type]
    assert not found.faults, found.report()
    accepted = sum(one.verdict is Verdict.ACCEPTED for one in found.entries)
    assert accepted >= 0.9 * sum(one.verdict is not None for one in found.entries)


@pytest.mark.slow
def test_the_small_gpt_passes_its_test_layer_by_layer(tmp_path: Path) -> None:
    found = run(EXAMPLES, "test_coordinates.py", f"--override-ini=cache_dir={tmp_path}")
    assert set(found.outcomes.values()) == {"passed", "skipped"}, found.output
    assert sum(outcome == "passed" for outcome in found.outcomes.values()) > 15


def test_the_network_of_the_mup_package_is_healthy() -> None:
    pytest.importorskip("mup", reason="mup is not installed: pip install --no-deps mup")
    found = guard(example("mup_mlp").factory, seeds=3, steps=(1,), widths=(32, 64, 128, 256))
    assert not found.faults, found.report()


def test_the_default_gpt2_of_transformers_is_not_in_mup() -> None:
    """Initial values, rates and attention of the blocks are named."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    factory = example("transformers_gpt2").factory
    found = guard(factory, seeds=2, steps=(1,), widths=(32, 64, 128))
    causes = {fault.cause for fault in found.faults}
    assert {"initialization", "rate", "attention scale"} <= causes


def test_an_example_runs_as_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "lightning_module.py"), run_name="__main__")
    assert "Exit code 0: nothing fails." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("power", "exponent", "verdict"),
    [
        (0.0, "0", Verdict.ACCEPTED),
        (0.0, "-1/2", Verdict.REJECTED),
        (-0.5, "-1/2", Verdict.ACCEPTED),
        (-0.5, "0", Verdict.REJECTED),
    ],
)
def test_a_table_as_published_is_judged(
    power: float, exponent: str, verdict: Verdict, tmp_path: Path
) -> None:
    """Made here with the columns and the exact zero of the published ones."""
    rows = [
        {"seed": s, "depth": d, "dist": 1e-5 * d**power * (1 + (7 * s + d) % 5), "update": 1e-3}
        for s in range(40)
        for d in (2, 4, 8, 16, 32, 64, 128)
    ]
    rows[0]["dist"] = 0.0
    path = tmp_path / "completep_lin.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    judgement = example("completep").judged(path, exponent)
    assert judgement.verdict is verdict
    assert judgement.replicates == 39


@pytest.mark.parametrize(
    ("table", "exponent"), [("completep_lin_1.csv", "0"), ("completep_lin_05.csv", "-1/2")]
)
def test_the_published_tables_are_what_the_paper_says(table: str, exponent: str) -> None:
    path = EXAMPLES.parents[1] / "shared" / "tables" / table
    if not path.exists():
        pytest.skip(f"{table} is not here: it is published with arXiv 2505.01618")
    assert example("completep").judged(path, exponent).verdict is Verdict.ACCEPTED


def test_the_files_to_copy_call_what_is_there() -> None:
    """Their options are those of the command and of the plugin."""
    options = {option for parameter in guard_network.params for option in parameter.opts}
    plugin = (EXAMPLES.parent / "pytest_scaleproof.py").read_text(encoding="utf-8")
    for name in ("github-workflow.yml", "pre-commit-config.yaml"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        for command in re.findall(r"(scaleproof guard .*)", text):
            used = {part for part in shlex.split(command) if part.startswith("--")}
            assert used
            assert used <= options
        for option in re.findall(r"--scal[a-z-]+", text):
            assert f'"{option}"' in plugin


def test_every_example_is_in_the_list() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([\w.-]+)\)", text))
    assert linked == {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}
