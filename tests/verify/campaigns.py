"""Campaigns of tests, what they plan, and a sweep of learning rates."""

from dataclasses import replace
from fractions import Fraction

from theory import (
    Activation,
    Axis,
    BestRateExponentEquals,
    Cell,
    Control,
    Grid,
    Observable,
    Prediction,
    Profile,
    Regime,
    Setting,
    Standing,
    Training,
    depth_mup,
    mup,
    rational,
    residual,
)
from theory.prediction import Citation
from verify.campaign.design import Campaign, questions
from verify.measuring.loop import begin
from verify.measuring.schedule import Group, planned_trial, schedule
from verify.measuring.store import Store

SWEEP = tuple(Fraction(2) ** k for k in range(-12, -7))


def sweep_prediction(rates: tuple[Fraction, ...]) -> Prediction:
    """The best rate of tiny networks after three steps; the grid starts far too low."""
    experiment = Training(batch=16, steps=3)
    setting = Setting(residual(1, Activation.TANH), depth_mup(), experiment)
    grid = Grid((Cell(8, 1), Cell(8, 2), Cell(8, 4)), 3, 2, looks=1)
    return Prediction(
        id="T3.best.depth",
        sentence="The best learning rate does not depend on depth.",
        observable=Observable.TRAINED_LOSS,
        relation=BestRateExponentEquals(Axis.DEPTH, rational(0), "a test", rates),
        setting=setting,
        regime=Regime(quick=grid, standard=grid),
        margin=Fraction(3),
        margin_reason="wide, for tiny networks",
        citation=Citation("tests", "A test", "here"),
        controls=(Control("no residual multiplier", replace(setting, parameterization=mup())),),
        standing=Standing.PROJECT,
    )


def of(*predictions: Prediction, seed: int = 1) -> Campaign:
    """A quick campaign."""
    return Campaign(predictions, Profile.QUICK, seed)


def groups(campaign: Campaign, store: Store) -> list[Group]:
    """What the first look at everything measures, entered into the plan."""
    return schedule(campaign, begin(campaign, store), questions(campaign), 0)


def trial(campaign: Campaign, store: Store, setting: Setting, cell: Cell) -> str:
    """The key of a planned trial."""
    return planned_trial(store.plan(campaign.key), setting, cell)
