"""Exit codes: one table for every command. Imports the standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    UNDECIDED = 3
    STOPPED = 4


MEANINGS: Mapping[int, str] = {
    Exit.PASSED: "nothing fails",
    Exit.FAILED: "something fails",
    Exit.USAGE: "bad input",
    Exit.UNDECIDED: "nothing fails, and something is undecided",
    Exit.STOPPED: "interrupted, or the run failed; what was measured is kept",
}

_BY_VERDICT = "a verdict that is not the expected one, or that --fail-on names"
# What fails, by command. The others have no verdicts, and end with 0, 2 or 4.
FAILS: Mapping[str, str] = {
    "verify": _BY_VERDICT,
    "report": _BY_VERDICT,
    "judge": _BY_VERDICT,
    "guard": "a fault, a change against the lock file, or a verdict that --fail-on names",
    "compare": "a verdict that changed, or an estimate that moved",
    "fuzz": "a disagreement of networks with power counting",
}


def exit_text(code: int) -> str:
    """An exit code and what it means, as a sentence."""
    meaning = MEANINGS.get(code)
    return f"Exit code {code}" + (f": {meaning}." if meaning else ".")
