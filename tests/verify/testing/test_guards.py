"""What repeats a guard of a test: a command where a file has the factory, a call elsewhere."""

import functools
import os
from pathlib import Path
from typing import Any

import pytest

from verify.testing import guards
from verify.testing.guards import Asked, _slug

HERE = Path(__file__).parent


def factory(width: int, seed: int) -> Any:
    """Never called here."""


def test_a_factory_of_a_file_is_repeated_by_a_command() -> None:
    asked = Asked.of(factory, {"widths": (8, 16, 32), "expect": "stable"}, "test", profile="quick")
    assert asked.command(HERE) == (
        "scaleproof guard test_guards.py:factory --seeds 3 --steps 1 --widths 8,16,32 "
        "--expect stable --mend"
    )


def test_any_other_factory_is_repeated_by_a_call() -> None:
    def local(width: int) -> Any: ...

    options = {"widths": (8, 16, 32)}
    assert Asked.of(local, options, "test").command(HERE) == (
        "scaleproof.guard(local, widths=(8, 16, 32), mend=True)"
    )
    bound = functools.partial(factory, seed=0)
    assert Asked.of(bound, options, "test").command(HERE) == (
        "scaleproof.guard(factory, widths=(8, 16, 32), mend=True)"
    )


@pytest.mark.parametrize(
    ("test", "file"),
    [
        ("tests/test_net.py::test_scales", "tests.test_net.py-test_scales"),
        ("test_net.py::Test::test_a[0.5-x y]", "test_net.py-Test-test_a-0.5-x-y-ce274673"),
        ("test_net.py::Test::test_a[0.5-x-y]", "test_net.py-Test-test_a-0.5-x-y"),
    ],
)
def test_a_lock_file_has_the_name_of_its_test(test: str, file: str) -> None:
    assert _slug(test) == file


def test_long_names_of_tests_are_cut_and_stay_different() -> None:
    first, second = (_slug("test_" + "x" * 300 + end) for end in "ab")
    assert first != second
    assert len(first) < 140


def test_results_of_the_oldest_code_are_forgotten(tmp_path: Path) -> None:
    for number in range(guards._MOST_KEPT + 3):
        path = tmp_path / f"guard-{number}.json"
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (number, number))
    guards._forget_oldest(tmp_path)
    left = sorted(int(path.stem.partition("-")[2]) for path in tmp_path.glob("guard-*.json"))
    assert left == list(range(3, guards._MOST_KEPT + 3))
