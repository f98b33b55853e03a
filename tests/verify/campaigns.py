"""Campaigns that are planned but not measured, and their trials."""

from theory import Cell, Setting
from verify.campaign.design import Campaign, questions
from verify.measuring.loop import begin
from verify.measuring.schedule import Group, planned_trial, schedule
from verify.measuring.store import Store


def groups(campaign: Campaign, store: Store) -> list[Group]:
    """What the first look at everything measures, entered into the plan."""
    return schedule(campaign, begin(campaign, store), questions(campaign), 0)


def trial(campaign: Campaign, store: Store, setting: Setting, cell: Cell) -> str:
    """The key of a planned trial."""
    return planned_trial(store.plan(campaign.key), setting, cell)
