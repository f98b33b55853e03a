"""The document round-trips, obeys its shipped schema, and says what was asked of it."""

import json

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from reports import Report, json_schema, shipped_json_schema
from tests.reports.documents import REPORTS
from theory import Verdict
from theory.expectations import Summary


def test_the_shipped_schema_is_that_of_the_code() -> None:
    assert json.loads(shipped_json_schema()) == json_schema()


def test_a_report_obeys_the_shipped_schema(report: Report) -> None:
    document = json.loads(report.model_dump_json())
    jsonschema.Draft202012Validator(json.loads(shipped_json_schema())).validate(document)
    document["predictions"][0].pop("margin")
    with pytest.raises(jsonschema.ValidationError, match="'margin' is a required property"):
        jsonschema.validate(document, json.loads(shipped_json_schema()))


def test_a_report_round_trips(report: Report) -> None:
    saved = report.model_dump_json()
    assert Report.model_validate_json(saved).model_dump_json() == saved


def test_replicates_are_there_to_be_drawn_and_are_not_saved(report: Report) -> None:
    """The store keeps them; a document of thousands would hold little else."""
    for cell in report.predictions[0].cells:
        assert len(cell.values) == report.predictions[0].replicates
        assert np.exp(np.log(cell.values).mean()) == pytest.approx(cell.measured)
    again = Report.model_validate_json(report.model_dump_json())
    assert {cell.values for entry in again.predictions for cell in entry.cells} == {()}
    assert '"values"' not in shipped_json_schema()


def test_unknown_fields_and_versions_are_refused(report: Report) -> None:
    document = json.loads(report.model_dump_json())
    for change in ({"schema_version": "1.0"}, {"mood": "good"}):
        with pytest.raises(ValidationError):
            Report.model_validate(document | change)


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_obeys_the_schema_and_round_trips(name: str) -> None:
    document = json.loads(REPORTS[name].model_dump_json())
    jsonschema.Draft202012Validator(json.loads(shipped_json_schema())).validate(document)
    assert Report.model_validate(document) == REPORTS[name]


def test_a_campaign_says_what_measured_it_and_a_table_does_not(report: Report) -> None:
    assert report.engine == "auto"
    assert report.code is not None
    assert report.environment.scikit_learn is not None
    table = REPORTS["the report of a table"]
    assert table.engine is table.code is table.environment.scikit_learn is None


def test_every_verdict_has_the_promised_fields(report: Report) -> None:
    promised = {
        "id",
        "verdict",
        "recorded",
        "estimate",
        "interval",
        "predicted",
        "margin",
        "replicates",
        "reason",
    }
    for entry in json.loads(report.model_dump_json())["predictions"]:
        assert promised <= entry.keys()


def test_measured_and_unmeasured_predictions_are_told_apart(report: Report) -> None:
    measured, unmeasured = report.predictions
    assert measured.verdict is Verdict.ACCEPTED
    assert measured.scale is Summary.EXPONENT
    assert measured.interval is not None
    assert measured.interval[0] < (measured.estimate or 0) < measured.interval[1]
    assert [cell.size for cell in measured.cells] == [4, 8, 16]
    assert all(cell.low < cell.measured < cell.high for cell in measured.cells)
    assert unmeasured.verdict is Verdict.INCONCLUSIVE
    assert unmeasured.estimate is None
    assert unmeasured.cells == []
    assert unmeasured.reason.startswith("interrupted after 0 of")
    assert unmeasured.rival is not None
    assert unmeasured.rival.predicted == 0.5
    assert unmeasured.recorded is Verdict.REJECTED
