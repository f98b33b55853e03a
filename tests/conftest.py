"""Hypothesis profiles and shared fixtures."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from tests.verify.campaigns import groups
from theory import (
    Axis,
    Control,
    ExponentEquals,
    Grid,
    Observable,
    Prediction,
    Profile,
    Propagation,
    Regime,
    Setting,
    Standing,
    depth_mup,
    mup,
    residual,
)
from theory.catalogue import find
from theory.prediction import Citation, product
from theory.scaling import rational
from verify import Campaign, Report, Store, build_report, judge_campaign, measure

settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")

# A shell that puts us in the background has us start with Ctrl-C ignored, and the processes that
# tests interrupt would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def prediction() -> Prediction:
    """A true prediction that is measured in a fraction of a second."""
    setting = Setting(residual(1), depth_mup(), Propagation(batch=2))
    blows_up = Setting(residual(1), mup(), setting.experiment)
    grid = Grid(product((24,), (4, 8, 16)), 12, 6)
    return Prediction(
        id="T1.forward.depth",
        sentence="The forward pass is stable in depth.",
        observable=Observable.FORWARD_SECOND_MOMENT,
        relation=ExponentEquals(Axis.DEPTH, rational(0), "a test"),
        setting=setting,
        regime=Regime(quick=grid, standard=grid),
        margin=rational("1/2"),
        margin_reason="wide, for a small network",
        citation=Citation("tests", "A test", "here"),
        controls=(Control("alpha = 0", blows_up),),
        standing=Standing.PROJECT,
    )


@pytest.fixture
def report(prediction: Prediction, tmp_path: Path) -> Report:
    """An accepted prediction, and one of the catalogue that was not measured at all."""
    store = Store(tmp_path / "fixture.sqlite")
    measure(Campaign((prediction,), Profile.QUICK, seed=1), store)
    campaign = Campaign((prediction, find("A8.stream.depth.horizon-4")), Profile.QUICK, seed=1)
    groups(campaign, store)
    started = datetime.now(UTC)
    return build_report(campaign, store, judge_campaign(campaign, store), started, complete=False)
