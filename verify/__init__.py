"""Do theory and networks agree? Campaigns, statistics, verdicts and the command line.

The front door of the project: everything that a user needs by name.
"""

from reports.document import Report
from theory.catalogue import find, recorded, select
from theory.prediction import Prediction, Profile, Verdict
from verify.campaign import Answer, Campaign, judge_campaign, keep_verdicts, measure, plan
from verify.reporting import build_report
from verify.store import Store
from verify.tables.judge import judge
from verify.verdict import Claim, Evidence, Judgement, Measured, conclude, weigh

__all__ = [
    "Answer",
    "Campaign",
    "Claim",
    "Evidence",
    "Judgement",
    "Measured",
    "Prediction",
    "Profile",
    "Report",
    "Store",
    "Verdict",
    "build_report",
    "conclude",
    "find",
    "judge",
    "judge_campaign",
    "keep_verdicts",
    "measure",
    "plan",
    "recorded",
    "select",
    "weigh",
]
