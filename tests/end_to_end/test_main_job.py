"""The installed command on a real prediction of the catalogue."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_published_claim_gets_a_verdict(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("scaleproof")
    arguments = [str(command), "verify", "C1.rate.width", "--json", "--out", str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(done.stdout)["predictions"]
    assert entry["verdict"] == entry["recorded"] == "accepted"
    low, high = entry["interval"]
    assert -entry["margin"] < low < high < entry["margin"]
    assert [control["verdict"] for control in entry["controls"]] == ["rejected"]
