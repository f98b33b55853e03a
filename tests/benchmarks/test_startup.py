"""Processor time of commands that compute nothing: `tox run -e benchmarks`."""

import os
import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

_COMMANDS = {
    "help": "import sys; sys.argv[1:] = ['--help']; from scaleproof import main; main()",
    "list": "import sys; sys.argv[1:] = ['list']; from scaleproof import main; main()",
    "judging": "import verify.judging.verdict",
    "pytest": "import pytest; pytest.main(['--version'])",
    "pytest with the plugin": "import pytest; pytest.main(['--version', '-ppytest_scaleproof'])",
}


def _processor_seconds(program: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    user, system = after.children_user, after.children_system
    return user - before.children_user + system - before.children_system


@pytest.mark.parametrize("name", _COMMANDS)
def test_start(benchmark: BenchmarkFixture, name: str) -> None:
    """A fresh interpreter; budget 0.5 s for help and list, 20 ms for the plugin."""
    seconds = [_processor_seconds(_COMMANDS[name]) for _ in range(4)]
    seconds.append(benchmark.pedantic(_processor_seconds, (_COMMANDS[name],)))  # type: ignore[no-untyped-call]
    benchmark.extra_info["processor seconds, best of five"] = min(seconds)
