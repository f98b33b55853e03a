"""The page of published tables: every cell, both sides of what differs, and what has no place."""

import re

from theory.catalogue.published import FILES, publication, tables
from verify.documents.published import published


def rows(what: str) -> list[list[str]]:
    """The cells of a block's table, without its header."""
    lines = [line for line in published(what) or [] if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_there_is_a_row_for_every_cell() -> None:
    for name in FILES:
        cells = [entry for table in publication(name).tables for entry in table.entries]
        assert len(rows(name)) == len(cells)


def test_the_sentence_counts_what_the_rows_count() -> None:
    said = (published("counts") or [""])[0]
    total, tables_said, agree, differ, open_, elsewhere = map(int, re.findall(r"\d+", said))
    assert total == agree + differ + open_ + elsewhere
    assert tables_said == len(rows("counts")) == len(tables())
    columns = list(zip(*rows("counts"), strict=True))
    assert [sum(map(int, column)) for column in columns[4:8]] == [agree, differ, open_, elsewhere]
    assert elsewhere == sum(int(count) for _, count in rows("no-place"))


def test_both_sides_of_every_disagreement_are_shown() -> None:
    shown = rows("disagreements")
    known = [one for table in tables() for one in table.known]
    assert {row[4] for row in shown} == {one.reason for one in known}
    (unit_scaling,) = (row for row in shown if row[1] == "rate of input" and "u-muP" in row[5])
    assert unit_scaling[:4] == ["adam", "rate of input", "n^-1/2", "1 (preset)"]
    assert "slide 21: u-muP" in unit_scaling[5]
    assert all(table.known for table in tables() if any(str(table) in row[5] for row in shown))


def test_a_cell_says_what_was_printed_and_what_came_of_it() -> None:
    (row,) = (
        row
        for row in rows("completep")
        if row[:3] == ["Table 1", "alpha = 1/2", "Hidden WD (AdamW): alpha in {0.5, 1}"]
    )
    assert row[3:] == ["hidden", "decay (adam)", "`lambda_base m_N`", "n", "differs"]
    (both,) = (row for row in rows("mup") if row[:3] == ["Table 3", "muP", SHARED_CELL])
    assert both[-1] == "agrees"


SHARED_CELL = "SGD LR: Input weights & all biases"


def test_what_is_not_found_is_named() -> None:
    lines = published("not-found") or []
    assert lines
    assert all(line.startswith("- arXiv") or "Deriving Muon" in line for line in lines)


def test_there_is_no_other_block() -> None:
    assert published("poem") is None
