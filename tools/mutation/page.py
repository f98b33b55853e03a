"""docs/mutants.md: what became of the mutants of every module, and why the survivors may live."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

from tools.mutation.modules import TESTS

LEAST_KILLED = 0.95
SEED = 0  # of samples
_HEADER = """# Mutants

Does a broken program break a test? `tox run -e mutants` changes one token of a module at a time and
runs the tests that concern the module ([the map](../tools/mutation/modules.py)). A mutant is killed
when one of them fails or never ends. The tests of other modules and the campaigns do not count.

The operators are cosmic-ray's: signs, products, powers, comparisons, numbers by one, booleans,
conditions, loops. Names that come in pairs (min and max, low and high) are added. Annotations,
decorators and words are not changed. A survivor is *equivalent* when no value that a caller can see
differs; [a list](../tools/mutation/equivalent.toml) says why for each, and this page repeats it.
"""


@dataclass(frozen=True)
class _Result:
    module: str
    mutants: int
    tried: int
    equivalent: list[tuple[list[str], str]]
    unexplained: list[list[str]]

    @property
    def killed(self) -> int:
        return self.tried - len(self.equivalent) - len(self.unexplained)

    @property
    def share(self) -> float:
        """Killed mutants among those that are not equivalent."""
        return self.killed / max(1, self.tried - len(self.equivalent))

    def row(self) -> str:
        return (
            f"| `{self.module}` | {self.mutants} | {self.tried} | {self.killed} | {self.share:.1%} "
            f"| {len(self.equivalent)} | {len(self.unexplained)} |"
        )


def write_page(root: Path) -> int:
    """Write the page from the stored results; 1 where it reports a failure, else 0."""
    listed = tomllib.loads((root / "tools/mutation/equivalent.toml").read_text())["equivalent"]
    reasons = {(e["module"], e["function"], e["line"], e["mutated"]): e["reason"] for e in listed}
    results = [_result(path, module, reasons) for module, path in _stored(root)]
    (root / "docs/mutants.md").write_text(_page(results))
    used = {(r.module, *key) for r in results for key, _ in r.equivalent}
    # A sample may leave an equivalent out.
    measured = {r.module for r in results if r.tried == r.mutants}
    idle = [key for key in reasons if key[0] in measured and key not in used]
    for key in idle:
        click.echo("\n  ".join(("killed, but listed as equivalent:", *key)))
    failed = [r for r in results if r.share < LEAST_KILLED or r.unexplained]
    return int(bool(failed or idle))


def _stored(root: Path) -> list[tuple[str, Path]]:
    paths = ((module, stored_in(root, module)) for module in TESTS)
    return [(module, path) for module, path in paths if path.exists()]


def stored_in(root: Path, module: str) -> Path:
    """Where a module's results stand, so that running another module keeps its part of the page."""
    return root / "tools/mutation/results" / (module.replace("/", ".") + ".json")


def _result(path: Path, module: str, reasons: dict[tuple[str, str, str, str], str]) -> _Result:
    stored = json.loads(path.read_text())
    keys = [tuple(key) for key in stored["survivors"]]
    equivalent = [(list(key[1:]), reasons[key]) for key in keys if key in reasons]
    unexplained = [list(key[1:]) for key in keys if key not in reasons]
    return _Result(module, stored["mutants"], stored["tried"], equivalent, unexplained)


def _not_run(results: list[_Result]) -> str:
    missing = [f"`{module}`" for module in TESTS if module not in {r.module for r in results}]
    return f" Not run yet: {', '.join(missing)}." if missing else ""


def _page(results: list[_Result]) -> str:
    total = sum(r.tried for r in results)
    killed = sum(r.killed for r in results)
    equivalent = sum(len(r.equivalent) for r in results)
    lines = [
        _HEADER,
        f"{killed} of {total} mutants are killed, {equivalent} are equivalent. Shares are those of",
        "killed mutants among those that are not equivalent. Where fewer were tried than there",
        f"are, they are a sample (seed {SEED}).{_not_run(results)}",
        "",
        "| module | mutants | tried | killed | share | equivalent | unexplained |",
        "|---|---|---|---|---|---|---|",
        *(r.row() for r in results),
        "",
    ]
    for r in results:
        if r.equivalent or r.unexplained:
            lines += [f"## Survivors in {r.module}\n"]
            lines += [_survivor(key, reason) for key, reason in r.equivalent]
            lines += [_survivor(key, "**not explained**") for key in r.unexplained]
            lines += [""]
    return "\n".join(lines)


def _survivor(key: list[str], reason: str) -> str:
    function, line, mutated = key
    return f"- `{function or 'module'}`: `{line}` → `{mutated}`  \n  {reason}"
