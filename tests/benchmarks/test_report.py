"""`scaleproof report` of a large campaign, as one command: `tox run -e benchmarks`."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from reports import RENDERERS
from tests.benchmarks.synthetic import middles, synthetic
from tests.reports.documents import whole_catalogue
from theory import Profile
from verify import Campaign, Store, measure, select
from verify.measuring import loop

FILE, BUDGET, LEAST = "measurements.sqlite", 10.0, 1_000_000


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The standard campaign with synthetic values, through all looks that they ask for."""
    folder = tmp_path_factory.mktemp("campaign")
    campaign = Campaign(select((), Profile.STANDARD), Profile.STANDARD, seed=5)
    store = Store(folder / FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "run", partial(synthetic, middles(campaign)))
        measure(campaign, store, patterns=())
    store.close()
    return folder


def test_a_report_of_a_million_measurements(benchmark: BenchmarkFixture, measured: Path) -> None:
    """Judged, and every page written; budget 10 s of the processor."""
    command = [sys.executable, "-m", "scaleproof", "report", str(measured)]
    spent = []

    def report() -> None:
        before = os.times()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        after = os.times()
        assert done.returncode in (0, 1)
        user, system = after.children_user, after.children_system
        spent.append(user - before.children_user + system - before.children_system)

    benchmark.pedantic(report, rounds=5)  # type: ignore[no-untyped-call]
    store = Store(measured / FILE)
    ((count,),) = store.read("SELECT count(*) FROM measurements")
    store.close()
    assert count > LEAST
    load = os.getloadavg()[0]
    shown = {"measurements": count, "least s": min(spent), "most s": max(spent), "load": load}
    benchmark.extra_info |= shown | {"target": BUDGET}
    assert (measured / "report.html").exists()


def test_a_page_of_the_whole_catalogue(benchmark: BenchmarkFixture) -> None:
    """241 predictions with their replicates; budget 3 s."""
    page = benchmark(RENDERERS["html"], whole_catalogue())
    benchmark.extra_info |= {"bytes": len(page.encode()), "target": 3.0}
