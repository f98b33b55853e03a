"""Try every mutant and write docs/mutants.md: ``python -m tools.mutation [module ...]``.

Fails where fewer than 95 percent are killed, where a survivor has no reason, and where a reason has
no survivor. The page is made of the results of all modules, which stand in ``results``.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import click

from tools.mutation.modules import TESTS
from tools.mutation.mutants import mutants_of
from tools.mutation.page import SEED, stored_in, write_page
from tools.mutation.session import killed

ROOT = Path(__file__).parents[2]


@click.command()
@click.argument("modules", nargs=-1)
@click.option("--sample", type=int, help="Of larger modules, only so many mutants.")
@click.option("--survivors", is_flag=True, help="Only those that survived the last time.")
def main(modules: tuple[str, ...], sample: int | None, survivors: bool) -> None:
    """Run the given modules, all if none, and write the page."""
    # One thread: forked processes inherit no pool of them. CI: tests draw the same examples.
    os.environ |= {"OMP_NUM_THREADS": "1", "CI": "1"}
    # What tests import of others is imported once, before the first fork.
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401
    import statsmodels.regression.linear_model  # noqa: F401
    import torch  # noqa: F401

    for module in modules or TESTS:
        stored = stored_in(ROOT, module)
        mutants = list(mutants_of(module, (ROOT / module).read_text()))
        tried = mutants
        if sample is not None and len(mutants) > sample:
            tried = random.Random(SEED).sample(mutants, sample)  # noqa: S311
        result: dict[str, Any] = {"mutants": len(mutants), "tried": len(tried)}
        if survivors:
            result = json.loads(stored.read_text())
            tried = [mutant for mutant in mutants if list(mutant.key) in result["survivors"]]
        dead = killed(ROOT, module, TESTS[module], tried)
        alive = [mutant.key for mutant, is_dead in zip(tried, dead, strict=True) if not is_dead]
        stored.write_text(json.dumps(result | {"survivors": alive}, indent=1) + "\n")
        click.echo(f"{module}: {len(tried)} mutants, {len(alive)} survive")
    sys.exit(write_page(ROOT))


if __name__ == "__main__":
    main()
