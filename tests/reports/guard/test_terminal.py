"""The text at a terminal: faults first, in 80 columns, and short enough for a person in a hurry."""

import pytest

from reports.guard.html import render as page
from reports.guard.terminal import brief, render
from reports.guard.text import QUANTITIES
from tests.reports.guard.documents import (
    GUARDS,
    LONG_PREFIX,
    change,
    divergence,
    entry,
    fault,
    guard_report,
    interval,
    rejected,
    shown,
    undecided,
)
from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict


def together(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


def row(text: str, name: str) -> str:
    """The only line that begins with a name."""
    (found,) = (line for line in text.splitlines() if line.startswith(f"  {name} "))
    return together(found)


@pytest.mark.parametrize("name", GUARDS)
@pytest.mark.parametrize("width", [40, 72, 80, 120])
def test_no_line_is_too_wide(name: str, width: int) -> None:
    lines = render(GUARDS[name], width).splitlines()
    assert max(map(len, lines)) <= max(width, 72)


@pytest.mark.parametrize("name", GUARDS)
def test_the_same_report_gives_the_same_text(name: str) -> None:
    report = GUARDS[name]
    again = type(report).model_validate_json(report.model_dump_json())
    assert render(again) == render(report)
    assert render(report).endswith("\n")


def test_faults_come_first_with_mend_verification_and_what_they_spoil() -> None:
    text = together(render(GUARDS["faulty"]))
    assert text.startswith(
        "scaleproof guard model.py:factory: 2 faults Fault 1, along width: The rate of "
        "blocks.*.q.weight is too large by n^1/2. Mend: multiply its rate by n^-1/2. Fresh seeds "
        "verified this mend. With it the exponent is -0.01. It also spoils change of blocks.0, "
        "change of (output). Fault 2, along depth: No known cause explains stem.weight. No mend is "
        "known. The best rate along width moves, as n^-0.50 [-0.52, -0.48]. Note: Dropout was left"
    )


@pytest.mark.parametrize(
    ("verified", "verification", "words"),
    [
        (True, "", "Fresh seeds verified this mend."),
        (False, "", "On fresh seeds this mend did not set it right."),
        (None, "", "The guard did not try this mend."),
        (None, "The own of a is undecided.", "On fresh seeds this mend is undecided. The own of a"),
    ],
)
def test_whether_a_mend_was_verified_is_said(
    verified: bool | None, verification: str, words: str
) -> None:
    one = fault(verified=verified, verification=verification)
    assert words in together(render(guard_report([rejected()], faults=[one])))


def test_what_is_rejected_stands_before_what_is_undecided_and_accepted() -> None:
    text = render(guard_report([shown(), entry(), undecided(), rejected("stem.weight")]))
    places = [text.index(word) for word in ("REJECTED", "UNDECIDED", "ACCEPTED", "SHOWN ONLY")]
    assert places == sorted(places)


def test_a_row_has_name_quantity_step_interval_and_what_is_expected() -> None:
    text = render(GUARDS["undecided"])
    assert row(text, "head.weight") == "head.weight own 1 +0.09 [+0.07, +0.11] -1/2 or 0 ± 0.1"
    assert "about 12 seeds would decide" in text
    assert "more than a million seeds would be needed to decide" in text
    assert "without the smallest size the exponent is +0.30" in text
    bound = entry("a.weight", expected=["at most 0"], margin=0.15)
    assert row(render(guard_report([bound])), "a.weight").endswith("at most 0.15")


def test_axes_have_tables_of_their_own() -> None:
    text = render(GUARDS["faulty"])
    assert "Along width 64, 128, 256; 4 seeds, looks after 2, 4" in text
    assert "Along depth 64, 128, 256; 4 seeds, looks after 2, 4" in text
    assert "exponent of n" in text
    assert "exponent of L" in text


def test_blocks_are_one_line_with_count_and_extremes() -> None:
    estimates = {0: -0.02, 1: 0.01, 2: 0.04}
    entries = [entry(f"blocks.{block}.q.weight", value) for block, value in estimates.items()]
    text = render(guard_report(entries))
    assert row(text, "blocks.*.q.weight") == "blocks.*.q.weight (3) own 1 -0.02 to +0.04 0 ± 0.1"


def test_the_worst_block_gives_the_verdict_and_is_named() -> None:
    entries = [entry(f"blocks.{block}.q.weight") for block in range(5)]
    entries[3] = rejected("blocks.3.q.weight")
    text = render(guard_report(entries))
    assert text.index("REJECTED") < text.index("blocks.*.q.weight (1 of 5)")
    assert "that is blocks.3.q.weight, +0.50 [+0.48, +0.52]" in text
    assert "ACCEPTED" not in text


@pytest.mark.parametrize(
    "names",
    [
        ("fc1.weight", "fc2.weight", "fc3.weight"),
        ("0.weight", "2.weight", "4.weight"),
        ("conv1.weight", "conv2.weight"),
    ],
)
def test_layers_of_a_small_network_are_no_blocks(names: tuple[str, ...]) -> None:
    text = render(guard_report([entry(name) for name in names]))
    for name in names:
        assert row(text, name)


@pytest.mark.parametrize(
    ("pattern", "folded"),
    [
        ("{}.q.weight", "*.q.weight"),
        ("block{}.conv1.weight", "block*.conv1.weight"),
        ("stage1.{}.conv2.weight", "stage1.*.conv2.weight"),
        ("h.{}.1.weight", "h.*.1.weight"),
    ],
)
def test_numbers_in_which_blocks_agree_stay(pattern: str, folded: str) -> None:
    text = render(guard_report([entry(pattern.format(block)) for block in range(6)]))
    assert f"  {folded} (6) " in text


def test_other_demands_are_other_rows() -> None:
    entries = [entry("blocks.0.q.weight"), entry("blocks.1.q.weight", expected=["-1/2"])]
    text = render(guard_report(entries))
    assert text.count("blocks.*.q.weight") == 2


def test_a_deep_model_is_readable() -> None:
    text = render(GUARDS["deep"])
    assert len(text.splitlines()) < 40
    assert "(1 of 48)" in text
    assert "…" in text
    assert "  192 parameters" in text
    assert "  144 parameters" in text
    assert "self_attention (48)" in text
    assert f"that is {LONG_PREFIX}" not in text
    assert ".7.self_attention.query_projection.weight" in text


def test_a_healthy_row_with_a_note_keeps_its_name() -> None:
    names = [f"part_{chr(97 + number)}.w" for number in range(20)]
    notes = {"part_c.w": "rescaled downstream"}
    text = render(guard_report([entry(name, note=notes.get(name, "")) for name in names]))
    assert text.count("rescaled downstream") == 1
    assert "  part_c.w " in text
    assert "  19 parameters " in text


def test_many_rejected_rows_are_cut_off() -> None:
    text = render(
        guard_report([rejected(f"part_{chr(97 + i % 26)}{'x' * i}.w") for i in range(50)])
    )
    assert "and 10 more lines, which the document has" in text


def test_changes_against_the_lock_file_are_lines() -> None:
    text = together(render(GUARDS["with changes"]))
    for line in (
        "Against guard.lock:",
        "width, blocks.*.q.weight (4 of them), own after 1 step: moved by +0.49 to +0.52; "
        "rejected now",
        "width, stem.weight, own after 1 step: moved from +0.01 to +0.50, by +0.49 "
        "[+0.47, +0.51], unpaired",
        "width, new.weight, own after 1 step: new, +0.02",
        "width, old.weight, own after 1 step: not measured any more",
        "depth, (output), change after 1 step: moved from +0.01 to +0.50",
    ):
        assert line in text
    assert text.index("Fault 1") < text.index("Against guard.lock") < text.index("Along width")
    assert "Nothing moved against guard.lock." in render(GUARDS["unchanged"])
    assert "guard.lock" not in render(GUARDS["healthy"])


def test_new_exponents_of_all_blocks_are_one_line() -> None:
    new = [
        change(f"blocks.{block}.k.weight", before=None, after=block / 4, interval=None)
        for block in range(3)
    ]
    text = together(render(guard_report([entry()], lock="guard.lock", changes=new)))
    assert "blocks.*.k.weight (3 of them), own after 1 step: new, +0.00 to +0.50; rejected" in text


def test_of_many_changes_those_that_are_rejected_now_come_first() -> None:
    others = [change(f"part_{chr(97 + i)}.w", is_fault=False) for i in range(25)]
    text = render(
        guard_report([entry()], lock="guard.lock", changes=[*others, change("blocks.3.w")])
    )
    assert text.index("width, blocks.3.w, own") < text.index("width, part_a.w, own")
    assert "  and 6 more, which the document has\n" in text


def test_the_last_line_counts_and_explains_the_exit_code() -> None:
    *_, last = render(GUARDS["healthy"]).splitlines()
    assert last == "7 accepted of 7 judged; 1 shown only. Exit code 0: nothing fails."
    *_, last = render(GUARDS["faulty"]).splitlines()
    assert last == (
        "9 accepted, 5 rejected of 14 judged; 0 shown only. Exit code 1: something fails."
    )
    text = render(GUARDS["undecided"])
    assert text.endswith("Exit code 3: nothing fails, and something is undecided.\n")
    assert render(guard_report(exit_code=9)).endswith("Exit code 9.\n")


def test_every_quantity_in_the_table_is_explained() -> None:
    assert set(QUANTITIES) == set(Quantity)
    text = render(GUARDS["healthy"])
    assert "own: how far a parameter's step moves its output along the gradient" in text
    assert "decay: " not in text


def test_names_and_numbers_of_any_kind_are_written() -> None:
    infinite = interval(float("inf"), 0.0)
    names = [entry("a\tb\x1b[31m.weight"), entry("w", interval=infinite), entry("huge")]
    names += [entry("big", interval=interval(1e9, 1e8))]
    text = render(guard_report(names))
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_nothing_is_minus_zero() -> None:
    assert "+0.00 [-0.02, +0.02]" in render(guard_report([entry("w", -0.001)]))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("healthy", "Guard(healthy; 7 of 7 accepted)"),
        ("undecided", "Guard(3 undecided; 1 of 4 accepted)"),
        (
            "with changes",
            "Guard(1 fault: rate of blocks.*.q.weight by n^+1/2; 1 of 5 accepted)",
        ),
        (
            "faulty",
            "Guard(2 faults: rate of blocks.*.q.weight by n^+1/2; unexplained in stem.weight by "
            "L^+0.06; 9 of 14 accepted)",
        ),
        ("empty", "Guard(nothing judged; 0 of 0 accepted)"),
    ],
)
def test_the_brief_form_is_one_line(name: str, line: str) -> None:
    assert brief(GUARDS[name]) == line


def test_the_brief_form_names_three_faults_at_most() -> None:
    faults = [fault(parameters=[f"p{i}", "q", "r"], exponent=-0.26) for i in range(5)]
    faults[1] = fault(cause="optimizer", exponent=0.0)
    text = brief(guard_report([rejected()], faults=faults))
    assert text == (
        "Guard(5 faults: rate of p0 and 2 more by n^-1/4; optimizer for blocks.*.q.weight; "
        "rate of p2 and 2 more by n^-1/4; 2 more; 0 of 1 accepted)"
    )


def test_rejections_without_a_fault_are_counted() -> None:
    report = guard_report([rejected(), entry("b"), entry("c", verdict=Verdict.INVALID)])
    assert brief(report) == "Guard(1 rejected, 1 invalid; 1 of 3 accepted)"
    assert "INVALID" in render(report)


def test_a_run_says_its_other_size() -> None:
    report = guard_report([entry()])
    runs = [report.runs[0].model_copy(update={"other": 4, "looks": [4], "seeds": [0]})]
    text = render(guard_report([entry()], runs=runs))
    assert "Along width 64, 128, 256 at depth 4; 1 seed\n" in text
    assert "Along width\n" in render(guard_report([entry()], runs=[]))
    assert render(guard_report([entry(axis=Axis.DEPTH)])).count("Along") == 1


def test_a_divergence_has_no_exponent() -> None:
    report = guard_report(faults=[divergence()])
    assert brief(report) == "Guard(1 fault: divergence; 0 of 0 accepted)"
    assert "nan" not in render(report)
    assert "nan" not in page(report)
