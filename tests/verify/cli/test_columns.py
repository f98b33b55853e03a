"""Rows in columns: one line each where there is room, or the name above its cells."""

import pytest

from verify.cli.columns import in_columns, wrapped

ROWS = [
    ("prediction", "margin", "relation"),
    ("A1.a-name-that-has-no-room", "0.1", "exponent of L equal to that in another setting"),
    ("A2", "0.25", "exponent of L = 0"),
]


@pytest.mark.parametrize("width", [None, 84])
def test_a_row_is_a_line_where_there_is_room(width: int | None) -> None:
    assert list(in_columns(ROWS, width)) == [
        "prediction                  margin  relation",
        "A1.a-name-that-has-no-room  0.1     exponent of L equal to that in another setting",
        "A2                          0.25    exponent of L = 0",
    ]


def test_a_name_stands_above_its_cells_and_the_last_is_wrapped() -> None:
    assert list(in_columns(ROWS, 40)) == [
        "prediction",
        "  margin relation",
        "A1.a-name-that-has-no-room",
        "  0.1    exponent of L equal to that in",
        "         another setting",
        "A2",
        "  0.25   exponent of L = 0",
    ]


def test_nothing_but_the_last_cell_is_broken() -> None:
    lines = list(in_columns(ROWS, 10))
    assert "A1.a-name-that-has-no-room" in lines


def test_a_text_is_wrapped_under_its_indent_and_no_word_is_broken() -> None:
    assert wrapped("  A1.a-name-that-has-no-room of a claim that goes on", 26) == [
        "  A1.a-name-that-has-no-room",
        "    of a claim that goes",
        "    on",
    ]
    assert wrapped("", 80) == [""]
