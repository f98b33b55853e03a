"""The report for pull requests and job summaries, the worst first. Imports ``reports``."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reports.document import Report
from reports.markdown import Block, code, document, folded, plain, table
from reports.outcome import WORST_FIRST, FailOn, Result, expectations, judged, results
from reports.text import estimate_text, family_text, predicted_text, source_text

_HEADINGS = ("", "prediction", "verdict", "expected", "estimate [interval]", "predicted")


def render(report: Report, fail_on: Collection[FailOn] = ()) -> str:
    """Return at most 64 kB: what fails, what is undecided, and folded what passes."""
    found = results(report, fail_on)
    entries = judged(report)
    by_need = sorted(found, key=lambda name: WORST_FIRST.index(entries[name].verdict))
    names = {kind: [name for name in by_need if found[name] is kind] for kind in Result}
    open_ones = [*names[Result.FAILS], *names[Result.UNDECIDED]]
    stopped = "" if report.complete else "This campaign was interrupted. "
    facts = f"{stopped}{source_text(report)}; {family_text(report)}."
    passing = names[Result.PASSES]
    blocks = [
        Block([f"### scaleproof: {headline(found)}", "", plain(facts[0].upper() + facts[1:])]),
        table(_HEADINGS, _rows(report, open_ones, found)),
        Block(_reasons(report, open_ones), head=[""]),
        folded(table(_HEADINGS, _rows(report, passing, found)), f"{len(passing)} pass"),
    ]
    return document(blocks, ["", code(report.command)])


def headline(found: dict[str, Result]) -> str:
    """How many verdicts fail or are undecided."""
    counts = {kind: sum(one is kind for one in found.values()) for kind in Result}
    every, plural = len(found), "" if len(found) == 1 else "s"
    parts = [f"{counts[Result.FAILS]} failing"] if counts[Result.FAILS] else []
    parts += [f"{counts[Result.UNDECIDED]} undecided"] if counts[Result.UNDECIDED] else []
    return f"{' and '.join(parts) or 'none failing'} of {every} verdict{plural}"


def _rows(report: Report, names: Sequence[str], found: dict[str, Result]) -> list[list[str]]:
    entries, expected = judged(report), expectations(report)
    return [
        [
            found[name].value,
            code(name),
            entries[name].verdict.value,
            expected[name] or "-",
            plain(estimate_text(entries[name])),
            plain(predicted_text(entries[name])),
        ]
        for name in names
    ]


def _reasons(report: Report, names: Sequence[str]) -> list[str]:
    entries = judged(report)
    return [f"- {code(name)}: {plain(entries[name].reason)}" for name in names]
