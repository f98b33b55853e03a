"""Suites of other projects, run in this process or in one of their own, and what came of them."""

import contextlib
import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# A network in muP whose hidden rate is off by the power POWER of width.
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
SIZES = "widths=(32, 64, 128, 256), seeds=3, steps=(1,)"
EACH = f"""
from net import factory
from scaleproof import scaling_checks

@scaling_checks(factory, {SIZES})
def test_each(scaling_check):
    scaling_check()
"""
WHOLE = f"""
from net import factory

def test_whole(scaling_guard):
    assert scaling_guard(factory, {SIZES}).ok
"""


@dataclass
class Outcomes:
    """Reports of a run in this process: outcome and text by test, and the exit code."""

    code: int = -1
    output: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    properties: dict[str, list[tuple[str, object]]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test came to: that of its call, or of what failed before."""
        name = report.nodeid.rpartition("::")[2]
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[name] = report.outcome
            self.texts[name] = report.longreprtext
            self.properties[name] = report.user_properties
            if report.skipped and isinstance(report.longrepr, tuple):
                self.texts[name] = report.longrepr[2]


def suite(folder: Path, power: float = 0.0, **files: str) -> Path:
    """A folder with a network and test files."""
    folder.mkdir(parents=True, exist_ok=True)
    # Said, because pytest under tox keeps its cache elsewhere.
    settings = f"[pytest]\ncache_dir = {folder / '.pytest_cache'}\n"
    (folder / "pytest.ini").write_text(settings, encoding="utf-8")
    write(folder, net=NETWORK.format(power=power), **files)
    return folder


def write(folder: Path, **files: str) -> None:
    """Write modules; their compiled code is not taken for that of the next ones."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def run(folder: Path, *arguments: str) -> Outcomes:
    """Run a suite in this process, whose torch is there already; its modules are gone after it."""
    found, output = Outcomes(), io.StringIO()
    for path_of_module in folder.glob("*.py"):  # another test may have left one of this name
        sys.modules.pop(path_of_module.stem, None)
    before, place, path = set(sys.modules), Path.cwd(), list(sys.path)
    sys.dont_write_bytecode, compiled = True, sys.dont_write_bytecode
    options = ["-p", "pytest_scaleproof", "-p", "no:xdist", "-p", "no:hypothesispytest", "-rA"]
    # Benchmarks are not timed where these say that a worker of pytest-xdist is running.
    worker = {key: os.environ.pop(key) for key in [*os.environ] if key.startswith("PYTEST_XDIST")}
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            found.code = int(pytest.main([*options, "--capture=sys", *arguments], plugins=[found]))
    finally:
        os.chdir(place)
        os.environ |= worker
        sys.path[:], sys.dont_write_bytecode = path, compiled
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
                del sys.modules[name]
    found.output = output.getvalue()
    return found


def run_alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a suite in a fresh process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "pytest_scaleproof", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=folder
    )


def cases(path: Path) -> dict[str, dict[str, str]]:
    """The properties of each test case in JUnit's XML."""
    return {
        f"{case.get('classname')}::{case.get('name')}": {
            one.get("name", ""): one.get("value", "") for one in case.iter("property")
        }
        for case in ET.parse(path).iter("testcase")
    }
