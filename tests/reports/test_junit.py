"""JUnit XML: what passes, fails and is skipped, as junitparser and a schema read it."""

import xml.etree.ElementTree as ET

import pytest
from junitparser import JUnitXml

from reports.guard.junit import render as render_guard
from reports.guard.outcome import key_of, outcome
from reports.junit import Case, junit_text
from reports.outcome import FailOn, Result
from reports.renderers.junit import render
from tests.reports.documents import NOT_MEASURED, REJECTED, REPORTS, prediction, report, rival
from tests.reports.guard.documents import GUARDS, change, entry, fault, guard_report, rejected
from theory.verdict import Verdict


def results(text: str) -> dict[str, str]:
    """What each test came to, by name."""
    found = {}
    for suite in JUnitXml.fromstring(text.encode()):
        for case in suite:
            kinds = [type(one).__name__.lower() for one in case.result]
            found[case.name] = kinds[0] if kinds else "passed"
    return found


def test_a_verdict_passes_fails_or_is_skipped() -> None:
    waiting = {**NOT_MEASURED, "cells": [], "checks": None}
    document = report(
        prediction("A1", rival=rival()),
        prediction("A2", **REJECTED),
        prediction("A3", **waiting),
        prediction("A4", **REJECTED, recorded=Verdict.REJECTED),
    )
    expected = {"A1": "passed", "A1, rival": "passed", "A2": "failure", "A4": "passed"}
    assert results(render(document)) == expected | {"A3": "skipped"}
    strict = results(render(document, {FailOn.UNDECIDED}))
    assert strict == expected | {"A3": "failure"}
    strict = results(render(document, {FailOn.REJECTED}))
    assert strict == expected | {"A3": "skipped", "A4": "failure", "A1, rival": "failure"}


def test_a_failure_says_what_was_measured_expected_and_why() -> None:
    text = render(report(prediction("A2", **REJECTED)))
    assert 'message="rejected, expected accepted: ' in text
    assert "rejected: +0.500 [+0.460, +0.540], predicted +0 ± 0.1" in text


def test_counts_and_time_stand_at_the_top() -> None:
    (suite,) = JUnitXml.fromstring(render(REPORTS["an ordinary report"]).encode())
    assert (suite.tests, suite.failures, suite.skipped, suite.time) == (7, 3, 0, 12.0)


def test_an_interrupted_campaign_is_an_error() -> None:
    found = results(render(REPORTS["an interrupted report"]))
    assert found["complete"] == "error"


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\x1b[31m", "\ud800", "￿", "<&>\"'", "]]>"])
def test_any_text_can_be_written(bad: str) -> None:
    case = Case(bad, bad, Result.FAILS, bad, bad)
    text = junit_text("suite", [case], {"command": bad}, 1.0)
    (written,) = ET.fromstring(text.encode()).iter("testcase")
    assert written.find("failure") is not None


@pytest.mark.parametrize("name", GUARDS)
def test_of_a_guard_every_judged_exponent_is_a_test(name: str) -> None:
    document = GUARDS[name]
    found = results(render_guard(document))
    judged = [one for one in document.entries if one.verdict is not None]
    assert len(found) <= len(judged) + len(document.faults) + len(document.rates) + len(
        document.changes
    )
    failing = any(kind == "failure" for kind in found.values())
    assert failing == (outcome(document) == 1)


def test_what_the_lock_file_has_already_is_no_failure_where_only_changes_are() -> None:
    document = guard_report([rejected(), entry("b.weight")], faults=[fault()])
    assert outcome(document) == 1
    known = {key_of(one): one.verdict for one in document.entries}
    assert outcome(document, {FailOn.CHANGED}, known) == 0
    assert outcome(document, {FailOn.REJECTED}, known) == 1
    assert "failure" not in results(render_guard(document, {FailOn.CHANGED}, known)).values()
    moved = document.model_copy(update={"changes": [change("blocks.0.q.weight")]})
    assert outcome(moved, {FailOn.CHANGED}, known) == 1
    assert "failure" in results(render_guard(moved, {FailOn.CHANGED}, known)).values()


def test_an_interrupted_guard_is_no_success() -> None:
    whole = guard_report()
    stopped = whole.model_copy(update={"exit_code": 4})
    assert "interrupted" not in render_guard(whole)
    assert "<error" in render_guard(stopped)
    assert "interrupted; run it again" in render_guard(stopped)
