"""What every renderer passes by being a file in ``reports/renderers``."""

import pytest

from reports import RENDERERS, Report
from tests.reports.documents import REPORTS

ALL_RENDERERS = pytest.mark.parametrize("name", RENDERERS)
ALL_REPORTS = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())


@ALL_RENDERERS
@ALL_REPORTS
def test_every_prediction_is_named(name: str, report: Report) -> None:
    text = RENDERERS[name](report)
    assert text.endswith("\n")
    assert [entry.id for entry in report.predictions if entry.id not in text] == []


@ALL_RENDERERS
@ALL_REPORTS
def test_every_verdict_is_named(name: str, report: Report) -> None:
    text = RENDERERS[name](report).lower()
    assert {entry.verdict for entry in report.predictions if entry.verdict not in text} == set()


@ALL_RENDERERS
@ALL_REPORTS
def test_the_same_report_gives_the_same_text(name: str, report: Report) -> None:
    again = Report.model_validate_json(report.model_dump_json())
    assert RENDERERS[name](again) == RENDERERS[name](report)


def test_renderers_are_found_by_name() -> None:
    assert {"terminal", "html", "json"} <= set(RENDERERS)
    assert len(RENDERERS) == len(list(RENDERERS))
    with pytest.raises(KeyError):
        RENDERERS["carrier pigeon"]
