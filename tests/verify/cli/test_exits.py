"""One table of exit codes: in code, in the docs, and as commands end."""

import re
from pathlib import Path

import click
import pytest

from reports.exits import FAILS, MEANINGS, Exit, exit_text
from tests.verify.cli.test_cli import run
from verify.cli import COMMANDS, scaleproof

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "exit-codes.md"
TABLE = "depth,seed,y\n" + "".join(
    f"{depth},{seed},{depth**-1.5 * (1 + 0.01 * ((7 * seed + depth) % 5))}\n"
    for seed in range(8)
    for depth in (4, 8, 16, 32)
)
COLUMNS = ("--x", "depth", "--y", "y", "--replicate", "seed", "--margin", "0.1")


def rows(page: str) -> dict[str, str]:
    """Tables of two columns: the second by the first."""
    return dict(re.findall(r"^\| `?([^|`]*?)`? \| ([^|]*) \|$", page, re.M))


def test_the_page_has_the_codes_and_the_commands_that_the_code_has() -> None:
    said = rows(PAGE.read_text(encoding="utf-8"))
    assert {code: said[str(code)] for code in range(5)} == MEANINGS
    assert {name: said[name] for name in FAILS} == FAILS
    assert set(FAILS) <= set(COMMANDS)


@pytest.mark.parametrize("name", ["verify", "report", "judge", "guard"])
def test_every_command_that_ends_in_verdicts_takes_fail_on(name: str) -> None:
    command = scaleproof.get_command(click.Context(scaleproof), name)
    assert command is not None
    assert any("--fail-on" in option.opts for option in command.params)


def test_an_unknown_code_has_no_meaning() -> None:
    assert set(MEANINGS) == set(Exit)
    assert exit_text(3) == "Exit code 3: nothing fails, and something is undecided."
    assert exit_text(9) == "Exit code 9."


@pytest.mark.parametrize(
    ("claim", "fail_on", "code"),
    [
        (("--exponent", "-3/2"), (), Exit.PASSED),
        (("--exponent", "-1"), (), Exit.FAILED),
        (("--exponent", "-1.6"), (), Exit.UNDECIDED),
        (("--exponent", "-1.6"), ("--fail-on", "rejected"), Exit.UNDECIDED),
        (("--exponent", "-1.6"), ("--fail-on", "undecided"), Exit.FAILED),
        (("--exponent", "-1"), ("--fail-on", "changed"), Exit.FAILED),
    ],
)
def test_judge_ends_with_the_code_of_its_verdict(
    claim: tuple[str, str], fail_on: tuple[str, ...], code: Exit, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE)
    assert run("judge", table, *COLUMNS, *claim, *fail_on) == code
