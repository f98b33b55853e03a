"""What of a guard's report one test answers for: everything is in some share, and said in words."""

import pytest

from reports.guard.document import GuardReport
from reports.guard.share import NETWORK, Share, failure_text, share_of, undecided_text, whole
from tests.reports.guard.documents import (
    GUARDS,
    change,
    divergence,
    entry,
    fault,
    guard_report,
    rejected,
    undecided,
)
from theory.scaling import Axis
from theory.verdict import Verdict


def shares(report: GuardReport, modules: list[str]) -> dict[tuple[Axis, str], Share]:
    return {
        (axis, module): share_of(report, axis, module, modules)
        for axis in Axis
        for module in (*modules, NETWORK)
    }


@pytest.mark.parametrize("some", [slice(None), slice(0, 2), slice(0, 0)])
@pytest.mark.parametrize("name", GUARDS)
def test_every_entry_fault_and_change_is_somebodys(name: str, some: slice) -> None:
    """Whatever modules have a share of their own; entries and changes have one owner."""
    report = GUARDS[name]
    modules = list(dict.fromkeys(one.module for one in report.entries))[some]
    parts = shares(report, modules).values()
    for all_of_them in ("entries", "changes", "rates"):
        found = [id(one) for part in parts for one in getattr(part, all_of_them)]
        assert sorted(found) == sorted(map(id, getattr(report, all_of_them)))
    assert {id(one) for part in parts for one in part.faults} == set(map(id, report.faults))


@pytest.mark.parametrize("name", GUARDS)
def test_all_shares_pass_where_the_report_is_healthy_and_one_fails_where_it_is_not(
    name: str,
) -> None:
    report = GUARDS[name]
    modules = list(dict.fromkeys(one.module for one in report.entries))
    verdicts = {part.verdict for part in shares(report, modules).values()}
    wrong = report.exit_code == 1 or bool(report.changes)
    wrong = wrong or any(move.verdict is Verdict.INVALID for move in report.rates)
    assert (Verdict.REJECTED in verdicts) is wrong
    assert (whole(report).verdict is Verdict.REJECTED) is wrong
    if not wrong:
        assert (Verdict.INCONCLUSIVE in verdicts) is (report.exit_code == 3)


def test_a_fault_is_at_the_modules_that_it_names_and_explains_the_others() -> None:
    """``*`` stands for the number of a block; what is off elsewhere is told of the cause."""
    entries = [rejected("blocks.3.q.weight"), rejected("head.weight"), entry("blocks.3.k.weight")]
    report = guard_report(entries, faults=[fault()])
    modules = ["blocks.3.q", "blocks.3.k", "head"]
    parts = {module: share_of(report, Axis.WIDTH, module, modules) for module in modules}
    assert parts["blocks.3.q"].faults == (fault(),)
    assert parts["head"].faults == ()
    assert parts["head"].causes == (fault(),)
    assert parts["head"].verdict is Verdict.REJECTED
    assert parts["blocks.3.k"].verdict is Verdict.ACCEPTED
    assert "The rate of blocks.*.q.weight" in failure_text(parts["head"], "")


def test_a_fault_that_names_no_module_is_the_networks() -> None:
    report = guard_report([entry("head.weight")], faults=[divergence()])
    parts = shares(report, ["head"])
    assert parts[Axis.WIDTH, NETWORK].verdict is Verdict.REJECTED
    assert parts[Axis.WIDTH, "head"].verdict is Verdict.ACCEPTED
    assert parts[Axis.DEPTH, NETWORK].verdict is None


def test_a_failure_says_claim_estimate_margin_cause_mend_and_command_in_this_order() -> None:
    report = guard_report([rejected("head.weight")], faults=[fault()])
    text = failure_text(share_of(report, Axis.WIDTH, "head", ["head"]), "scaleproof guard x")
    assert text.splitlines()[:3] == [
        "module head does not scale with width",
        "  claim     head.weight, own after 1 step: exponent of n 0 ± 0.1",
        "  measured  +0.50 [+0.48, +0.52] at confidence 0.999, 4 seeds",
    ]
    labels = [line[2:12].strip() for line in text.splitlines()[1:]]
    assert [label for label in labels if label] == [
        *("claim", "measured", "cause", "mend", "judged", "command")
    ]
    assert text.endswith("  command   scaleproof guard x")


def test_a_long_command_stays_on_one_line() -> None:
    command = "scaleproof guard " + "x" * 200
    report = guard_report([rejected("head.weight")], faults=[fault()])
    assert failure_text(whole(report), command).splitlines()[-1].endswith(command)


def test_what_moved_against_the_lock_is_said() -> None:
    report = guard_report([entry()], lock="net.lock.json", changes=[change(is_fault=False)])
    part = share_of(report, Axis.WIDTH, "blocks.0.q", ["blocks.0.q"])
    assert part.verdict is Verdict.REJECTED
    text = " ".join(failure_text(part, "").split())
    assert "moved from +0.01 to +0.50" in text
    assert "against net.lock.json" in text


def test_what_is_undecided_says_how_many_seeds_would_decide() -> None:
    part = whole(guard_report([undecided(), entry()]))
    assert part.verdict is Verdict.INCONCLUSIVE
    text = undecided_text(part)
    assert text.startswith("undecided: head.weight, own after 1 step: +0.09 [+0.07, +0.11]")
    assert "about 12 seeds would decide" in text


def test_a_parameter_of_no_module_is_of_the_model_itself() -> None:
    report = guard_report([rejected("token")])
    share = share_of(report, Axis.WIDTH, "", [""])
    assert share.title == "the model itself does not scale with width"
    assert [one.parameter for one in share.entries] == ["token"]
