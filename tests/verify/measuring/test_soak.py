"""A few minutes of the soak test: random faults, and the same campaign in the end."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_campaigns_under_random_faults_are_the_undisturbed_one() -> None:
    command = [sys.executable, "-m", "tools.soak", "--faults", "20"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
