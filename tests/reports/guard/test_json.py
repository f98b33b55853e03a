"""The document of a guard: it round-trips, and obeys the schema that is shipped."""

import json

import jsonschema
import pytest
from pydantic import ValidationError

from reports.guard.document import GuardReport, guard_json_schema, shipped_guard_json_schema
from reports.guard.json import render
from tests.reports.guard.documents import GUARDS, divergence, guard_report


def test_the_shipped_schema_is_that_of_the_code() -> None:
    assert shipped_guard_json_schema() == json.dumps(guard_json_schema(), indent=2) + "\n"


@pytest.mark.parametrize("name", GUARDS)
def test_every_report_obeys_the_schema_and_round_trips(name: str) -> None:
    text = render(GUARDS[name])
    assert text.endswith("}\n")
    document = json.loads(text)
    jsonschema.Draft202012Validator(json.loads(shipped_guard_json_schema())).validate(document)
    assert GuardReport.model_validate_json(text) == GUARDS[name]


def test_unknown_fields_and_versions_are_refused() -> None:
    document = json.loads(render(GUARDS["healthy"]))
    for change in ({"schema_version": "0.9"}, {"mood": "good"}):
        with pytest.raises(ValidationError):
            GuardReport.model_validate(document | change)


def test_what_is_no_number_obeys_the_schema_and_round_trips() -> None:
    text = render(guard_report(faults=[divergence()]))
    document = json.loads(text)
    jsonschema.Draft202012Validator(json.loads(shipped_guard_json_schema())).validate(document)
    again = GuardReport.model_validate_json(text)
    assert again.faults[0].exponent == float("inf")
    assert render(again) == text
