"""``scaleproof compare``: what changed between two runs. Imports click, ``reports``, ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

from reports.comparison import html, markdown, terminal
from reports.exits import Exit
from verify.cli.options import Place, json_option, out_option
from verify.cli.output import folder, say_exit, stdout_console
from verify.comparing.sources import compare_files


@click.command("compare")
@click.argument("before", metavar="A", type=Place())
@click.argument("after", metavar="B", type=Place())
@out_option("comparison.html and comparison.md")
@json_option
def compare_runs(before: Path, after: Path, out: Path | None, as_json: bool) -> int:
    """Show which verdicts changed between two runs, and which estimates moved.

    A and B are two reports of verify, report or judge, or two of guard: a report.json, a
    guard.json, a lock file, or a folder with one of the first two. An estimate moved where the
    joint interval of both excludes no difference.
    """
    comparison = compare_files(before, after)
    if out is not None:
        folder(out)
        (out / "comparison.html").write_text(html.render(comparison), encoding="utf-8")
        (out / "comparison.md").write_text(markdown.render(comparison), encoding="utf-8")
    document = comparison.model_dump_json(indent=2) + "\n"
    text = document if as_json else terminal.render(comparison, stdout_console())
    click.echo(text, nl=False)
    return say_exit(Exit.FAILED if comparison.changed else Exit.PASSED)
