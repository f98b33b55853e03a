"""``scaleproof cite``. Imports click and ``theory``."""

from __future__ import annotations

import click

from theory.catalogue import select
from theory.catalogue.bibliography import bibtex
from verify.cli.options import patterns_argument


@click.command("cite")
@patterns_argument
def cite_sources(patterns: tuple[str, ...]) -> None:
    """Print BibTeX of the sources of predictions, with the places they cite.

    PATTERN is a claim such as A9, an id or a shell pattern; without one, all sources are printed.
    """
    click.echo(bibtex(select(patterns)), nl=False)
