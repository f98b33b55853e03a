"""Do theory and networks agree? Campaigns, statistics, verdicts and the command line.

The front door of the project: everything that a user needs by name.
"""

from reports.document import Report
from theory.catalogue import find, recorded, select
from theory.prediction import Prediction, Profile, Verdict
from verify.campaign import Answer, Campaign, judge_campaign, measure, plan
from verify.judge import Claim, Evidence, Judgement, conclude, weigh
from verify.reporting import build_report
from verify.store import Store

__all__ = [
    "Answer",
    "Campaign",
    "Claim",
    "Evidence",
    "Judgement",
    "Prediction",
    "Profile",
    "Report",
    "Store",
    "Verdict",
    "build_report",
    "conclude",
    "find",
    "judge_campaign",
    "measure",
    "plan",
    "recorded",
    "select",
    "weigh",
]
