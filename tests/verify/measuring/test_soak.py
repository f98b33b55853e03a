"""A few minutes of the soak test: random faults, and the same campaign in the end."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "dask", "cluster"])
def test_campaigns_under_random_faults_are_the_undisturbed_one(executor: str) -> None:
    if executor != "local":
        pytest.importorskip("distributed", reason="the extra dask is not installed")
    kinds = "kill,kill-worker,stop-worker,interrupt,terminate,clock"
    command = [sys.executable, "-m", "tools.soak", "--warm", "--faults", "12"]
    command += ["--executor", executor, "--kinds", kinds]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
