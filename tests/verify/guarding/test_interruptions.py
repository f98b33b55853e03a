"""Ctrl-C and SIGTERM: what was measured until then is judged and said, in no case a traceback."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.verify.guarding.small import (
    WIDTHS,
    adam,
    assert_healthy,
    batch_of,
    cross_entropy,
    guarded,
    mlp,
    randomness_stays,
)
from theory.scaling import Axis
from verify.guarding.result import Guard
from verify.guarding.run import Interrupted

# A factory is called twice before the first cell, to see how updates scale.
BEFORE = 2
DEPTHS = (2, 4, 8)


def interrupted_at(
    call: int = 0, wrong: str = "", deep: bool = False, at_seed: int = -1
) -> Callable[..., Any]:
    """A factory during whose so-manieth call, or at whose seed, somebody presses Ctrl-C."""
    calls = 0

    def factory(width: int, seed: int, depth: int = 1) -> Any:
        nonlocal calls
        calls += 1
        if calls == call or seed == at_seed:
            raise KeyboardInterrupt
        model = mlp(width, depth)
        return model, adam(model, width, wrong), batch_of(seed), cross_entropy

    return factory if deep else lambda width, seed: factory(width, seed)


def so_far(factory: Callable[..., Any], **options: Any) -> Guard:
    """What is known when the guard was interrupted; random states are as they were."""
    with randomness_stays(), pytest.raises(Interrupted) as stop:
        guarded(factory, **options)
    return stop.value.so_far


def test_whole_seeds_are_judged() -> None:
    found = so_far(interrupted_at(BEFORE + 2 * len(WIDTHS) + 2), seeds=4)
    assert_healthy(found, "2.weight")
    assert found.document.exit_code == 4
    assert not found.ok
    assert found.document.runs[0].seeds == [0, 1]
    assert found.document.runs[0].looks == [2]
    assert found.document.notes[0] == "Interrupted; width is judged by 2 of 4 seeds."
    assert "Exit code 4: interrupted" in found.report()


def test_a_fault_is_named_by_the_seeds_there_are() -> None:
    found = so_far(interrupted_at(BEFORE + 3 * len(WIDTHS) + 1, "2.weight"), seeds=4, mend=True)
    assert [fault.parameters for fault in found.faults] == [["2.weight"]]
    assert found.document.exit_code == 4
    assert found.document.notes[0].endswith("; mends were not tried.")


def test_an_axis_without_two_whole_seeds_is_not_judged() -> None:
    cells = 3 * len(WIDTHS)
    factory = interrupted_at(2 * BEFORE + cells + len(DEPTHS) + 1, deep=True)
    found = so_far(factory, depths=DEPTHS)
    assert [run.axis for run in found.document.runs] == [Axis.WIDTH]
    assert {entry.axis for entry in found.entries} == {Axis.WIDTH}
    assert "depth is not judged: fewer than 2 seeds were whole" in found.document.notes[0]


@pytest.mark.parametrize("call", [1, 2, BEFORE + 1, BEFORE + 2 * len(WIDTHS)])
def test_with_fewer_than_two_seeds_nothing_is_judged(call: int) -> None:
    with randomness_stays(), pytest.raises(KeyboardInterrupt, match="nothing is judged") as stop:
        guarded(interrupted_at(call))
    assert not isinstance(stop.value, Interrupted)


def test_a_mend_that_is_interrupted_leaves_the_fault() -> None:
    found = so_far(interrupted_at(wrong="2.weight", at_seed=10_001), mend=True)
    assert [fault.verified for fault in found.faults] == [None]
    assert max(found.document.runs[0].seeds) < 12
    assert found.document.notes[0] == "Interrupted; mends were not tried."


def test_best_rates_that_are_interrupted_are_left_out() -> None:
    rates = [2.0**-power for power in range(4, 8)]
    found = so_far(interrupted_at(BEFORE + 3 * len(WIDTHS) + 2), rates=rates)
    assert found.document.rates == []
    assert found.document.notes[0] == "Interrupted; best rates were not judged."


def test_the_seeds_of_a_later_look_are_judged_as_far_as_they_are_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("verify.guarding.looks._can_be_decided", lambda judged, _: list(judged))
    found = so_far(interrupted_at(BEFORE + 4 * len(WIDTHS) + 2))
    assert found.document.runs[0].seeds == [0, 1, 2, 3]
    assert found.document.runs[0].looks == [3, 4]
    assert found.document.notes[0] == "Interrupted."


# From a shell

NETWORK = """
import os, signal
from tests.verify.guarding.small import adam, batch_of, cross_entropy, mlp

calls = 0


def factory(width, seed):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.{name})
    model = mlp(width)
    return model, adam(model, width), batch_of(seed), cross_entropy
"""


@pytest.mark.parametrize(
    ("name", "call", "said"),
    [
        ("SIGTERM", BEFORE + 2 * len(WIDTHS) + 1, "Exit code 4: interrupted"),
        pytest.param("SIGINT", 1, "", marks=pytest.mark.slow),
    ],
)
def test_signals_of_a_shell(name: str, call: int, said: str, tmp_path: Path) -> None:
    network, lock = tmp_path / "net.py", tmp_path / "scaling.lock.json"
    network.write_text(NETWORK.format(call=call, name=name))
    options = ["--widths", "32,64,128", "--steps", "1", "--lock", lock.name, "--update"]
    ended = subprocess.run(
        [sys.executable, "-m", "scaleproof", "guard", "net.py:factory", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parents[3])},
        preexec_fn=_heeds_ctrl_c,
    )
    assert ended.returncode == 4, ended.stderr
    assert "Traceback" not in ended.stderr
    shown = " ".join(ended.stdout.split())
    assert said in shown
    assert not lock.exists()
    if said:
        assert f"{lock.name} was not written: the run was interrupted." in shown
    else:
        assert ended.stdout == ""
        assert ended.stderr.splitlines()[-1] == (
            "scaleproof: interrupted before two seeds of every size were measured; "
            "nothing is judged"
        )


def _heeds_ctrl_c() -> None:
    """A shell in the background has its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
