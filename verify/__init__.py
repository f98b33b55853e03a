"""Do theory and networks agree? Campaigns, statistics, verdicts and the command line.

Names are imported when they are first used, so that judging a table does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.document import Report
    from theory.catalogue import find, recorded, select
    from theory.prediction import Prediction, Profile
    from theory.verdict import Verdict
    from verify.campaign.design import Campaign
    from verify.campaign.looks import Answer, judge_campaign, keep_verdicts
    from verify.campaign.power import Outlook, Pilot, outlooks
    from verify.documents.campaign import build_report
    from verify.guarding.result import Guard
    from verify.guarding.run import guard
    from verify.judging.claim import Claim, Measured
    from verify.judging.evidence import Evidence, weigh
    from verify.judging.verdict import Judgement, conclude
    from verify.measuring.executors import TooLittleMemoryError
    from verify.measuring.loop import measure
    from verify.measuring.pilot import run_pilot
    from verify.measuring.store import Store
    from verify.rates import (
        RateTable,
        TunedRate,
        maximal_update_setting,
        measure_rates,
        tabulate_rates,
    )
    from verify.tables.judge import judge
    from verify.testing.marks import scaling_checks
    from verify.testing.tables import assert_scaling

_HOMES = {
    "reports.document": ("Report",),
    "theory.catalogue": ("find", "recorded", "select"),
    "theory.prediction": ("Prediction", "Profile"),
    "theory.verdict": ("Verdict",),
    "verify.campaign.design": ("Campaign",),
    "verify.campaign.looks": ("Answer", "judge_campaign", "keep_verdicts"),
    "verify.judging.claim": ("Claim", "Measured"),
    "verify.judging.evidence": ("Evidence", "weigh"),
    "verify.measuring.loop": ("measure",),
    "verify.measuring.pilot": ("run_pilot",),
    "verify.campaign.power": ("Outlook", "Pilot", "outlooks"),
    "verify.rates": (
        "RateTable",
        "TunedRate",
        "maximal_update_setting",
        "measure_rates",
        "tabulate_rates",
    ),
    "verify.documents.campaign": ("build_report",),
    "verify.guarding.result": ("Guard",),
    "verify.guarding.run": ("guard",),
    "verify.measuring.store": ("Store",),
    "verify.tables.judge": ("judge",),
    "verify.testing.marks": ("scaling_checks",),
    "verify.testing.tables": ("assert_scaling",),
    "verify.judging.verdict": ("Judgement", "conclude"),
    "verify.measuring.executors": ("TooLittleMemoryError",),
}

__all__ = [
    "Answer",
    "Campaign",
    "Claim",
    "Evidence",
    "Guard",
    "Judgement",
    "Measured",
    "Outlook",
    "Pilot",
    "Prediction",
    "Profile",
    "RateTable",
    "Report",
    "Store",
    "TooLittleMemoryError",
    "TunedRate",
    "Verdict",
    "assert_scaling",
    "build_report",
    "conclude",
    "find",
    "guard",
    "judge",
    "judge_campaign",
    "keep_verdicts",
    "maximal_update_setting",
    "measure",
    "measure_rates",
    "outlooks",
    "recorded",
    "run_pilot",
    "scaling_checks",
    "select",
    "tabulate_rates",
    "weigh",
]


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'verify' has no attribute {name!r}")
