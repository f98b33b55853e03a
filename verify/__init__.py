"""Do theory and networks agree? Campaigns, statistics, verdicts and the command line.

The front door of the project: everything that a user needs by name. Names are imported when they
are first used, so that judging a table does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.document import Report
    from theory.catalogue import find, recorded, select
    from theory.prediction import Prediction, Profile, Verdict
    from verify.campaign import Answer, Campaign, judge_campaign, keep_verdicts
    from verify.evidence import Claim, Evidence, Measured, weigh
    from verify.measuring import measure, plan
    from verify.planning import Outlook, outlooks
    from verify.rates import (
        RateTable,
        TunedRate,
        maximal_update_setting,
        measure_rates,
        tabulate_rates,
    )
    from verify.reporting import build_report
    from verify.store import Store
    from verify.tables.judge import judge
    from verify.verdict import Judgement, conclude
    from verify.workers import TooLittleMemoryError

_HOMES = {
    "reports.document": ("Report",),
    "theory.catalogue": ("find", "recorded", "select"),
    "theory.prediction": ("Prediction", "Profile", "Verdict"),
    "verify.campaign": (
        "Answer",
        "Campaign",
        "judge_campaign",
        "keep_verdicts",
    ),
    "verify.evidence": ("Claim", "Evidence", "Measured", "weigh"),
    "verify.measuring": ("measure", "plan"),
    "verify.planning": ("Outlook", "outlooks"),
    "verify.rates": (
        "RateTable",
        "TunedRate",
        "maximal_update_setting",
        "measure_rates",
        "tabulate_rates",
    ),
    "verify.reporting": ("build_report",),
    "verify.store": ("Store",),
    "verify.tables.judge": ("judge",),
    "verify.verdict": ("Judgement", "conclude"),
    "verify.workers": ("TooLittleMemoryError",),
}

__all__ = [
    "Answer",
    "Campaign",
    "Claim",
    "Evidence",
    "Judgement",
    "Measured",
    "Outlook",
    "Prediction",
    "Profile",
    "RateTable",
    "Report",
    "Store",
    "TooLittleMemoryError",
    "TunedRate",
    "Verdict",
    "build_report",
    "conclude",
    "find",
    "judge",
    "judge_campaign",
    "keep_verdicts",
    "maximal_update_setting",
    "measure",
    "measure_rates",
    "outlooks",
    "plan",
    "recorded",
    "select",
    "tabulate_rates",
    "weigh",
]


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'verify' has no attribute {name!r}")
