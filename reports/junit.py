"""Verdicts as JUnit XML, which CI systems read. Imports junitparser and ``reports.outcome``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from reports.outcome import Result


@dataclass(frozen=True, slots=True)
class Case:
    """One verdict as a test: ``said`` is its numbers, and ``message`` why it does not pass."""

    group: str
    name: str
    result: Result
    said: str
    message: str = ""


def junit_text(
    suite: str,
    cases: Iterable[Case],
    properties: Mapping[str, str],
    seconds: float,
    stopped: str = "",
) -> str:
    """The document: what fails is a failure, and what is undecided is skipped.

    ``stopped`` says why not everything was tried, which is an error.
    """
    made = TestSuite(suite)
    for name, value in properties.items():
        made.add_property(name, _legal(value))
    tests = [_test_case(case) for case in cases]
    if stopped:
        unfinished = TestCase("complete", classname=suite)
        unfinished.result = [Error(stopped)]
        tests.append(unfinished)
    made.add_testcases(tests)  # together: each time, all of the suite are counted
    document = JUnitXml(suite)
    document.add_testsuite(made)
    document.update_statistics()  # type: ignore[no-untyped-call]
    # The time of a verdict is unknown, for verdicts share measurements.
    made.time = document.time = round(seconds, 3)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode() + "\n"


def _test_case(case: Case) -> TestCase:
    made = TestCase(_legal(case.name), classname=_legal(case.group))
    made.system_out = _legal(case.said)
    if case.result is Result.FAILS:
        failure = Failure(_legal(case.message))
        failure.text = _legal(f"{case.said}\n{case.message}")
        made.result = [failure]
    elif case.result is Result.UNDECIDED:
        made.result = [Skipped(_legal(case.message))]
    return made


def _legal(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write."""
    return "".join(letter if _is_legal(ord(letter)) else "?" for letter in text)


def _is_legal(point: int) -> bool:
    written = 0x20 <= point <= 0xD7FF or 0xE000 <= point <= 0xFFFD or point >= 0x10000
    return written or point in (0x9, 0xA, 0xD)
