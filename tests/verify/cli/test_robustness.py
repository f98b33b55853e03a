"""From a shell: readers that go, poor streams, warnings, empty names and endless ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verify.cli.test_cli import run
from verify.cli import COMMANDS, scaleproof

ROOT = Path(__file__).parents[3]


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command line in which SCALEPROOF is the command."""
    line = command.replace("SCALEPROOF", f"{sys.executable} {ROOT / 'scaleproof.py'}")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=variables, check=False
    )


@pytest.mark.parametrize(
    "arguments", ["list", "show A1.forward.depth", "--help", "list --help", "list --json"]
)
def test_a_reader_that_goes_is_no_error(arguments: str) -> None:
    done = shell(f"SCALEPROOF {arguments} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.split() in (["4"], ["0"])  # 0 where all had been written before
    assert done.stderr == ""


def test_a_disk_that_is_full_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no full device here")
    done = shell("SCALEPROOF list > /dev/full")
    assert done.returncode == 4
    assert done.stderr == (
        "scaleproof: the run failed: OSError: [Errno 28] No space left on device\n"
    )


def test_signs_that_a_terminal_lacks_are_written_otherwise() -> None:
    done = shell("SCALEPROOF show A1.forward.value", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_of_a_library_is_not_shown_unless_asked_for() -> None:
    program = (
        "import sys, warnings, logging, scaleproof; sys.argv = ['scaleproof', 'list', 'A1'];"
        "import verify.cli.catalogue as c; old = c.chosen;"
        "log = logging.getLogger('library');"
        "c.chosen = lambda *p: (warnings.warn('loud'), log.warning('loud'), old(*p))[2];"
        "scaleproof.main()"
    )
    quiet = shell(f'{sys.executable} -c "{program}"')
    assert quiet.stderr == ""
    asked = shell(f'{sys.executable} -W default -c "{program}"')
    assert "UserWarning: loud" in asked.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_no_signal_changes_an_exit_code_once_it_is_known(name: str) -> None:
    program = (
        "import atexit, signal, sys, scaleproof; sys.argv = ['scaleproof', 'list', 'A1'];"
        f"atexit.register(signal.raise_signal, signal.{name});"
        "scaleproof.main()"
    )
    done = shell(f'{sys.executable} -c "{program}"')
    assert (done.returncode, done.stderr) == (0, "")


PLACES = {
    "report": ("",),
    "compare": ("", ""),
    "record": ("",),
    "verify": ("A1", "--out", ""),
    "guard": ("net.py:factory", "--lock", ""),
}


@pytest.mark.parametrize("name", PLACES)
def test_an_empty_name_is_not_this_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, *PLACES[name]) == 2
    assert "is a variable unset?" in capsys.readouterr().err


def test_an_endless_name_does_not_make_an_endless_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "x\x1b[31m" * 100_000) == 2
    error = capsys.readouterr().err
    assert len(error) < 2100
    assert "\x1b" not in error


@pytest.mark.parametrize("count", ["0", "-1", "2147483648", "1e3", ""])
def test_numbers_of_workers_that_no_machine_has_are_refused(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", "A1", "--workers", count) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_all_that_is_missing_is_said_at_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    import click

    command = scaleproof.get_command(click.Context(scaleproof), name)
    assert command is not None
    required = [one for one in command.params if one.required]
    if not required:
        return
    assert run(name) == 2
    error = capsys.readouterr().err
    assert error.startswith("scaleproof: missing: ")
    assert error.count("\n") == 1
    assert error.count(",") == len(required) - 1
