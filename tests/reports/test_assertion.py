"""What a failing test says of a prediction: only what differs from the record."""

from reports.assertion import assertion_text, prediction_text
from tests.reports.documents import REJECTED, prediction, rival
from theory.verdict import Verdict


def test_labels_that_say_nothing_are_left_out_and_long_texts_are_wrapped() -> None:
    text = assertion_text("title", [("claim", "word " * 40), ("mend", ""), ("command", "a b")])
    lines = text.splitlines()
    assert lines[0] == "title"
    assert all(len(line) <= 88 for line in lines)
    assert lines[1].startswith("  claim     word")
    assert lines[2].startswith("            word")
    assert lines[-1] == "  command   a b"
    assert "mend" not in text


def test_a_prediction_that_differs_is_said_with_its_numbers_and_its_command() -> None:
    entry = prediction("A1", recorded=Verdict.REJECTED)
    lines = prediction_text(entry).splitlines()
    assert lines[0] == "A1 is accepted; rejected on record"
    assert f"  predicted {entry.predicted:+g} ± 0.1 [{entry.relation}]" in lines
    assert any(line.startswith("  measured  +0.012 [-0.030, +0.050]") for line in lines)
    assert lines[-1] == f"  command   {entry.command}"


def test_only_a_rival_may_differ() -> None:
    entry = prediction(
        "A1",
        recorded=Verdict.ACCEPTED,
        rival=rival(**REJECTED, recorded=Verdict.ACCEPTED),
    )
    titles = [line for line in prediction_text(entry).splitlines() if not line.startswith(" ")]
    assert titles == ["A1, rival is rejected; accepted on record"]


def test_what_is_not_on_record_says_so() -> None:
    text = prediction_text(prediction("A1", recorded=None))
    assert text.startswith("A1 is accepted; nothing is on record")
