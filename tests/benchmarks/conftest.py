"""What the benchmarks found, as the rows of docs/benchmarks.md."""

from typing import Any

import pytest


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line a benchmark, with everything that it kept."""
    session = getattr(config, "_benchmarksession", None)
    rows = [] if session is None else [bench for bench in session.benchmarks if bench.extra_info]
    if not rows:
        return
    terminalreporter.section("figures")
    for bench in rows:
        found = ", ".join(f"{name} {_number(value)}" for name, value in bench.extra_info.items())
        terminalreporter.write_line(f"| {bench.name} | {found} |")
