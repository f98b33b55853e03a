"""Markdown: the worst first, at most 64 kB, and nothing that a comment makes markup of."""

import re

import pytest

from reports.guard.markdown import render as render_guard
from reports.markdown import LONGEST, Block, code, document, folded, plain, row, table
from reports.outcome import FailOn
from reports.renderers.markdown import render
from tests.reports.documents import NOT_MEASURED, REJECTED, REPORTS, prediction, report
from tests.reports.guard.documents import GUARDS
from theory.verdict import Verdict


def test_the_worst_come_first_and_what_passes_is_folded() -> None:
    waiting = {**NOT_MEASURED, "cells": [], "checks": None}
    text = render(
        report(prediction("A1"), prediction("A2", **waiting), prediction("A3", **REJECTED))
    )
    assert text.startswith("### scaleproof: 1 failing and 1 undecided of 3 verdicts\n")
    places = [text.index(part) for part in ("`A3`", "`A2`", "<details><summary>1 pass", "`A1`")]
    assert places == sorted(places)
    assert text.rstrip().endswith("`scaleproof verify --profile quick --seed 0`")


def test_what_is_named_to_fail_fails_here_too() -> None:
    known = report(prediction("A1", **REJECTED, recorded=Verdict.REJECTED))
    assert "none failing of 1 verdict\n" in render(known)
    assert "1 failing of 1 verdict\n" in render(known, {FailOn.REJECTED})


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for text in [*map(render, REPORTS.values()), *map(render_guard, GUARDS.values())]:
        for block in re.split(r"\n(?!\|)", text):
            counts = {
                len(re.findall(r"(?<!\\)\|", line))
                for line in block.splitlines()
                if line.startswith("|")
            }
            assert len(counts) <= 1


def test_a_thousand_failures_fit_and_the_rest_is_counted() -> None:
    long = "x" * 4000
    entries = [prediction(f"{long}{k:04}", **REJECTED | {"reason": "é" * 900}) for k in range(1000)]
    text = render(report(*entries))
    assert 0.8 * LONGEST < len(text.encode()) <= LONGEST
    (more, *_) = re.findall(r"\*(\d+) more are in the report\.\*", text)
    assert int(more) + text.count("| fails |") == 1000
    assert text.rstrip().endswith("`scaleproof verify --profile quick --seed 0`")
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_says_its_faults_and_its_exit_code(name: str) -> None:
    document_of = GUARDS[name]
    text = render_guard(document_of)
    assert f"Exit code {document_of.exit_code}" in text
    assert text.count("\n- **") == len(document_of.faults)
    assert len(text.encode()) <= LONGEST


def test_nothing_in_a_text_is_markup_or_notifies_anybody() -> None:
    assert plain("a|b <i> *c* `d`\n@someone") == r"a\|b \<i\> \*c\* \`d\` @&#8203;someone"
    assert code("a`b|c\nd") == r"`a'b\|c d`"
    assert row(["a", "b"]) == "| a | b |"


def test_a_block_that_does_not_fit_is_left_out_whole() -> None:
    first = Block(["x" * 1000] * 63)
    second = folded(table(["name"], [["y" * 200]] * 9), "the rest")
    text = document([first, second], ["end"])
    assert len(text.encode()) <= LONGEST
    assert text.endswith("\nend\n")
    assert text.count("<details>") == text.count("</details>")
