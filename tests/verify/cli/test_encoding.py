"""Terminals that lack letters: what is said there looks like what is meant."""

import os
import subprocess
import sys

import pytest

PROGRAM = (
    "import sys, click, scaleproof, verify.cli.encoding as e; e.write_what_can_be_written(); "
    "said = '0 \\xb1 0.1 \\u2026 \\u2192'; print(said); click.echo(said); "
    "print('\\xb1', file=sys.stderr)"
)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("ascii", "0 +- 0.1 ... ?"), ("latin-1", "0 ± 0.1 ... ?"), ("utf-8", "0 ± 0.1 … →")],
)
def test_letters_that_an_encoding_lacks_are_replaced(encoding: str, said: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True
    )
    assert ran.stdout.decode(encoding).splitlines() == [said, said]


def test_a_command_ends_well_where_the_terminal_has_ascii_only() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "scaleproof", "show", "A1"]
    ran = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"claimed: exponent of L = 0 +- 0.1" in ran.stdout
    assert ran.stdout.isascii()
